#include "random/levels.hpp"

#include <algorithm>
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
    const double rate = std::exp(rho), r = std::exp(-rate * gap), v = -std::expm1(-2 * rate * gap);
    return {r, v, -rate * gap * r, std::log(v)};
  }
  const double t = std::tanh(rho), size = std::fabs(rho), cosh = std::cosh(rho);
  const double log_t = std::log1p(-2 / (std::exp(2 * size) + 1));
  const double v = -std::expm1(2 * gap * log_t);
  return {std::pow(t, gap), v, gap * std::pow(t, gap - 1) / (cosh * cosh), std::log(v)};
}

// visit(l, its step): most gaps are as long as the one before.
template <class Visit>
void Autoregression::visit_steps(double rho, Visit visit) const {
  double gap = 0;
  Step s{};
  for (Index l = 1; l < size(); ++l) {
    if (!(gap_[l] > 0)) continue;
    if (gap_[l] != gap) s = step(rho, gap = gap_[l]);
    visit(l, s);
  }
}

// b_l = r b_(l-1) + N(0, 1 - r^2).
Precision Autoregression::at(const double* rho) const {
  const Index m = size();
  Precision Q{VectorXd::Ones(m), VectorXd(pattern().row.size()), VectorXd::Zero(m)};
  Index entry = 0;
  visit_steps(*rho, [&](Index l, const Step& s) {
    Q.diagonal[l] += s.r * s.r / s.v;
    Q.diagonal[l - 1] += s.r * s.r / s.v;
    Q.below[entry++] = -s.r / s.v;
    Q.log_det[l] = -s.log_v;
  });
  return Q;
}

Precision Autoregression::derivative(const double* rho, Index) const {
  const Index m = size();
  Precision Q{VectorXd::Zero(m), VectorXd(pattern().row.size()), VectorXd::Zero(m)};
  Index entry = 0;
  visit_steps(*rho, [&](Index l, const Step& s) {
    const double change = s.dr / (s.v * s.v);
    Q.diagonal[l] += 2 * s.r * change;
    Q.diagonal[l - 1] += 2 * s.r * change;
    Q.below[entry++] = -(1 + s.r * s.r) * change;
    Q.log_det[l] = 2 * s.r * s.dr / s.v;
  });
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

// R among the levels of u, and each b with its u.
Pattern pattern_of_pairs(const Pattern& R) {
  const int m = static_cast<int>(R.size());
  Pattern out;
  out.start.assign(1, 0);
  for (int j = 0; j < 2 * m; ++j) {
    if (j < m) {
      out.row.push_back(m + j);
    } else {
      for (int k = R.start[j - m]; k < R.start[j - m + 1]; ++k) out.row.push_back(m + R.row[k]);
    }
    out.start.push_back(static_cast<int>(out.row.size()));
  }
  return out;
}

Constraint of_second_half(Constraint constraint) {
  const Index m = constraint.C.rows();
  MatrixXd C = MatrixXd::Zero(2 * m, constraint.C.cols());
  C.bottomRows(m) = constraint.C;
  constraint.C = C;
  for (int& level : constraint.anchor) level += static_cast<int>(m);
  return constraint;
}

}  // namespace

SharedAreas::SharedAreas(const Pattern& R, VectorXd diagonal, VectorXd below, double log_det,
                         const Constraint& constraint)
    : Levels(pattern_of_pairs(R), of_second_half(constraint)),
      diagonal_(std::move(diagonal)),
      below_(std::move(below)),
      log_det_(log_det) {}

namespace {

// Above, phi is one to seven digits, and the factor of Q would lose those of R.
constexpr double kLargestLogOdds = 18;

}  // namespace

// 1 / (1 - phi) = 1 + e^rho, phi / (1 - phi) = e^rho; the Schur complement of b is R.
Precision SharedAreas::at(const double* rho) const {
  const Index m = diagonal_.size();
  const double odds = std::exp(std::min(*rho, kLargestLogOdds)),
               pair = -std::sqrt(odds * (1 + odds));
  Precision Q{VectorXd(2 * m), VectorXd(m + below_.size()), VectorXd::Zero(2 * m)};
  Q.diagonal << VectorXd::Constant(m, 1 + odds), (diagonal_.array() + odds).matrix();
  Q.below << VectorXd::Constant(m, pair), below_;
  Q.log_det.head(m).setConstant(std::log1p(odds));
  Q.log_det[m] = log_det_;
  return Q;
}

