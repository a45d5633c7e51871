// The one loop over clusters, and the columns of the Hessian in aux.
#pragma once

#include <cmath>
#include <mutex>
#include <vector>

#include "linalg/exact_blocks.hpp"
#include "objective/objective.hpp"
#include "objective/totals.hpp"

namespace margmix {

// Room for what is asked of `clusters` clusters with p coefficients and P parameters.
inline ObjectiveResult empty_result(Index clusters, Index p, Index P, const ObjectiveRequest& ask) {
  ObjectiveResult out;
  out.values.setConstant(clusters, kNaN);
  if (ask.scores) out.scores = MatrixXd::Zero(P, clusters);
  if (ask.information) out.information.resize(p * p, clusters);
  return out;
}

// The terms of the log-likelihood that do not depend on the predictor.
inline double constant_terms(const Design& design, const Family& family, const VectorXd& weights) {
  if (!weights.size()) return family.constant(design.response);
  double sum = 0;
  for (Index i = 0; i < design.clusters(); ++i)
    sum += weights[i] * family.constant(design.response.part(design.first(i), design.size(i)));
  return sum;
}

// w times what a cluster adds, but for the value.
template <class Kernel>
void read_totals(Kernel& kernel, double w, Index P, int order, Totals& one) {
  if (order < 1) return;
  one.gradient.setZero(P);
  kernel.add_gradient(one.gradient.data());
  one.gradient *= w;
  if (order < 2) return;
  one.hessian.setZero(P, P);
  kernel.add_hessian(one.hessian);
  one.hessian *= w;
}

// The terms of log-likelihood of a cluster that depend on the predictor, and those that do not.
inline void add_exactly(const Totals& one, double constant, int order, ExactSums& sums) {
  sums.add(0, one.value);
  if (constant != 0) sums.add(0, constant);
  if (one.status != Status::ok) return;
  const Index P = one.gradient.size();
  if (order >= 1) sums.add(1, one.gradient.data(), P);
  if (order >= 2) sums.add_lower(1 + P, one.hessian);
}

// `weights`: of clusters, or none; `constant`: constant_terms(), which an exact sum makes itself.
// `make(out)` gives the kernel of a thread, with
//   evaluate(i, order) -> Status, value(), add_gradient(double*), add_hessian(MatrixXd&),
//   beta_hessian(), keep_modes(i).
template <class MakeKernel>
void accumulate(const Design& design, const Family& family, const VectorXd& weights,
                double constant, Index P, const ObjectiveRequest& ask, const RunContext& context,
                MakeKernel make, ObjectiveResult& out) {
  const Index p = design.p();
  const Index m = out.values.size();
  const auto blocks = ask.exact ? exact_blocks(m) : cluster_blocks(m);
  std::vector<Totals> totals(blocks.size());
  ExactSums exact(ask.exact ? exact_count(P, ask.order) : 0);
  std::mutex adding;
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    Totals& sum = totals[b];
    Totals one;
    ExactSums own(exact.count());
    if (ask.order >= 1) sum.gradient = VectorXd::Zero(P);
    if (ask.order >= 2) sum.hessian = MatrixXd::Zero(P, P);
    auto kernel = make(out);
    for (Index i = block.first; i < block.last; ++i) {
      const Status status = kernel.evaluate(i, ask.order);
      sum.status = worst(sum.status, status);
      const double w = weights.size() ? weights[i] : 1.0;
      one.status = status;
      one.value = w * (out.values[i] = kernel.value());
      sum.value += one.value;
      if (status == Status::ok) {
        kernel.keep_modes(i);
        if (ask.scores) {
          kernel.add_gradient(out.scores.col(i).data());
          out.scores.col(i) *= w;
        }
        if (w != 1 || ask.exact) {
          read_totals(kernel, w, P, ask.order, one);
          if (!ask.exact) sum.add_derivatives(one, ask.order);
        } else {
          if (ask.scores)
            sum.gradient += out.scores.col(i);
          else if (ask.order >= 1)
            kernel.add_gradient(sum.gradient.data());
          if (ask.order >= 2) kernel.add_hessian(sum.hessian);
        }
        if (ask.information)
          Eigen::Map<MatrixXd>(out.information.col(i).data(), p, p) = -w * kernel.beta_hessian();
      }
      if (ask.exact)
        add_exactly(one, w * family.constant(design.response.part(design.first(i), design.size(i))),
                    ask.order, own);
    }
    if (!ask.exact) return;
    const std::lock_guard<std::mutex> lock(adding);
    exact.add(own);
  });
  out.collect(totals, ask.exact ? 0 : constant, P, ask.order, finished);
  if (!ask.exact) return;
  out.exact = {std::move(exact)};
  out.round(P, ask.order);
}

inline bool wants_aux_columns(const ObjectiveRequest& ask, const Family& family,
                              const ObjectiveResult& found) {
  return ask.order >= 2 && !ask.known_phi && family.has_dispersion() && found.status == Status::ok;
}

// The columns of the Hessian in aux, from what `at` finds at the steps.
template <class At>
void fill_aux_columns(const Design& design, Index aux, const VectorXd& psi, At at,
                      ObjectiveResult& out) {
  MatrixXd gradients(psi.size(), 4 * aux);
  VectorXd h(aux);
  for (Index a = 0; a < aux; ++a) {
    h[a] = kLogPhiStep / (design.D.cols() ? root_mean_square(design.D.col(a)) : 1.0);
    for (Index s = 0; s < 4; ++s) {
      VectorXd moved = psi;
      moved[psi.size() - aux + a] += kSteps[s] * h[a];
      const ObjectiveResult there = at(moved);
      gradients.col(4 * a + s) = there.gradient;
      out.exact.insert(out.exact.end(), there.exact.begin(), there.exact.end());
    }
  }
  set_aux_columns(gradients, h, out.hessian);
}

}  // namespace margmix
