#include "glmm/jeffreys.hpp"

#include <algorithm>
#include <vector>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {
constexpr Index kChunk = 1024;
}

MatrixXd JeffreysPrior::weights(const VectorXd& beta, Index first, Index count) const {
  const VectorXd eta =
      design_.offset.segment(first, count) + design_.X.middleRows(first, count) * beta;
  MatrixXd out(count, 3);
  for (Index j = 0; j < count; ++j) {
    const ExpectedWeight e = weight_(eta[j]);
    const double size = design_.response.w(first + j) * design_.response.trials(first + j);
    out.row(j) << size * e.w, size * e.d1, size * e.d2;
  }
  return out;
}

// With A = X'WX and A_r = dA / dbeta_r = X' diag(w' x_r) X:
//   d log|A| / dbeta_r = tr(A^-1 A_r) = sum_j w'_j x_jr H_j,   H_j = x_j'A^-1 x_j,
//   d2 = sum_j w''_j H_j x_jr x_js - tr(A^-1 A_r A^-1 A_s).
JeffreysPrior::Value JeffreysPrior::operator()(const VectorXd& beta, int order) const {
  const Index n = design_.X.rows(), p = design_.p();
  auto chunks = [&](auto&& each) {
    for (Index first = 0; first < n; first += kChunk) {
      const Index count = std::min(kChunk, n - first);
      each(design_.X.middleRows(first, count), weights(beta, first, count));
    }
  };
  MatrixXd A = MatrixXd::Zero(p, p);
  chunks([&](const auto& X, const MatrixXd& w) {
    A.noalias() += X.transpose() * w.col(0).asDiagonal() * X;
  });
  Value out;
  out.gradient.setZero(p);
  out.hessian.setZero(p, p);
  const Cholesky cholesky(A);
  if (!cholesky.definite()) return out;
  out.value = 0.5 * cholesky.log_det();
  if (order < 1) return out;
  const MatrixXd inverse = cholesky.inverse();
  std::vector<MatrixXd> A_r(order < 2 ? 0 : p, MatrixXd::Zero(p, p));
  chunks([&](const auto& X, const MatrixXd& w) {
    const VectorXd H = (X * inverse).cwiseProduct(X).rowwise().sum();
    out.gradient.noalias() += 0.5 * (X.transpose() * w.col(1).cwiseProduct(H)).eval();
    if (order < 2) return;
    out.hessian.noalias() +=
        0.5 * (X.transpose() * w.col(2).cwiseProduct(H).asDiagonal() * X).eval();
    for (Index r = 0; r < p; ++r)
      A_r[r].noalias() += X.transpose() * w.col(1).cwiseProduct(X.col(r)).asDiagonal() * X;
  });
  for (MatrixXd& M : A_r) M = (inverse * M).eval();
  for (std::size_t r = 0; r < A_r.size(); ++r)
    for (std::size_t s = 0; s < A_r.size(); ++s)
      out.hessian(r, s) -= 0.5 * A_r[r].cwiseProduct(A_r[s].transpose()).sum();
  return out;
}

GlmFit fit_firth(const Design& design, const FamilySpec& spec, VectorXd beta) {
  const auto family = make_family(spec);
  const GlmObjective likelihood(design, *family);
  const JeffreysPrior prior(design, spec);
  const GlmSums sums = [&](const VectorXd& at, VectorXd* gradient, MatrixXd* information,
                           double* largest_eta, bool clip_W) {
    const double value = likelihood(at, gradient, information, largest_eta, clip_W);
    const JeffreysPrior::Value more = prior(at, information && !clip_W ? 2 : gradient ? 1 : 0);
    if (gradient) *gradient += more.gradient;
    if (information) *information -= more.hessian;
    return value + more.value;
  };
  GlmFit fit = search_glm(sums, std::move(beta));
  // The search ends within 3e-5 standard errors; one more step squares that.
  VectorXd gradient;
  sums(fit.beta, &gradient, &fit.information, nullptr, false);
  if (fit.converged) fit.beta += solve_symmetric(fit.information, gradient);
  likelihood(fit.beta, nullptr, &fit.information, nullptr);
  return fit;
}

}  // namespace margmix
