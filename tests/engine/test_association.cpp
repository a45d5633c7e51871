// Scores of variants against dense algebra; saddlepoint tails against a closed form.
#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"
#include "check.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

void scores() {
  toy::Random random(3);
  const Index n = 30, people = 12, variants = 7, p = 2;
  VectorXd r(n), W(n);
  MatrixXd X(n, p), G(people, variants);
  Eigen::VectorXi person(n), is_case(people);
  for (Index j = 0; j < n; ++j) {
    r[j] = random.normal();
    W[j] = 0.2 + random.uniform();
    X.row(j) << 1, random.normal();
    person[j] = static_cast<int>(j % people);
  }
  for (Index i = 0; i < people; ++i) {
    is_case[i] = static_cast<int>(i % 2);
    for (Index k = 0; k < variants; ++k) G(i, k) = std::floor(3 * random.uniform());
  }
  const MatrixXd C = (X.transpose() * W.asDiagonal() * X).inverse();
  const ScanNull null{IntegerMap(person.data(), n), IntegerMap(is_case.data(), people),
                      VectorMap(r.data(), n),       VectorMap(W.data(), n),
                      MatrixMap(X.data(), n, p),    C};
  const ScanResult out =
      score_scan(null, {static_cast<const double*>(G.data()), people, variants}, {});
  std::vector<int> integers(G.data(), G.data() + G.size());
  const ScanResult same =
      score_scan(null, {static_cast<const int*>(integers.data()), people, variants}, {});
  for (Index k = 0; k < variants; ++k) {
    VectorXd g(n);
    for (Index j = 0; j < n; ++j) g[j] = G(person[j], k);
    const VectorXd b = X.transpose() * (W.asDiagonal() * g);
    CHECK_NEAR(out.score[k], g.dot(r), 1e-12);
    CHECK_NEAR(out.weight[k], g.dot(W.asDiagonal() * g), 1e-12);
    CHECK_NEAR(out.variance[k], g.dot(W.asDiagonal() * g) - b.dot(C * b), 1e-12);
    CHECK_NEAR(out.case_sum[k], G.col(k).dot(is_case.cast<double>()), 1e-12);
    CHECK_NEAR(same.score[k], out.score[k], 0.0);
  }
}

// A sum of n Poisson variables with one coefficient: K(t) = n mu (e^gt - 1 - gt), whose saddlepoint
// is log(1 + q / (n mu g)) / g.
void one_coefficient() {
  const VectorXd g = VectorXd::Constant(8, 0.5), mu = VectorXd::Constant(8, 0.7), none;
  const double total = 5.6;
  const auto tail = [&](double q) {
    const double t = std::log(1 + q / (total * 0.5)) / 0.5;
    const double K = total * (std::expm1(0.5 * t) - 0.5 * t);
    const double second = total * 0.25 * std::exp(0.5 * t);
    const double w = std::copysign(std::sqrt(2 * (t * q - K)), t), v = t * std::sqrt(second);
    return 0.5 * std::erfc(std::abs(w + std::log(v / w) / w) / std::sqrt(2.0));
  };
  const auto found = [&](double q) {
    return saddlepoint_p(CountLaw::poisson, g, VectorMap(mu.data(), 8), VectorMap(none.data(), 0),
                         q);
  };
  CHECK_NEAR(found(2.5), tail(2.5) + tail(-2.5), 1e-9);
  CHECK_NEAR(found(6.0), tail(6.0), 1e-9);  // no sum is below -2.8
}

}  // namespace

int main() {
  scores();
  one_coefficient();
  return check::summary();
}
