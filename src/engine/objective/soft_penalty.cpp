#include "objective/soft_penalty.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

constexpr Index kChunk = 1024;

struct Huber {
  double h, d1, d2;
};

Huber minus_huber(double z) {
  if (std::fabs(z) <= 1) return {-0.5 * z * z, -z, -1};
  return {0.5 - std::fabs(z), z > 0 ? -1.0 : 1.0, 0};
}

class SoftObjective final : public Objective {
 public:
  SoftObjective(std::unique_ptr<Objective> model, const Design& design, const FamilySpec& spec,
                double factor)
      : Objective(design, spec), model_(std::move(model)), penalty_(design, spec, factor) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    ObjectiveResult out = model_->evaluate(psi, K, modes, ask, context);
    if (out.status == Status::ok) penalty_.add(psi, ask.order, out);
    return out;
  }

  OtherModes other_modes(const VectorXd& psi, const std::vector<int>& K,
                         const RunContext& context) override {
    return model_->other_modes(psi, K, context);
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                            bool median, const RunContext& context) override {
    return model_->posterior(psi, K, modes, median, context);
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    return model_->prediction_variance(psi, modes, rows, V, context, out);
  }

 private:
  std::unique_ptr<Objective> model_;
  SoftPenalty penalty_;
};

}  // namespace

void SoftPenalty::add(const VectorXd& psi, int order, Totals& out) const {
  add_jeffreys(psi.head(design_.p()), order, out);
  add_huber(psi, order, out);
  if (!std::isfinite(out.value)) out.status = Status::not_finite;
}

MatrixXd SoftPenalty::weights(const VectorXd& beta, Index first, Index count) const {
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
void SoftPenalty::add_jeffreys(const VectorXd& beta, int order, Totals& out) const {
  const Index n = design_.X.rows(), p = design_.p();
  if (p == 0) return;
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
  const Cholesky cholesky(A);
  if (!cholesky.definite()) {
    out.value = -kInf;
    return;
  }
  out.value += 0.5 * factor_ * cholesky.log_det();
  if (order < 1) return;
  const MatrixXd inverse = cholesky.inverse();
  std::vector<MatrixXd> A_r(order < 2 ? 0 : p, MatrixXd::Zero(p, p));
  chunks([&](const auto& X, const MatrixXd& w) {
    const VectorXd H = (X * inverse).cwiseProduct(X).rowwise().sum();
    out.gradient.head(p).noalias() +=
        0.5 * factor_ * (X.transpose() * w.col(1).cwiseProduct(H)).eval();
    if (order < 2) return;
    out.hessian.topLeftCorner(p, p).noalias() +=
        0.5 * factor_ * (X.transpose() * w.col(2).cwiseProduct(H).asDiagonal() * X).eval();
    for (Index r = 0; r < p; ++r)
      A_r[r].noalias() += X.transpose() * w.col(1).cwiseProduct(X.col(r)).asDiagonal() * X;
  });
  for (MatrixXd& M : A_r) M = (inverse * M).eval();
  for (std::size_t r = 0; r < A_r.size(); ++r)
    for (std::size_t s = 0; s < A_r.size(); ++s)
      out.hessian(r, s) -= 0.5 * factor_ * A_r[r].cwiseProduct(A_r[s].transpose()).sum();
}

void SoftPenalty::add_huber(const VectorXd& psi, int order, Totals& out) const {
  for (Index t = 0; t < design_.n_theta(); ++t) {
    const Index k = design_.p() + t;
    const double lambda = psi[k];
    const bool diagonal = design_.theta_row[t] == design_.theta_col[t];
    const Huber h = minus_huber(diagonal ? std::log(std::fabs(lambda)) : lambda);
    out.value += factor_ * h.h;
    if (order >= 1) out.gradient[k] += factor_ * (diagonal ? h.d1 / lambda : h.d1);
    if (order >= 2)
      out.hessian(k, k) += factor_ * (diagonal ? (h.d2 - h.d1) / (lambda * lambda) : h.d2);
  }
}

std::unique_ptr<Objective> soft_objective(std::unique_ptr<Objective> model, const Design& design,
                                          const FamilySpec& spec, double factor) {
  return std::make_unique<SoftObjective>(std::move(model), design, spec, factor);
}

}  // namespace margmix
