// The log-likelihood with a random intercept of the bridge distribution, as a sum over clusters.
// psi = (beta, sigma).
#pragma once

#include "glmm/bridge_cluster.hpp"
#include "glmm/objective.hpp"

namespace margmix {

inline void accumulate_bridge(const Design& design, const Family& family, int K, const double* psi,
                              const ObjectiveRequest& ask, const Block& block, Totals& sum,
                              ObjectiveResult& out) {
  const Index p = design.p(), P = p + 1;
  if (ask.order >= 1) sum.gradient = VectorXd::Zero(P);
  if (ask.order >= 2) sum.hessian = MatrixXd::Zero(P, P);
  BridgeCluster cluster(design, family, K, psi);
  for (Index i = block.first; i < block.last; ++i) {
    const Status status = cluster.evaluate(i, ask.order);
    sum.status = worst(sum.status, status);
    sum.value += cluster.value();
    if (status != Status::ok) continue;
    if (ask.order >= 1) sum.gradient += cluster.gradient_sum();
    if (ask.order >= 2) sum.hessian += cluster.hessian_sum();
    if (ask.scores) out.scores.col(i) = cluster.gradient_sum();
    if (ask.information)
      Eigen::Map<MatrixXd>(out.information.col(i).data(), p, p) =
          -cluster.hessian_sum().topLeftCorner(p, p);
  }
}

inline ObjectiveResult bridge_objective(const Design& design, const Family& family, int K,
                                        const VectorXd& psi, const ObjectiveRequest& ask,
                                        const RunContext& context) {
  const Index P = design.p() + 1;
  ObjectiveResult out;
  out.modes = MatrixXd::Zero(1, design.clusters());
  if (ask.scores) out.scores = MatrixXd::Zero(P, design.clusters());
  if (ask.information) out.information.resize(design.p() * design.p(), design.clusters());
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<Totals> totals(blocks.size());
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    accumulate_bridge(design, family, K, psi.data(), ask, block, totals[b], out);
  });
  out.collect(totals, family.constant(design.response), P, ask.order, finished);
  return out;
}

}  // namespace margmix
