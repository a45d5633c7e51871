#include "quadrature/gauss_hermite.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// Orthonormal Hermite polynomials (probabilists') at z up to degree K: last value, its derivative
// and the sum of squares of the lower ones (the inverse Christoffel number).
struct HermiteValue {
  double value, derivative, christoffel;
};

HermiteValue hermite(int K, double z) {
  double previous = 0, current = 1, sum = 0;
  for (int j = 0; j < K; ++j) {
    sum += current * current;
    const double next = (z * current - std::sqrt(double(j)) * previous) / std::sqrt(double(j + 1));
    previous = current;
    current = next;
  }
  return {current, std::sqrt(double(K)) * previous, sum};
}

}  // namespace

HermiteRule gauss_hermite(int K) {
  if (K < 1 || K > 300) throw std::invalid_argument("a Gauss-Hermite rule has 1 to 300 nodes");
  MatrixXd jacobi = MatrixXd::Zero(K, K);
  for (int j = 1; j < K; ++j) jacobi(j, j - 1) = jacobi(j - 1, j) = std::sqrt(double(j));
  HermiteRule rule{symmetric_eigenvalues(jacobi), VectorXd(K)};
  for (int k = 0; k < K; ++k) {
    double z = 2 * k + 1 == K ? 0.0 : rule.z[k];
    for (int i = 0; i < 3 && z != 0; ++i) {
      const HermiteValue h = hermite(K, z);
      z -= h.value / h.derivative;
    }
    rule.z[k] = z;
    rule.log_omega[k] = -std::log(hermite(K, z).christoffel);
  }
  // The rule is symmetric to the last bit.
  for (int k = 0; k < K / 2; ++k) {
    rule.z[k] = -rule.z[K - 1 - k];
    rule.log_omega[k] = rule.log_omega[K - 1 - k];
  }
  return rule;
}

ProductRule product_rule(int K, Index q, double least_log_omega) {
  return product_rule(K, std::vector<bool>(q, true), least_log_omega);
}

ProductRule product_rule(int K, const std::vector<bool>& moves, double least_log_omega) {
  const Index q = moves.size();
  ProductRule rule;
  rule.K = K;
  rule.line = gauss_hermite(K);
  // the node of dimensions that are still comes first
  const int first = K > 1 && std::find(moves.begin(), moves.end(), false) != moves.end();
  if (first)
    for (VectorXd* v : {&rule.line.z, &rule.line.log_omega})
      *v = (VectorXd(K + 1) << 0, *v).finished();
  std::vector<int> kept;
  bool starts_run = true;
  std::vector<double> weights;
  std::vector<int> at(q);
  for (Index r = 0; r < q; ++r) at[r] = moves[r] ? first : 0;
  const double last = rule.line.z[first + K - 1], ball = last * last * (1 + 1e-12);
  for (bool more = true; more;) {
    double log_omega = 0, radius = 0;
    for (Index r = 0; r < q; ++r) {
      log_omega += rule.line.log_omega[at[r]];
      radius += rule.line.z[at[r]] * rule.line.z[at[r]];
    }
    if (log_omega > least_log_omega || radius <= ball) {
      if (starts_run) rule.runs.push_back(0);
      ++rule.runs.back();
      starts_run = false;
      kept.insert(kept.end(), at.begin(), at.end());
      weights.push_back(log_omega);
    }
    Index r = q - 1;
    for (; r >= 0; --r) {
      if (!moves[r]) continue;
      if (++at[r] < first + K) break;
      at[r] = first;
    }
    starts_run = starts_run || r < q - 1;
    more = r >= 0;
  }
  const Index N = weights.size();
  rule.index = Eigen::Map<Eigen::MatrixXi>(kept.data(), q, N);
  rule.z.resize(q, N);
  rule.log_weight.resize(N);
  for (Index k = 0; k < N; ++k) {
    for (Index r = 0; r < q; ++r) rule.z(r, k) = rule.line.z[rule.index(r, k)];
    rule.log_weight[k] = weights[k] + 0.5 * rule.z.col(k).squaredNorm();
  }
  return rule;
}

}  // namespace margmix
