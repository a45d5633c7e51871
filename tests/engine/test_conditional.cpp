// Logistic regression given the successes of clusters: against a sum over all sets of rows.
#include "check.hpp"
#include "glmm/conditional_logistic.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// log P(y | sum y) of a cluster by all 2^N responses of its trials.
double by_enumeration(const Design& d, const VectorXd& beta, Index i) {
  std::vector<double> eta;
  Index s = 0;
  double own = 0;
  for (Index j = d.first(i); j < d.first(i) + d.size(i); ++j) {
    const double e = d.offset[j] + d.X.row(j).dot(beta);
    const Index y = std::lround(d.response.y[j]);
    for (Index t = 0; t < (d.response.size ? std::lround(d.response.size[j]) : 1); ++t)
      eta.push_back(e);
    s += y;
    own += static_cast<double>(y) * e;
  }
  double sum = 0;
  for (unsigned set = 0; set < (1u << eta.size()); ++set) {
    if (__builtin_popcount(set) != s) continue;
    double e = 0;
    for (std::size_t k = 0; k < eta.size(); ++k) e += (set >> k & 1u) ? eta[k] : 0;
    sum += std::exp(e);
  }
  return own - std::log(sum);
}

toy::Data sample(bool sized) {
  toy::Data data(7, 6, 3, 1, 11);
  data.X.col(0) = data.X.col(1).cwiseProduct(data.X.col(2));
  data.sized = sized;
  if (!sized) data.y = data.y.cwiseMin(1.0);
  data.y.head(6).setZero();  // a cluster that says nothing
  return data;
}

void value_is_that_of_all_sets() {
  for (const bool sized : {false, true}) {
    const toy::Data data = sample(sized);
    const Design d = data.design();
    VectorXd beta(3);
    beta << 0.7, -1.2, 0.4;
    double sum = 0;
    for (Index i = 0; i < d.clusters(); ++i) sum += by_enumeration(d, beta, i);
    const ConditionalLogistic r = conditional_logistic(d, beta, kOneThread);
    CHECK_NEAR(r.value, sum, 1e-11);
    auto value = [&](const VectorXd& x) { return conditional_logistic(d, x, kOneThread).value; };
    CHECK_NEAR((toy::gradient(value, beta, 1e-3) - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-8);
    for (Index a = 0; a < 3; ++a) {
      auto slope = [&](const VectorXd& x) {
        return conditional_logistic(d, x, kOneThread).gradient[a];
      };
      const VectorXd row = toy::gradient(slope, beta, 1e-3) + r.information.col(a);
      CHECK_NEAR(row.cwiseAbs().maxCoeff(), 0.0, 1e-8);
    }
    CHECK(conditional_logistic(d, beta, RunContext{2}).value == r.value);
  }
}

void intercepts_cancel() {
  toy::Data data = sample(true);
  VectorXd beta(3);
  beta << 0.7, -1.2, 0.4;
  const ConditionalLogistic before = conditional_logistic(data.design(), beta, kOneThread);
  for (Index i = 0; i < 7; ++i) data.offset.segment(6 * i, 6).array() += 300.0 - 100.0 * i;
  const ConditionalLogistic after = conditional_logistic(data.design(), beta, kOneThread);
  CHECK_NEAR(after.value, before.value, 1e-10);
  CHECK_NEAR((after.gradient - before.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-10);
}

void large_clusters_keep_their_digits() {
  toy::Data data(1, 3000, 2, 1, 3);
  for (Index j = 0; j < 3000; ++j) data.y[j] = j % 2;
  data.offset.setZero();
  const ConditionalLogistic r = conditional_logistic(data.design(), VectorXd::Zero(2), kOneThread);
  const double choose = std::lgamma(3001.0) - 2 * std::lgamma(1501.0);
  CHECK_NEAR(r.value, -choose, 1e-9);
  // without replacement: the variance of a sum of half of the rows
  const VectorXd x = data.X.col(1);
  const double S2 = (x.array() - x.mean()).square().sum() / 2999;
  CHECK_NEAR(r.information(1, 1) / (1500 * S2 * (1 - 0.5)), 1.0, 1e-9);
}

void maximum_has_no_gradient() {
  const toy::Data data = sample(true);
  const ConditionalLogistic r = fit_conditional_logistic(data.design(), 1e-18, 100, kOneThread);
  CHECK(r.status == Status::ok && r.criterion < 1e-18);
  CHECK_NEAR(r.gradient.cwiseAbs().maxCoeff(), 0.0, 1e-8);
}

}  // namespace

int main() {
  value_is_that_of_all_sets();
  intercepts_cancel();
  large_clusters_keep_their_digits();
  maximum_has_no_gradient();
  return check::summary();
}
