// The log-likelihood of a model with two nested levels as a sum over independent clusters.
#pragma once

#include "glmm/nested.hpp"
#include "glmm/objective.hpp"

namespace margmix {

struct NestedResult : Totals {
  MatrixXd top, leaf;    // modes of u: q_a x clusters, q_b x levels of the finer factor
  MatrixXd scores;       // P x clusters
  MatrixXd information;  // p * p x clusters
  VectorXd values;       // log-likelihood of each cluster, without the constant
};

// Modes of both levels; empty matrices stand for zeros.
struct NestedModes {
  MatrixXd top, leaf;

  NestedModes(const NestedDesign& design, const MatrixXd& top_start, const MatrixXd& leaf_start)
      : top(top_start), leaf(leaf_start) {
    if (!top.size()) top = MatrixXd::Zero(design.qa, design.clusters());
    if (!leaf.size()) leaf = MatrixXd::Zero(design.qb, design.leaves());
  }
};

template <int QB, int QA>
void accumulate_nested(const NestedDesign& design, const Family& family, const NestedRule& rule,
                       const VectorXd& psi, const ObjectiveRequest& ask, const RunContext& context,
                       NestedResult& out) {
  const Index P = psi.size();
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<Totals> totals(blocks.size());
  const bool warm = family.log_concave();
  const NestedModes zero(design, {}, {});
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    Totals& sum = totals[b];
    if (ask.order >= 1) sum.gradient = VectorXd::Zero(P);
    if (ask.order >= 2) sum.hessian = MatrixXd::Zero(P, P);
    NestedCluster<QB, QA> cluster(design, family, rule, psi);
    for (Index i = block.first; i < block.last; ++i) {
      const Status status =
          cluster.evaluate(i, warm ? out.top : zero.top, warm ? out.leaf : zero.leaf, ask.order);
      sum.status = worst(sum.status, status);
      sum.value += out.values[i] = cluster.value();
      if (status != Status::ok) continue;
      cluster.store_modes(i, out.top, out.leaf);
      if (ask.scores) {
        cluster.add_gradient(out.scores.col(i).data());
        sum.gradient += out.scores.col(i);
      } else if (ask.order >= 1) {
        cluster.add_gradient(sum.gradient.data());
      }
      if (ask.order >= 2) cluster.add_hessian(sum.hessian);
      if (ask.information)
        Eigen::Map<MatrixXd>(out.information.col(i).data(), design.flat.p(), design.flat.p()) =
            -cluster.beta_hessian();
    }
  });
  out.collect(totals, family.constant(design.flat.response), P, ask.order, finished);
}

// Compiled once each, in nested_1.cpp and nested_n.cpp.
extern template class NestedCluster<1, 1>;
extern template class NestedCluster<Dynamic, Dynamic>;

// Runs call(QB, QA) with the numbers of random columns as constants where both are one.
template <class Call>
void dispatch_nested(const NestedDesign& design, Call call) {
  if (design.qa == 1 && design.qb == 1)
    return call(std::integral_constant<int, 1>(), std::integral_constant<int, 1>());
  call(std::integral_constant<int, Dynamic>(), std::integral_constant<int, Dynamic>());
}

// As objective(), with a rule and modes for each level.
inline NestedResult nested_objective(const NestedDesign& design, Family& family,
                                     const NestedRule& rule, const VectorXd& psi,
                                     const NestedModes& modes, const ObjectiveRequest& ask,
                                     const RunContext& context) {
  const Index P = parameter_count(design.flat, family);
  if (family.has_dispersion()) family.set_log_dispersion(psi[P - 1]);
  NestedResult out;
  out.top = modes.top;
  out.leaf = modes.leaf;
  out.values.setConstant(design.clusters(), kNaN);
  if (ask.scores) out.scores = MatrixXd::Zero(P, design.clusters());
  if (ask.information) out.information.resize(design.flat.p() * design.flat.p(), design.clusters());
  dispatch_nested(design, [&](auto QB, auto QA) {
    accumulate_nested<decltype(QB)::value, decltype(QA)::value>(design, family, rule, psi, ask,
                                                                context, out);
  });
  if (ask.order < 2 || !family.has_dispersion() || ask.known_phi || out.status != Status::ok)
    return out;
  constexpr double h = 1e-4;
  VectorXd column = VectorXd::Zero(P);
  const NestedModes found(design, out.top, out.leaf);
  for (const auto& [step, weight] : {std::pair{h, 8.0}, {-h, -8.0}, {2 * h, -1.0}, {-2 * h, 1.0}}) {
    VectorXd at = psi;
    at[P - 1] += step;
    column += weight / (12 * h) *
              nested_objective(design, family, rule, at, found, {1}, context).gradient;
  }
  family.set_log_dispersion(psi[P - 1]);
  out.hessian.col(P - 1) = column;
  out.hessian.row(P - 1) = column.transpose();
  return out;
}

}  // namespace margmix
