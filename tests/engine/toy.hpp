// Random data for the tests, the same on every machine, and differences.
#pragma once

#include <random>
#include <string>

#include "design/design.hpp"
#include "family/registry.hpp"

namespace toy {

using namespace margmix;

// The generator is specified by the standard; its distributions are not.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  double uniform() { return (engine_() + 0.5) / 4294967296.0; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::mt19937 engine_;
};

// Owns what a Design looks at: m clusters of n_i rows, p coefficients, q correlated random effects.
struct Data {
  MatrixXd X, Z, D;  // D: none
  VectorXd y, size, weight, offset;
  Eigen::VectorXi start, theta_row, theta_col;
  bool sized = false, weighted = false;

  Data(Index m, Index n_i, Index p, Index q, unsigned seed) {
    Random random(seed);
    const Index n = m * n_i;
    X = MatrixXd::Ones(n, p);
    Z = MatrixXd::Ones(n, q);
    for (Index c = 1; c < p; ++c)
      for (Index j = 0; j < n; ++j) X(j, c) = random.normal();
    for (Index c = 1; c < q; ++c)
      for (Index j = 0; j < n; ++j) Z(j, c) = 0.5 * random.normal();
    y = size = weight = offset = VectorXd(n);
    for (Index j = 0; j < n; ++j) {
      size[j] = 1 + j % 3;
      weight[j] = 0.5 + 0.5 * (j % 4);
      offset[j] = 0.1 * random.normal();
      y[j] = std::floor(size[j] * random.uniform() + 0.5);
    }
    start.resize(m + 1);
    for (Index i = 0; i <= m; ++i) start[i] = i * n_i;
    theta_row.resize(q * (q + 1) / 2);
    theta_col.resize(q * (q + 1) / 2);
    for (Index c = 0, t = 0; c < q; ++c)
      for (Index r = c; r < q; ++r, ++t) theta_row[t] = r, theta_col[t] = c;
  }

  Design design() const {
    Rows rows;
    rows.n = y.size();
    rows.y = y.data();
    if (sized) rows.size = size.data();
    if (weighted) rows.weight = weight.data();
    return {MatrixMap(X.data(), X.rows(), X.cols()),
            MatrixMap(Z.data(), Z.rows(), Z.cols()),
            rows,
            VectorMap(offset.data(), offset.size()),
            IntegerMap(start.data(), start.size()),
            IntegerMap(theta_row.data(), theta_row.size()),
            IntegerMap(theta_col.data(), theta_col.size()),
            0,
            MatrixMap(D.data(), D.rows(), D.cols())};
  }
};

// Four-point central difference, error O(h^4).
template <class F>
double slope(F f, double x, double h) {
  return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h);
}

template <class F>
VectorXd gradient(F f, const VectorXd& x, double h) {
  VectorXd out(x.size());
  for (Index k = 0; k < x.size(); ++k) {
    VectorXd at = x;
    out[k] = slope(
        [&](double v) {
          at[k] = v;
          return f(at);
        },
        x[k], h);
  }
  return out;
}

}  // namespace toy