Precision SharedAreas::derivative(const double* rho, Index) const {
  const Index m = diagonal_.size();
  if (*rho > kLargestLogOdds)
    return {VectorXd::Zero(2 * m), VectorXd::Zero(m + below_.size()), VectorXd::Zero(2 * m)};
  const double odds = std::exp(*rho), phi = odds / (1 + odds);
  const double pair = -0.5 * (1 + 2 * odds) * std::sqrt(phi);
  Precision Q{VectorXd::Constant(2 * m, odds), VectorXd::Zero(m + below_.size()),
              VectorXd::Zero(2 * m)};
  Q.below.head(m).setConstant(pair);
  Q.log_det.head(m).setConstant(phi);
  return Q;
}

namespace {

// The Cholesky factor of Q in a sparse order.
struct OrderedFactor {
  std::vector<int> to;
  CholeskyPlan plan;
  std::unique_ptr<SparseCholesky> factor;
  bool definite;

  ConstrainedInverse constrained;

  // Under a constraint the factor has the weights of its anchors.
  OrderedFactor(const Pattern& pattern, VectorXd diagonal, const VectorXd& below,
                const Constraint& constraint)
      : to(minimum_degree(pattern)) {
    const auto& anchor = constraint.anchor;
    for (std::size_t k = 0; k < anchor.size(); ++k) diagonal[anchor[k]] += constraint.weight[k];
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
    if (!definite || anchor.empty()) return;
    constrained =
        ConstrainedInverse(constraint.C, {anchor.begin(), anchor.end()}, constraint.weight);
    definite = constrained.set([&](const VectorXd& f) { return back(f, &SparseCholesky::solve); });
  }

  // A solution by the factor, of x in the order of the levels.
  template <class Solve>
  VectorXd back(const VectorXd& x, Solve solve) const {
    VectorXd moved(x.size()), out(x.size());
    for (Index j = 0; j < x.size(); ++j) moved[to[j]] = x[j];
    (factor.get()->*solve)(moved);
    for (Index j = 0; j < x.size(); ++j) out[j] = moved[to[j]];
    return out;
  }
};

}  // namespace

PrecisionFacts precision_facts(const Pattern& pattern, const VectorXd& diagonal,
                               const VectorXd& below, const Constraint& constraint) {
  const Index m = pattern.size();
  const OrderedFactor Q(pattern, diagonal, below, constraint);
  PrecisionFacts out;
  out.definite = Q.definite;
  if (!out.definite) return out;
  Q.factor->invert();
  out.log_det.resize(m);
  out.variance.resize(m);
  out.inverse_below.resize(below.size());
  for (Index j = 0; j < m; ++j) {
    out.log_det[j] = Q.factor->log_det(Q.to[j]);
    out.variance[j] = Q.factor->inverse(Q.to[j], Q.to[j]) + Q.constrained.entry(j, j);
    for (int k = pattern.start[j]; k < pattern.start[j + 1]; ++k)
      out.inverse_below[k] =
          Q.factor->inverse(Q.to[j], Q.to[pattern.row[k]]) + Q.constrained.entry(j, pattern.row[k]);
  }
  out.log_det[0] += Q.constrained.log_det();
  return out;
}

// With Q = LL' the vector L'^-1 z has covariance Q^-1.
MatrixXd related_draws(const Pattern& pattern, const Precision& Q, MatrixXd normals,
                       const Constraint& constraint) {
  const OrderedFactor factor(pattern, Q.diagonal, Q.below, constraint);
  if (!factor.definite) throw std::invalid_argument("a precision that is not positive definite");
  for (Index c = 0; c < normals.cols(); ++c) {
    VectorXd x = factor.back(normals.col(c), &SparseCholesky::solve_transposed);
    factor.constrained.project(x);
    normals.col(c) = x;
  }
  return normals;
}

}  // namespace margmix
