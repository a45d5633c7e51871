#include "glmm/nested_modes.hpp"

#include "glmm/nested_dispatch.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// The search starts 1.5 and 3 along each axis; given u_a the leaves are independent, so the axes of
// all leaves of a cluster are tried at once.
template <int QB, int QA>
bool has_better_mode(const NestedDesign& design, NestedCluster<QB, QA>& cluster, Index i,
                     Modes& start) {
  auto height = [&] {
    const bool ok = cluster.evaluate(i, start[0], start[1], 0) == Status::ok;
    return ok ? cluster.mode().height() : -kInf;
  };
  const double origin = height();
  auto better = [&] { return height() > origin + 1e-6 * (1 + std::fabs(origin)); };
  auto at_leaves = [&](Index r, double shift) {
    for (Index l = design.first_leaf[i]; l < design.first_leaf[i + 1]; ++l)
      start[1](r, design.leaf_level[l]) = shift;
  };
  bool found = false;
  for (double shift : {-3.0, -1.5, 1.5, 3.0}) {
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

}  // namespace

Index nested_better_modes(const NestedDesign& design, Family& family, const VectorXd& psi,
                          const RunContext& context) {
  if (family.log_concave()) return 0;
  if (family.has_dispersion()) family.set_log_dispersion(psi[psi.size() - 1]);
  const NestedRule laplace = nested_rule(1, 1, design.qa, design.qb);
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<Index> found(blocks.size(), 0);
  dispatch_nested(design, [&](auto QB, auto QA) {
    for_each_block(blocks, context, [&](int b, const Block& block) {
      NestedCluster<decltype(QB)::value, decltype(QA)::value> cluster(design, family, laplace, psi);
      Modes start = zero_modes(design);
      for (Index i = block.first; i < block.last; ++i)
        found[b] += has_better_mode(design, cluster, i, start);
    });
  });
  Index total = 0;
  for (Index count : found) total += count;
  return total;
}

}  // namespace margmix
