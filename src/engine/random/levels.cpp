#include "random/levels.hpp"

#include <cmath>
#include <memory>
#include <stdexcept>

namespace margmix {

namespace {

// Each level but the first of its series has an entry with the one before it.
Pattern chain_pattern(const std::vector<double>& gap) {
  Pattern out;
  out.start.assign(1, 0);
  for (std::size_t l = 0; l < gap.size(); ++l) {
    if (l + 1 < gap.size() && gap[l + 1] > 0) out.row.push_back(static_cast<int>(l + 1));
    out.start.push_back(static_cast<int>(out.row.size()));
  }
  return out;
}

}  // namespace

Autoregression::Autoregression(Kind kind, std::vector<double> gap)
    : Levels(chain_pattern(gap)), kind_(kind), gap_(std::move(gap)) {}

// 1 - r^2 keeps its digits where r is close to one.
Autoregression::Step Autoregression::step(double rho, double gap) const {
  if (kind_ == Kind::ou) {
    const double rate = std::exp(rho), r = std::exp(-rate * gap);
    return {r, -std::expm1(-2 * rate * gap), -rate * gap * r};
  }
  const double t = std::tanh(rho), size = std::fabs(rho), cosh = std::cosh(rho);
  const double log_t = std::log1p(-2 / (std::exp(2 * size) + 1));
  return {std::pow(t, gap), -std::expm1(2 * gap * log_t),
          gap * std::pow(t, gap - 1) / (cosh * cosh)};
}

// b_l = r b_(l-1) + N(0, 1 - r^2).
Precision Autoregression::at(const double* rho) const {
  const Index m = size();
  Precision Q{VectorXd::Ones(m), VectorXd(pattern().row.size()), VectorXd::Zero(m)};
  for (Index l = 1, entry = 0; l < m; ++l) {
    if (!(gap_[l] > 0)) continue;
    const Step s = step(*rho, gap_[l]);
    Q.diagonal[l] += s.r * s.r / s.v;
    Q.diagonal[l - 1] += s.r * s.r / s.v;
    Q.below[entry++] = -s.r / s.v;
    Q.log_det[l] = -std::log(s.v);
  }
  return Q;
}

Precision Autoregression::derivative(const double* rho, Index) const {
  const Index m = size();
  Precision Q{VectorXd::Zero(m), VectorXd(pattern().row.size()), VectorXd::Zero(m)};
  for (Index l = 1, entry = 0; l < m; ++l) {
    if (!(gap_[l] > 0)) continue;
    const Step s = step(*rho, gap_[l]);
    const double change = s.dr / (s.v * s.v);
    Q.diagonal[l] += 2 * s.r * change;
    Q.diagonal[l - 1] += 2 * s.r * change;
    Q.below[entry++] = -(1 + s.r * s.r) * change;
    Q.log_det[l] = 2 * s.r * s.dr / s.v;
  }
  return Q;
}

ConditionalAutoregression::ConditionalAutoregression(Pattern pattern, VectorXd W)
    : Levels(std::move(pattern)), W_(std::move(W)), D_(VectorXd::Zero(size())) {
  for (Index j = 0; j < size(); ++j)
    for (int k = this->pattern().start[j]; k < this->pattern().start[j + 1]; ++k) {
      D_[j] += W_[k];
      D_[this->pattern().row[k]] += W_[k];
    }
}

Precision ConditionalAutoregression::at(const double* rho) const {
  const VectorXd below = -W_ / (1 + std::exp(-*rho));
  const PrecisionFacts facts = precision_facts(pattern(), D_, below);
  return {D_, below, facts.definite ? facts.log_det : VectorXd::Constant(size(), -kInf)};
}

// d log|Q| = tr(Q^-1 dQ).
Precision ConditionalAutoregression::derivative(const double* rho, Index) const {
  const double alpha = 1 / (1 + std::exp(-*rho));
  const VectorXd change = -alpha * (1 - alpha) * W_;
  const PrecisionFacts facts = precision_facts(pattern(), D_, -alpha * W_);
  Precision out{VectorXd::Zero(size()), change, VectorXd::Zero(size())};
  if (!facts.definite) return out;
  for (Index j = 0; j < size(); ++j)
    for (int k = pattern().start[j]; k < pattern().start[j + 1]; ++k) {
      out.log_det[j] += facts.inverse_below[k] * change[k];
      out.log_det[pattern().row[k]] += facts.inverse_below[k] * change[k];
    }
  return out;
}

namespace {

// The Cholesky factor of Q in a sparse order.
struct OrderedFactor {
  std::vector<int> to;
  CholeskyPlan plan;
  std::unique_ptr<SparseCholesky> factor;
  bool definite;

  OrderedFactor(const Pattern& pattern, const VectorXd& diagonal, const VectorXd& below)
      : to(minimum_degree(pattern)) {
    std::vector<int> entry;
    const Pattern ordered = permuted(pattern, to, &entry);
    plan = plan_cholesky(ordered);
    VectorXd d(diagonal.size()), b(below.size());
    for (Index j = 0; j < d.size(); ++j) d[to[j]] = diagonal[j];
    for (Index k = 0; k < b.size(); ++k) b[entry[k]] = below[k];
    factor = std::make_unique<SparseCholesky>(plan);
    definite = factor->factor([&](Index j, double* w) {
      w[j] += d[j];
      for (int k = ordered.start[j]; k < ordered.start[j + 1]; ++k) w[ordered.row[k]] += b[k];
    });
  }
};

}  // namespace

PrecisionFacts precision_facts(const Pattern& pattern, const VectorXd& diagonal,
                               const VectorXd& below) {
  const Index m = pattern.size();
  const OrderedFactor Q(pattern, diagonal, below);
  PrecisionFacts out;
  out.definite = Q.definite;
  if (!out.definite) return out;
  Q.factor->invert();
  out.log_det.resize(m);
  out.variance.resize(m);
  out.inverse_below.resize(below.size());
  for (Index j = 0; j < m; ++j) {
    out.log_det[j] = Q.factor->log_det(Q.to[j]);
    out.variance[j] = Q.factor->inverse(Q.to[j], Q.to[j]);
    for (int k = pattern.start[j]; k < pattern.start[j + 1]; ++k)
      out.inverse_below[k] = Q.factor->inverse(Q.to[j], Q.to[pattern.row[k]]);
  }
  return out;
}

// With Q = LL' the vector L'^-1 z has covariance Q^-1.
MatrixXd related_draws(const Pattern& pattern, const Precision& Q, MatrixXd normals) {
  const OrderedFactor factor(pattern, Q.diagonal, Q.below);
  if (!factor.definite) throw std::invalid_argument("a precision that is not positive definite");
  VectorXd x(normals.rows());
  for (Index c = 0; c < normals.cols(); ++c) {
    for (Index j = 0; j < x.size(); ++j) x[factor.to[j]] = normals(j, c);
    factor.factor->solve_transposed(x);
    for (Index j = 0; j < x.size(); ++j) normals(j, c) = x[factor.to[j]];
  }
  return normals;
}

}  // namespace margmix
