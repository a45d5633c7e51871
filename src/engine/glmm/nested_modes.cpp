#include "glmm/nested_modes.hpp"

#include "design/dispersion.hpp"
#include "glmm/nested_cluster.hpp"
#include "glmm/peaks.hpp"

namespace margmix {

namespace {

// Is there a higher joint mode than the one that is found from u = 0? Given u_a the leaves are
// independent, so the axes of all leaves of a cluster are tried at once.
bool has_better_mode(const NestedDesign& design, NestedCluster& cluster, Index i, Modes& start) {
  auto height = [&] {
    const bool ok = cluster.evaluate(i, start[0], start[1], 0) == Status::ok;
    return ok ? cluster.height() : -kInf;
  };
  const double origin = height();
  auto better = [&] { return is_higher(height(), origin); };
  auto at_leaves = [&](Index r, double shift) {
    for (Index l = design.first_leaf[i]; l < design.first_leaf[i + 1]; ++l)
      start[1](r, design.leaf_level[l]) = shift;
  };
  bool found = false;
  for (double shift : kModeStarts) {
    for (Index r = 0; r < design.qa && !found; ++r) {
      start[0](r, i) = shift;
      found = better();
      start[0](r, i) = 0;
    }
    for (Index r = 0; r < design.qb && !found; ++r) {
      at_leaves(r, shift);
      found = better();
      at_leaves(r, 0);
    }
  }
  return found;
}

// Given u_a at the joint mode, the integral over the u_b of each leaf is that of one level.
double missed_by_leaves(const NestedDesign& design, const Family& family,
                        const NestedCluster& cluster, const ProductRule& rule, Index i) {
  double missed = 0;
  const VectorXd u_a = cluster.top_mode().u;
  Mode<Dynamic> alone;
  for (Index l = 0; l < design.leaves_of(i); ++l) {
    const NestedCluster::LeafRows leaf = cluster.leaf_rows(l);
    const Index n = leaf.rows.n;
    alone.reserve(n, design.qb);
    alone.n = n;
    alone.V = leaf.V.leftCols(design.qb);
    alone.eta0 = leaf.eta0 + leaf.V.rightCols(design.qa) * u_a;
    Peaks peaks(family, leaf.rows, alone);
    const VectorXd at = cluster.leaf_mode(l).u.head(design.qb);
    if (peaks.search(at)) missed += leaf.weight * peaks.missed(rule);
  }
  return missed;
}

}  // namespace

OtherModes nested_other_modes(const NestedDesign& design, Family& family, const NestedRule& rule,
                              const VectorXd& psi, const RunContext& context,
                              const VectorXd& cluster_weights) {
  if (family.log_concave()) return {};
  set_dispersion(design.flat, psi, family);
  const NestedRule laplace = nested_rule(1, 1, design.qa, design.qb);
  return sum_other_modes(design.clusters(), context, [&](const Block& block, OtherModes& found) {
    const auto cluster = nested_cluster(design, family, laplace, psi);
    Modes start = zero_modes(design);
    for (Index i = block.first; i < block.last; ++i) {
      found.better += has_better_mode(design, *cluster, i, start);
      if (cluster->evaluate(i, start[0], start[1], 0) == Status::ok)
        found.missed += (cluster_weights.size() ? cluster_weights[i] : 1.0) *
                        missed_by_leaves(design, family, *cluster, rule.leaf, i);
    }
  });
}

}  // namespace margmix
