#include "random/covariance.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "random/toeplitz.hpp"

namespace margmix {

namespace {

// A number with two derivatives in z.
struct Jet {
  double f = 0, d1 = 0, d2 = 0;
};

// exp(l) from l' and l''.
Jet exp_of(double value, double slope, double bend) {
  return {value, value * slope, value * (bend + slope * slope)};
}

// The Cholesky factor of the correlation matrix has one number on the diagonal and one below it in
// each column c = 0, ..., q - 1. With N_c = (c + 1) e^z + q - 1 - c, N_-1 = q and D = N_0 they are
//   a_c = sqrt{q N_c / (N_c-1 D)},   b_c = (e^z - 1) sqrt{q / (D N_c-1 N_c)},
// and d log N_c / dz = p_c = (c + 1) e^z / N_c, dp_c / dz = p_c (1 - p_c).
class EqualCorrelation {
 public:
  EqualCorrelation(double z, Index q) : e_(std::exp(z)), q_(static_cast<double>(q)) {}

  Jet diagonal(Index c) const {
    if (at_one()) return {c == 0 ? 1.0 : 0.0};
    const double n = N(c), value = std::sqrt(q_ * n / (N(c - 1) * N(0)));
    if (value == 0) return {};
    return exp_of(value, (p(c) - p(c - 1) - p(0)) / 2, (dp(c) - dp(c - 1) - dp(0)) / 2);
  }

  Jet below(Index c) const {
    if (at_one()) return {c == 0 ? 1.0 : 0.0};
    const double s = -(p(0) + p(c - 1) + p(c)) / 2, ds = -(dp(0) + dp(c - 1) + dp(c)) / 2;
    const Jet B = exp_of(std::sqrt(q_ / (N(0) * N(c - 1) * N(c))), s, ds);
    const double f = e_ - 1;
    return {f * B.f, e_ * B.f + f * B.d1, e_ * B.f + 2 * e_ * B.d1 + f * B.d2};
  }

 private:
  // as far as can be told from rho = 1
  bool at_one() const { return e_ > 1e60; }
  double N(Index c) const { return (static_cast<double>(c) + 1) * (e_ - 1) + q_; }
  double p(Index c) const { return (static_cast<double>(c) + 1) * e_ / N(c); }
  double dp(Index c) const { return p(c) * (1 - p(c)); }

  double e_, q_;
};

class CompoundSymmetry final : public Covariance {
 public:
  CompoundSymmetry(Index q, bool one_variance) : q_(q), deviations_(one_variance ? 1 : q) {
    if (q < 2) throw std::invalid_argument("compound symmetry has two effects or more");
  }

  Index parameters() const override { return deviations_ + 1; }

  VectorXd entries(const VectorXd& tau) const override {
    VectorXd out(size());
    each(tau, [&](Index k, Index, double sd, const Jet& l) { out[k] = sd * l.f; });
    return out;
  }

  MatrixXd jacobian(const VectorXd& tau) const override {
    MatrixXd J = MatrixXd::Zero(size(), parameters());
    each(tau, [&](Index k, Index r, double sd, const Jet& l) {
      J(k, deviation(r)) = sd * l.f;
      J(k, deviations_) = sd * l.d1;
    });
    return J;
  }

  MatrixXd bend(const VectorXd& tau, const VectorXd& g) const override {
    MatrixXd out = MatrixXd::Zero(parameters(), parameters());
    each(tau, [&](Index k, Index r, double sd, const Jet& l) {
      const Index d = deviation(r), z = deviations_;
      out(d, d) += g[k] * sd * l.f;
      out(d, z) += g[k] * sd * l.d1;
      out(z, z) += g[k] * sd * l.d2;
    });
    out.row(deviations_) = out.col(deviations_).transpose();
    return out;
  }

  VectorXd parameters_of(const VectorXd& entries) const override {
    MatrixXd Lambda = MatrixXd::Zero(q_, q_);
    Index k = 0;
    for (Index c = 0; c < q_; ++c)
      for (Index r = c; r < q_; ++r) Lambda(r, c) = entries[k++];
    const MatrixXd Sigma = Lambda * Lambda.transpose();
    const VectorXd sd = Sigma.diagonal().cwiseSqrt();
    const double between = Sigma.sum() - Sigma.trace();
    const double largest = sd.sum() * sd.sum() - sd.squaredNorm();
    const double rho = largest > 0 ? between / largest : 0, q = static_cast<double>(q_);
    VectorXd tau(parameters());
    if (deviations_ == 1)
      tau[0] = 0.5 * std::log(Sigma.trace() / q);
    else
      tau.head(q_) = sd.array().log();
    tau[deviations_] = std::log(std::max(1 + (q - 1) * rho, 0.0) / std::max(1 - rho, 0.0));
    return tau;
  }

 private:
  // the position of log sd_r
  Index deviation(Index r) const { return deviations_ == 1 ? 0 : r; }
  Index size() const { return q_ * (q_ + 1) / 2; }

  // work(k, r, sd_r, l) for each entry sd_r l, by column
  template <class Work>
  void each(const VectorXd& tau, Work work) const {
    const EqualCorrelation L(tau[deviations_], q_);
    Index k = 0;
    for (Index c = 0; c < q_; ++c) {
      const Jet diagonal = L.diagonal(c), below = c + 1 < q_ ? L.below(c) : Jet();
      for (Index r = c; r < q_; ++r)
        work(k++, r, std::exp(tau[deviation(r)]), r == c ? diagonal : below);
    }
  }

  Index q_, deviations_;
};

class EqualVariances final : public Covariance {
 public:
  explicit EqualVariances(Index q) : q_(q) {}

  Index parameters() const override { return 1; }
  VectorXd entries(const VectorXd& tau) const override {
    return VectorXd::Constant(q_, std::exp(tau[0]));
  }
  MatrixXd jacobian(const VectorXd& tau) const override { return entries(tau); }
  MatrixXd bend(const VectorXd& tau, const VectorXd& g) const override {
    return g.transpose() * entries(tau);
  }
  VectorXd parameters_of(const VectorXd& entries) const override {
    return VectorXd::Constant(1, std::log(entries.norm() / std::sqrt(static_cast<double>(q_))));
  }

 private:
  Index q_;
};

}  // namespace

std::unique_ptr<Covariance> make_covariance(const std::string& kind, Index q) {
  if (kind == "cs") return std::make_unique<CompoundSymmetry>(q, false);
  if (kind == "homcs") return std::make_unique<CompoundSymmetry>(q, true);
  if (kind == "homdiag") return std::make_unique<EqualVariances>(q);
  if (kind == "toep") return make_toeplitz(q);
  throw std::invalid_argument("unknown covariance: " + kind);
}

}  // namespace margmix
