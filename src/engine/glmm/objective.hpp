// The log-likelihood of a mixed model as a sum over independent clusters, with exact derivatives.
#pragma once

#include <cmath>
#include <vector>

#include "core/run_context.hpp"
#include "glmm/cluster.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

struct ObjectiveRequest {
  int order = 0;             // 0 value, 1 gradient, 2 Hessian
  bool scores = false;       // per-cluster gradients
  bool information = false;  // per-cluster minus Hessian in beta
  bool known_phi = false;    // leave the row and column of log phi out of the Hessian
};

// What a shard of clusters adds to the whole: totals add.
struct Totals {
  double value = 0;
  VectorXd gradient;  // P
  MatrixXd hessian;   // P x P
  Status status = Status::ok;

  void add(const Totals& other, int order) {
    value += other.value;
    if (order >= 1) gradient += other.gradient;
    if (order >= 2) hessian += other.hessian;
    status = worst(status, other.status);
  }

  // The sum of `parts` and a constant; interrupted unless they are `finished`.
  void collect(const std::vector<Totals>& parts, double constant, Index P, int order,
               bool finished) {
    value = constant;
    status = finished ? Status::ok : Status::interrupted;
    if (order >= 1) gradient = VectorXd::Zero(P);
    if (order >= 2) hessian = MatrixXd::Zero(P, P);
    for (const Totals& part : parts)
      if (finished) add(part, order);
  }
};

struct ObjectiveResult : Totals {
  MatrixXd modes;        // q x clusters, spherical scale u
  MatrixXd scores;       // P x clusters
  MatrixXd information;  // p * p x clusters
};

inline Index parameter_count(const Design& design, const Family& family) {
  return design.p() + design.n_theta() + (family.has_dispersion() ? 1 : 0);
}

// A warm start is used only where h is log-concave; elsewhere the search starts at u = 0, so that
// the value is a function of the parameters alone.
template <int Q>
void accumulate(const Design& design, const Family& family, const ProductRule& rule,
                const Parameters& psi, const ObjectiveRequest& ask, const RunContext& context,
                ObjectiveResult& out) {
  const Index P = parameter_count(design, family);
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<Totals> totals(blocks.size());
  const bool warm = family.log_concave();
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    Totals& sum = totals[b];
    if (ask.order >= 1) sum.gradient = VectorXd::Zero(P);
    if (ask.order >= 2) sum.hessian = MatrixXd::Zero(P, P);
    Cluster<Q> cluster(design, family, rule, psi);
    VectorQ<Q> start = VectorQ<Q>::Zero(design.q());
    for (Index i = block.first; i < block.last; ++i) {
      if (warm) start = out.modes.col(i);
      const Status status = cluster.evaluate(i, start, ask.order);
      sum.status = worst(sum.status, status);
      sum.value += cluster.value();
      if (status != Status::ok) continue;
      out.modes.col(i) = cluster.mode().u;
      if (ask.order >= 1) {
        if (ask.scores) {
          cluster.add_gradient(out.scores.col(i).data());
          sum.gradient += out.scores.col(i);
        } else {
          cluster.add_gradient(sum.gradient.data());
        }
      }
      if (ask.order >= 2) cluster.add_hessian(sum.hessian);
      if (ask.information)
        Eigen::Map<MatrixXd>(out.information.col(i).data(), design.p(), design.p()) =
            -cluster.beta_hessian();
    }
  });
  out.collect(totals, family.constant(design.response), P, ask.order, finished);
}

// Compiled once each, in cluster_1.cpp, cluster_2.cpp and cluster_n.cpp.
extern template class Cluster<1>;
extern template class Cluster<2>;
extern template class Cluster<Dynamic>;

// Runs `call.operator()<Q>()` with the number of random columns as a constant where it is small.
template <class Call>
void dispatch_q(Index q, Call call) {
  switch (q) {
    case 1: return call(std::integral_constant<int, 1>());
    case 2: return call(std::integral_constant<int, 2>());
    default: return call(std::integral_constant<int, Dynamic>());
  }
}

// psi = (beta, theta, log phi). `modes` (q x clusters, may be empty) are starting values. The
// column of the Hessian in log phi is a central difference of the exact gradient.
inline ObjectiveResult objective(const Design& design, Family& family, const ProductRule& rule,
                                 const VectorXd& psi, const MatrixXd& modes,
                                 const ObjectiveRequest& ask, const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  const Index P = parameter_count(design, family);
  family.set_log_dispersion(parameters.log_phi);
  ObjectiveResult out;
  out.modes = modes.size() ? modes : MatrixXd::Zero(design.q(), design.clusters());
  if (ask.scores) out.scores = MatrixXd::Zero(P, design.clusters());
  if (ask.information) out.information.resize(design.p() * design.p(), design.clusters());
  dispatch_q(design.q(), [&](auto q) {
    accumulate<decltype(q)::value>(design, family, rule, parameters, ask, context, out);
  });
  if (ask.order < 2 || !family.has_dispersion() || ask.known_phi || out.status != Status::ok)
    return out;
  constexpr double h = 1e-4;
  VectorXd column = VectorXd::Zero(P);
  for (const auto& [step, weight] : {std::pair{h, 8.0}, {-h, -8.0}, {2 * h, -1.0}, {-2 * h, 1.0}}) {
    VectorXd at = psi;
    at[P - 1] += step;
    column +=
        weight / (12 * h) * objective(design, family, rule, at, out.modes, {1}, context).gradient;
  }
  family.set_log_dispersion(parameters.log_phi);
  out.hessian.col(P - 1) = column;
  out.hessian.row(P - 1) = column.transpose();
  return out;
}

}  // namespace margmix
