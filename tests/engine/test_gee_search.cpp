// Fits whose joint search has no end of its own: separated responses, correlations that form no
// matrix.
#include "check.hpp"
#include "gee/fit.hpp"
#include "gee/local_source.hpp"
#include "gee/registry.hpp"
#include "gee/start.hpp"
#include "gee_sample.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// m clusters of n rows with visits 0, 1, ..., an intercept and one covariate.
struct Panel {
  MatrixXd X;
  VectorXd y, offset;
  Eigen::VectorXi start, wave;

  Panel(Index m, Index n, unsigned seed) : X(m * n, 2), y(m * n), start(m + 1), wave(m * n) {
    toy::Random random(seed);
    offset = VectorXd::Zero(m * n);
    for (Index j = 0; j < m * n; ++j) {
      X.row(j) << 1, random.normal();
      y[j] = random.normal();
      wave[j] = static_cast<int>(j % n);
    }
    for (Index i = 0; i <= m; ++i) start[i] = static_cast<int>(i * n);
  }

  MarginalData data() const {
    Rows rows;
    rows.n = y.size();
    rows.y = y.data();
    rows.size = rows.weight = nullptr;
    const Layout layout{IntegerMap(start.data(), start.size()), nullptr, wave.data(), nullptr};
    return {MatrixMap(X.data(), X.rows(), X.cols()), rows, VectorMap(offset.data(), offset.size()),
            layout, nullptr};
  }
};

// log L + log|X'WX| / 2 of a logit model.
double penalised(const Panel& panel, const VectorXd& beta) {
  const VectorXd eta = panel.X * beta;
  MatrixXd information = MatrixXd::Zero(2, 2);
  double value = 0;
  for (Index j = 0; j < eta.size(); ++j) {
    value -= std::log1p(std::exp(panel.y[j] > 0 ? -eta[j] : eta[j]));
    const double w = 1 / ((1 + std::exp(eta[j])) * (1 + std::exp(-eta[j])));
    information += w * panel.X.row(j).transpose() * panel.X.row(j);
  }
  return value + 0.5 * std::log(information.determinant());
}

// Completely separated responses: the maximum of the penalised likelihood, and finite estimates
// under a working correlation.
void separated() {
  const auto logit = make_family({"binomial", "logit"});
  const MarginalFamily family{*logit, Variance::mu_one_minus_mu};
  for (unsigned seed = 1; seed <= 20; ++seed) {
    Panel panel(8, 5, seed);
    for (Index j = 0; j < panel.y.size(); ++j) panel.y[j] = panel.X(j, 1) > 0.4 ? 1 : 0;
    const MarginalData data = panel.data();
    LocalSource source(data, family, kOneThread);
    const GlmStart start = start_gee(source, VectorXd::Zero(2), 1);
    CHECK(start.converged && start.definite);
    const auto value = [&](const VectorXd& b) { return penalised(panel, b); };
    CHECK_NEAR(toy::gradient(value, start.beta, 1e-4).cwiseAbs().maxCoeff(), 0.0, 1e-4);
    GeeOptions options;
    options.rule = {2, false};
    options.bias_reduce = true;
    options.adjustment = 1;
    for (const char* type : {"exchangeable", "ar1", "unstructured"}) {
      const auto R = make_correlation({type, 0, MatrixXd()}, data.layout);
      const GeeFit fit = fit_gee(source, *R, start.beta, options);
      CHECK(fit.status == GeeStatus::ok && fit.converged);
      CHECK(fit.beta.cwiseAbs().maxCoeff() < 100);
    }
  }
}

// All responses 1, where means above 1 - 1e-16 are 1: (n + 1/2) / (1/2) are the odds. The search
// ends at a decrement of 1e-9, sqrt(1e-9) standard errors from there.
void all_equal() {
  const auto logit = make_family({"binomial", "logit"});
  const MarginalFamily family{*logit, Variance::mu_one_minus_mu};
  Panel panel(8, 5, 1);
  panel.y.setOnes();
  const MatrixXd constant = MatrixXd::Ones(40, 1);
  const MarginalData all = panel.data();
  const MarginalData data{MatrixMap(constant.data(), 40, 1), all.response, all.offset, all.layout,
                          nullptr};
  for (const double level : {0.0, 30.0}) {
    LocalSource source(data, family, kOneThread);
    const GlmStart start = start_gee(source, VectorXd::Constant(1, level), 1);
    CHECK_NEAR(start.beta[0], std::log(40.5 / 0.5), std::sqrt(1e-9 * (1 / 40.5 + 1 / 0.5)));
  }
}

// More visits than clusters: moments of one phi form no matrix. Two steps: independent rows, then
// generalized least squares with the correlations of their residuals.
void two_steps() {
  const Index m = 5, n = 7;
  const Panel panel(m, n, 3);
  const MarginalData data = panel.data();
  const auto identity = make_family({"gaussian", "identity"});
  const MarginalFamily family{*identity, Variance::constant};
  GeeOptions options;
  options.rule = {2, false};
  const auto R = make_correlation({"unstructured", 0, MatrixXd()}, data.layout);
  LocalSource source(data, family, kOneThread);
  const GeeFit fit = fit_gee(source, *R, VectorXd::Zero(2), options);
  CHECK(fit.status == GeeStatus::ok && fit.converged && fit.clamped && fit.two_step);

  const VectorXd ols = panel.X.colPivHouseholderQr().solve(panel.y);
  const VectorXd e = panel.y - panel.X * ols;
  const MatrixXd E = MatrixMap(e.data(), n, m);
  const VectorXd sd = (E * E.transpose()).diagonal().cwiseSqrt();
  MatrixXd own =
      sd.cwiseInverse().asDiagonal() * (E * E.transpose()) * sd.cwiseInverse().asDiagonal();
  const double least = own.selfadjointView<Eigen::Lower>().eigenvalues()[0];
  CHECK_NEAR(least, 0.0, 1e-10);
  const double t = 0.99 / (1 - least);
  own = t * own + (1 - t) * MatrixXd::Identity(n, n);
  MatrixXd B = MatrixXd::Zero(2, 2);
  VectorXd b = VectorXd::Zero(2);
  for (Index i = 0; i < m; ++i) {
    const MatrixXd X = panel.X.middleRows(i * n, n);
    B += X.transpose() * own.llt().solve(X);
    b += X.transpose() * own.llt().solve(panel.y.segment(i * n, n));
  }
  CHECK_NEAR((fit.beta - B.llt().solve(b)).cwiseAbs().maxCoeff(), 0.0, 1e-9);
  for (Index k = 1; k < n; ++k)
    for (Index j = 0; j < k; ++j) CHECK_NEAR(fit.alpha[k * (k - 1) / 2 + j], own(j, k), 1e-10);

  // Where another program's estimate is wanted, nothing takes its place.
  options.own_variances = false;
  const GeeFit moved = fit_gee(source, *R, VectorXd::Zero(2), options);
  CHECK(moved.clamped && !moved.two_step);
}

}  // namespace

int main() {
  separated();
  all_equal();
  two_steps();
  return check::summary();
}
