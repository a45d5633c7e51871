// The one loop over clusters, and the columns of the Hessian in aux.
#pragma once

#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "objective/objective.hpp"
#include "parallel/blocks.hpp"

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

// What a cluster of weight w != 1 adds.
template <class Kernel>
void add_weighted(Kernel& kernel, double w, Index P, int order, Totals& sum) {
  VectorXd gradient = VectorXd::Zero(P);
  kernel.add_gradient(gradient.data());
  sum.gradient += w * gradient;
  if (order < 2) return;
  MatrixXd hessian = MatrixXd::Zero(P, P);
  kernel.add_hessian(hessian);
  sum.hessian += w * hessian;
}

// `weights`: of clusters, or none; `constant`: constant_terms(). `make(out)` gives the kernel of a
// thread, with
//   evaluate(i, order) -> Status, value(), add_gradient(double*), add_hessian(MatrixXd&),
//   beta_hessian(), keep_modes(i).
template <class MakeKernel>
void accumulate(const Design& design, const VectorXd& weights, double constant, Index P,
                const ObjectiveRequest& ask, const RunContext& context, MakeKernel make,
                ObjectiveResult& out) {
  const Index p = design.p();
  const auto blocks = cluster_blocks(out.values.size());
  std::vector<Totals> totals(blocks.size());
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    Totals& sum = totals[b];
    if (ask.order >= 1) sum.gradient = VectorXd::Zero(P);
    if (ask.order >= 2) sum.hessian = MatrixXd::Zero(P, P);
    auto kernel = make(out);
    for (Index i = block.first; i < block.last; ++i) {
      const Status status = kernel.evaluate(i, ask.order);
      sum.status = worst(sum.status, status);
      const double w = weights.size() ? weights[i] : 1.0;
      sum.value += w * (out.values[i] = kernel.value());
      if (status != Status::ok) continue;
      kernel.keep_modes(i);
      if (ask.scores) {
        kernel.add_gradient(out.scores.col(i).data());
        out.scores.col(i) *= w;
      }
      if (w != 1 && ask.order >= 1) {
        add_weighted(kernel, w, P, ask.order, sum);
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
  });
  out.collect(totals, constant, P, ask.order, finished);
}

inline bool wants_aux_columns(const ObjectiveRequest& ask, const Family& family,
                              const ObjectiveResult& found) {
  return ask.order >= 2 && !ask.known_phi && family.has_dispersion() && found.status == Status::ok;
}

// The columns of the Hessian in aux: central differences, error O(h^4), of the exact gradient, by
// steps that move log phi by about 1e-4.
template <class GradientAt>
void fill_aux_columns(const Design& design, Index aux, const VectorXd& psi, GradientAt gradient_at,
                      MatrixXd& hessian) {
  for (Index a = 0; a < aux; ++a) {
    const Index k = psi.size() - aux + a;
    const double h = 1e-4 / (design.D.cols() ? root_mean_square(design.D.col(a)) : 1.0);
    VectorXd column = VectorXd::Zero(psi.size());
    for (const auto& [step, weight] :
         {std::pair{h, 8.0}, {-h, -8.0}, {2 * h, -1.0}, {-2 * h, 1.0}}) {
      VectorXd at = psi;
      at[k] += step;
      column += weight / (12 * h) * gradient_at(at);
    }
    hessian.col(k) = column;
    hessian.row(k) = column.transpose();
  }
}

}  // namespace margmix
