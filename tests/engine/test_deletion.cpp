// Estimates without each cluster, where they are known.
#include "check.hpp"
#include "inference/deletion.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

VectorXd as_they_are(Index, const VectorXd& sums, const VectorXd&) { return sums; }

// Mean mu and variance s of m numbers: sums of x - mu and (x - mu)^2 - s. The mean without x_i is
// exact. The second derivative in mu is 2 m, of which one is x_i's own, so that s is d^2 / (m - 1)
// above that without it, d the change of the mean.
void mean_and_variance() {
  const Index m = 12;
  toy::Random random(3);
  VectorXd x(m);
  for (Index i = 0; i < m; ++i) x[i] = random.normal();
  const double mu = x.mean(), s = (x.array() - mu).square().mean();
  DeletionSums sums{MatrixXd(2, m), {MatrixXd(2, m), MatrixXd(2, m)}, MatrixXd::Zero(2, 3)};
  for (Index i = 0; i < m; ++i) {
    const double e = x[i] - mu;
    sums.at.col(i) << e, e * e - s;
    sums.slopes[0].col(i) << -1, -2 * e;
    sums.slopes[1].col(i) << 0, -1;
  }
  sums.curvature(1, pair_at(0, 0)) = 2 * m;
  const Deletion all = deletion(sums, as_they_are, Eigen::Vector2d(1e-2, 1e-2));
  sums.slopes[0].resize(0, 0);
  const Deletion held = deletion(sums, as_they_are, Eigen::Vector2d(0, 1e-2));
  for (Index i = 0; i < m; ++i) {
    const double mean = (m * mu - x[i]) / (m - 1), d = mean - mu;
    const double variance = (x.array() - mean).square().sum() - std::pow(x[i] - mean, 2);
    CHECK_NEAR(all.steps(0, i), mu - mean, 1e-12);
    CHECK_NEAR(all.steps(1, i), s - variance / (m - 1) - d * d / (m - 1), 1e-12);
    CHECK_NEAR(held.steps(0, i), 0, 0.0);
    CHECK_NEAR(held.steps(1, i), s - (m * s - std::pow(x[i] - mu, 2)) / (m - 1), 1e-12);
    CHECK_NEAR(held.second[i], 0, 1e-10);
  }
}

// exp(beta) = mean: the second step of sum x - m exp(beta) is short beside the first, and the rest
// of third order.
void log_of_mean() {
  const Index m = 200;
  toy::Random random(5);
  VectorXd x(m);
  for (Index i = 0; i < m; ++i) x[i] = -std::log(random.uniform());
  const double beta = std::log(x.mean());
  DeletionSums sums{MatrixXd(1, m),
                    {MatrixXd::Constant(1, m, -x.mean())},
                    MatrixXd::Constant(1, 1, -m * x.mean())};
  sums.at.row(0) = (x.array() - x.mean()).matrix().transpose();
  const Deletion found = deletion(sums, as_they_are, VectorXd::Constant(1, 1e-2));
  for (Index i = 0; i < m; ++i) {
    const double exact = beta - std::log((m * x.mean() - x[i]) / (m - 1));
    CHECK_NEAR(found.steps(0, i), exact, 1e-2 * exact * exact + 1e-12);
    CHECK(found.second[i] < 0.05);
  }
}

}  // namespace

int main() {
  mean_and_variance();
  log_of_mean();
  return check::summary();
}
