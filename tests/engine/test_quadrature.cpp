// Gauss-Hermite rules: exact for polynomials up to degree 2K - 1, and not beyond.
#include "quadrature/gauss_hermite.hpp"

#include "check.hpp"

using namespace margmix;

namespace {

// E z^d of the standard normal distribution: (d - 1)!! for even d.
double moment(int degree) {
  if (degree % 2 == 1) return 0;
  double product = 1;
  for (int k = degree - 1; k > 1; k -= 2) product *= k;
  return product;
}

double moment(const HermiteRule& rule, int degree) {
  double sum = 0;
  for (Index k = 0; k < rule.z.size(); ++k)
    sum += std::exp(rule.log_omega[k]) * std::pow(rule.z[k], degree);
  return sum;
}

void line_rules() {
  for (int K : {1, 2, 3, 4, 7, 15, 25, 50, 101, 300}) {
    const HermiteRule rule = gauss_hermite(K);
    CHECK(rule.z.size() == K && rule.log_omega.size() == K);
    CHECK_NEAR(rule.log_omega.array().exp().sum(), 1.0, 1e-13);
    for (int d = 0; d <= std::min(2 * K - 1, 40); ++d)
      CHECK_NEAR(moment(rule, d) / std::max(1.0, moment(d + d % 2)),
                 moment(d) / std::max(1.0, moment(d + d % 2)), 1e-12);
    for (int k = 0; k < K; ++k) {
      CHECK(rule.z[k] == -rule.z[K - 1 - k]);
      CHECK(rule.log_omega[k] == rule.log_omega[K - 1 - k]);
      CHECK(k == 0 || rule.z[k] > rule.z[k - 1]);
      CHECK(std::isfinite(rule.log_omega[k]));
    }
  }
  // The first degree that is not exact errs by K!.
  for (int K = 1; K <= 12; ++K)
    CHECK_NEAR(moment(gauss_hermite(K), 2 * K) / moment(2 * K),
               1 - std::tgamma(K + 1.0) / moment(2 * K), 1e-11);
  CHECK_NEAR(gauss_hermite(2).z[1], 1.0, 1e-15);
  CHECK_NEAR(gauss_hermite(3).z[2], std::sqrt(3.0), 1e-15);
  CHECK_NEAR(std::exp(gauss_hermite(3).log_omega[0]), 1.0 / 6, 1e-15);
  CHECK_THROWS(gauss_hermite(0), std::invalid_argument);
  CHECK_THROWS(gauss_hermite(301), std::invalid_argument);
}

void product_rules() {
  for (int K : {1, 2, 5, 9}) {
    for (Index q : {1, 2, 3}) {
      const ProductRule rule = product_rule(K, q);
      double total = 0, square = 0, cross = 0, log_normal = 0;
      for (Index k = 0; k < rule.size(); ++k) {
        const VectorXd z = rule.z.col(k);
        const double omega = std::exp(rule.log_weight[k] - 0.5 * z.squaredNorm());
        total += omega;
        square += omega * z[q - 1] * z[q - 1];
        cross += omega * z[0] * z[0] * z[q - 1] * z[q - 1];
        log_normal += omega * std::exp(0.5 * z.sum());
        for (Index r = 0; r < q; ++r) CHECK(z[r] == rule.line.z[rule.index(r, k)]);
      }
      CHECK_NEAR(total, 1.0, 1e-12);
      if (K > 1) CHECK_NEAR(square, 1.0, 1e-12);
      if (K > 2) CHECK_NEAR(cross, q == 1 ? 3.0 : 1.0, 1e-12);
      if (K == 9) CHECK_NEAR(log_normal, std::exp(q / 8.0), 1e-9);
    }
  }
  // The last index runs fastest.
  const ProductRule rule = product_rule(3, 2);
  CHECK(rule.size() == 9);
  CHECK(rule.index(0, 1) == 0 && rule.index(1, 1) == 1 && rule.index(0, 3) == 1);
  // Corners of no weight are left out, and no node of an axis is.
  // still dimensions add nothing to the rule of the others
  for (const int K : {1, 3, 4}) {
    const ProductRule still = product_rule(K, std::vector<bool>{true, false, true, false});
    const ProductRule moves = product_rule(K, 2);
    CHECK((still.log_weight - moves.log_weight).isZero(0));
    CHECK((still.z.row(0) - moves.z.row(0)).isZero(0));
    CHECK((still.z.row(2) - moves.z.row(1)).isZero(0));
    CHECK(still.z.row(1).isZero(0) && still.z.row(3).isZero(0));
    for (Index k = 0; k < still.size(); ++k)
      for (Index r = 0; r < 4; ++r) CHECK(still.line.z[still.index(r, k)] == still.z(r, k));
  }
  const ProductRule large = product_rule(41, 2);
  CHECK(large.size() < 41 * 41);
  double total = 0;
  int on_axis = 0;
  for (Index k = 0; k < large.size(); ++k) {
    total += std::exp(large.log_weight[k] - 0.5 * large.z.col(k).squaredNorm());
    on_axis += large.z(0, k) == 0;
  }
  CHECK_NEAR(total, 1.0, 1e-13);
  CHECK(on_axis == 41);
  CHECK(product_rule(41, 2, -1e300).size() == 41 * 41);
}

}  // namespace

int main() {
  line_rules();
  product_rules();
  return check::summary();
}
