#include "random/toeplitz.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace margmix {

namespace {

// A number with its derivatives in two parameters and the mixed one of second order.
struct Dual {
  double f = 0, a = 0, b = 0, ab = 0;
};

Dual operator+(const Dual& x, const Dual& y) {
  return {x.f + y.f, x.a + y.a, x.b + y.b, x.ab + y.ab};
}

Dual operator*(const Dual& x, const Dual& y) {
  return {x.f * y.f, x.a * y.f + x.f * y.a, x.b * y.f + x.f * y.b,
          x.ab * y.f + x.a * y.b + x.b * y.a + x.f * y.ab};
}

Dual operator-(const Dual& x) { return {-x.f, -x.a, -x.b, -x.ab}; }

using Row = std::vector<Dual>;  // coefficients of the innovations

// x y + v w
Row combined(const Dual& x, const Row& y, const Dual& v, const Row& w) {
  Row out(y.size());
  for (std::size_t k = 0; k < y.size(); ++k) out[k] = x * y[k] + v * w[k];
  return out;
}

// The Cholesky factor of the correlation matrix of a stationary series with partial
// autocorrelations r_m = tanh z_m, and its derivatives in z_i and z_j. With innovations e,
// s_m = sqrt(1 - r_m^2), and forward and backward errors f, b of order m at time t, scaled to
// variance 1, each step of the lattice is a rotation (Makhoul 1977):
//   f^(m-1) = s_m f^(m) + r_m b_t-1^(m-1),   b_t^(m) = s_m b_t-1^(m-1) - r_m f^(m),
// from f^(t) = e_t down to f^(0) = b_t^(0), the value itself.
std::vector<Row> lattice(const VectorXd& z, Index i, Index j) {
  const Index q = z.size() + 1;
  std::vector<Dual> r(q), s(q);
  for (Index m = 1; m < q; ++m) {
    const double f = std::tanh(z[m - 1]), g = 1 / std::cosh(z[m - 1]);
    const double at_i = m == i + 1, at_j = m == j + 1;
    r[m] = {f, at_i * g * g, at_j * g * g, -2 * at_i * at_j * f * g * g};
    s[m] = {g, -at_i * f * g, -at_j * f * g, at_i * at_j * g * (f * f - g * g)};
  }
  std::vector<Row> L, before;
  for (Index t = 0; t < q; ++t) {
    Row f(q);
    f[t].f = 1;
    std::vector<Row> b(t + 1);
    for (Index m = t; m > 0; --m) {
      b[m] = combined(s[m], before[m - 1], -r[m], f);
      f = combined(s[m], f, r[m], before[m - 1]);
    }
    b[0] = f;
    L.push_back(f);
    before = std::move(b);
  }
  return L;
}

// Partial autocorrelations from autocorrelations at lags 1, 2, ... (Durbin and Levinson), within
// their range where rounding, or a matrix that is no Toeplitz one, would lead out of it.
VectorXd partial(const VectorXd& rho) {
  VectorXd out = VectorXd::Zero(rho.size()), phi = out;
  double variance = 1;
  for (Index m = 0; m < rho.size() && variance > 0; ++m) {
    double rest = rho[m];
    for (Index k = 0; k < m; ++k) rest -= phi[k] * rho[m - 1 - k];
    const double r = std::clamp(rest / variance, -1.0, 1.0);
    const VectorXd last = phi.head(m);
    for (Index k = 0; k < m; ++k) phi[k] -= r * last[m - 1 - k];
    out[m] = phi[m] = r;
    variance *= 1 - r * r;
  }
  return out;
}

class Toeplitz final : public Covariance {
 public:
  explicit Toeplitz(Index q) : q_(q) {
    if (q < 2) throw std::invalid_argument("a Toeplitz covariance has two effects or more");
  }

  Index parameters() const override { return 2 * q_ - 1; }

  VectorXd entries(const VectorXd& tau) const override {
    VectorXd out(size());
    each(tau, 0, 0, [&](Index k, Index, const Dual& l) { out[k] = l.f; });
    return out;
  }

  MatrixXd jacobian(const VectorXd& tau) const override {
    MatrixXd J = MatrixXd::Zero(size(), parameters());
    for (Index i = 0; i < q_ - 1; ++i)
      each(tau, i, i, [&](Index k, Index r, const Dual& l) {
        J(k, r) = l.f;
        J(k, q_ + i) = l.a;
      });
    return J;
  }

  MatrixXd bend(const VectorXd& tau, const VectorXd& g) const override {
    MatrixXd out = MatrixXd::Zero(parameters(), parameters());
    for (Index i = 0; i < q_ - 1; ++i)
      for (Index j = 0; j <= i; ++j)
        each(tau, i, j, [&](Index k, Index r, const Dual& l) {
          if (i + j == 0) out(r, r) += g[k] * l.f;
          if (j == 0) out(q_ + i, r) += g[k] * l.a;
          out(q_ + i, q_ + j) += g[k] * l.ab;
        });
    return out.selfadjointView<Eigen::Lower>();
  }

  VectorXd parameters_of(const VectorXd& entries) const override {
    MatrixXd Lambda = MatrixXd::Zero(q_, q_);
    Index k = 0;
    for (Index c = 0; c < q_; ++c)
      for (Index r = c; r < q_; ++r) Lambda(r, c) = entries[k++];
    const MatrixXd Sigma = Lambda * Lambda.transpose();
    const VectorXd sd = Sigma.diagonal().cwiseSqrt();
    VectorXd rho(q_ - 1);
    for (Index lag = 1; lag < q_; ++lag) {
      const double largest = sd.head(q_ - lag).dot(sd.tail(q_ - lag));
      rho[lag - 1] = largest > 0 ? Sigma.diagonal(-lag).sum() / largest : 0;
    }
    VectorXd tau(parameters());
    tau << sd.array().log(), partial(rho).array().unaryExpr([](double r) { return std::atanh(r); });
    return tau;
  }

 private:
  Index size() const { return q_ * (q_ + 1) / 2; }

  // work(k, r, l) for each entry l of Lambda, in row r, with its derivatives in z_i and z_j
  template <class Work>
  void each(const VectorXd& tau, Index i, Index j, Work work) const {
    const std::vector<Row> L = lattice(tau.tail(q_ - 1), i, j);
    Index k = 0;
    for (Index c = 0; c < q_; ++c)
      for (Index r = c; r < q_; ++r) work(k++, r, Dual{std::exp(tau[r])} * L[r][c]);
  }

  Index q_;
};

}  // namespace

std::unique_ptr<Covariance> make_toeplitz(Index q) { return std::make_unique<Toeplitz>(q); }

}  // namespace margmix
