// Bridge random intercepts, second moments of means and implied marginal regressions.
#include "check.hpp"
#include "glmm/bridge_distribution.hpp"
#include "glmm/effect_posterior.hpp"
#include "inference/sandwich.hpp"
#include "marginal/corrected_influence.hpp"
#include "marginal/moments.hpp"
#include "marginal/projection.hpp"
#include "objective/objective.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

void effect_derivatives(const EffectLaw& law) {
  toy::Data data(8, 4, 2, 1, 5);
  data.sized = true;
  data.weighted = true;
  const Design d = data.design();
  const auto logit = make_family({"binomial", "logit"});
  const auto objective = effect_objective(d, {"binomial", "logit"}, law);
  for (const double sigma : {0.1, 1.0, 3.0}) {
    VectorXd psi(3);
    psi << 0.2, -0.4, sigma;
    auto value = [&](const VectorXd& x) {
      return objective->evaluate(x, {101}, {}, {0, false, false}, kOneThread).value;
    };
    const ObjectiveResult r = objective->evaluate(psi, {101}, {}, {2, true, true}, kOneThread);
    CHECK(r.status == Status::ok);
    CHECK_NEAR((toy::gradient(value, psi, 1e-3) - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-6);
    CHECK_NEAR((r.scores.rowwise().sum() - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-11);
    const RunContext two{2};
    CHECK(objective->evaluate(psi, {101}, {}, {2, true, true}, two).value == r.value);
    const auto posterior = effect_posterior(d, *logit, law, 101, psi, true, kOneThread);
    CHECK(posterior.variance.minCoeff() > 0 && posterior.mode_variance.minCoeff() > 0);
  }
}

void bridge_is_logistic() {
  const FamilySpec spec{"binomial", "logit"};
  const auto logit = make_family(spec);
  const PopulationMeanRule rule(spec, *logit, {"bridge"});
  const BridgeDistribution bridge(1.7);
  for (const double eta : {-3.0, 0.5, 2.0}) {
    double sum = 0, total = 0;
    for (double u = -9; u <= 9; u += 0.02) {
      const double w = std::exp(-0.5 * u * u);
      total += w;
      sum += w * logit->mean(eta + bridge.at(u).b).mu;
    }
    CHECK_NEAR(rule(eta, 1.7).mean, sum / total, 1e-10);
  }
}

void variance_is_covariance_with_itself() {
  for (const char* link : {"logit", "probit", "cloglog", "cauchit"}) {
    const FamilySpec spec{"binomial", link};
    const auto family = make_family(spec);
    BetweenMoments moments(spec, *family);
    for (const double s : {0.3, 1.2, 4.0})
      CHECK_NEAR(moments.covariance(0.4, s, 0.4, s, s * s), moments.variance(0.4, s).value, 1e-11);
  }
}

void projection_finds_probit() {
  toy::Data data(10, 4, 2, 1, 7);
  const Design d = data.design();
  const FamilySpec spec{"binomial", "probit"};
  const auto probit = make_family(spec);
  const PopulationMeanRule rule(spec, *probit);
  VectorXd beta(2);
  beta << 0.3, -0.8;
  const Index n = d.X.rows();
  VectorXd offset = VectorXd::Zero(n), weight = VectorXd::Ones(n), mean(n), d_eta(n);
  MatrixXd d_theta(n, 1);
  for (Index j = 0; j < n; ++j) {
    const PopulationMean m = rule(d.X.row(j).dot(beta), 1.3);
    mean[j] = m.mean, d_eta[j] = m.d_eta, d_theta(j, 0) = m.d_s;
  }
  const ImpliedRows rows{d.X,
                         VectorMap(offset.data(), n),
                         VectorMap(weight.data(), n),
                         VectorMap(mean.data(), n),
                         VectorMap(d_eta.data(), n),
                         MatrixMap(d_theta.data(), n, 1)};
  const Projection r = MarginalProjection(rows, *probit, {0, 1, -1}).run(beta);
  const double factor = 1 / std::sqrt(1 + 1.3 * 1.3);
  CHECK(r.converged);
  CHECK_NEAR((r.gamma - factor * beta).cwiseAbs().maxCoeff(), 0.0, 1e-11);
  CHECK_NEAR((r.jacobian.leftCols(2) - factor * MatrixXd::Identity(2, 2)).cwiseAbs().maxCoeff(),
             0.0, 1e-9);
}

// Small clusters are corrected by a series, large and indefinite ones by their eigenvalues: all of
// them as corrected_scores() and sandwich() do, which know no series.
void corrected_influences() {
  const Index p = 3, m = 400;
  toy::Data data(m, 6, p, 1, 21);
  MatrixXd information(p * p, m), scores(p, m);
  for (Index i = 0; i < m; ++i) {
    MatrixXd X = data.X.middleRows(i * 6, 6);
    if (i == 7) X *= 12;
    if (i == 11) X.setZero();
    MatrixXd B = X.transpose() * X;
    if (i == 9) B(1, 1) -= 20;
    information.col(i) = Eigen::Map<const VectorXd>(B.data(), p * p);
    scores.col(i) = X.transpose() * data.y.segment(i * 6, 6);
  }
  const ClusterPieces pieces(MatrixMap(scores.data(), p, m),
                             MatrixMap(information.data(), p * p, m));
  CHECK(pieces(9).l[0] == 0 && pieces.S(9).eigenvalues().real().minCoeff() < -1e-4);
  const MatrixXd contrasts = MatrixXd::Identity(p, p), directions = pieces.B_inverse();
  for (const std::string type : {"KC", "MD", "FG"}) {
    const CorrectedInfluence r = corrected_influence(pieces, corrections_of(type).front(),
                                                     MatrixMap(directions.data(), p, p));
    const CorrectedScores by_eigenvalues = corrected_scores(pieces, corrections_of(type).front());
    const Sandwich sandwich = margmix::sandwich(pieces, {type, contrasts});
    CHECK_NEAR((r.scores - by_eigenvalues.scores).cwiseAbs().maxCoeff(), 0.0, 1e-12);
    const VectorXd df = satterthwaite_df(r.sums);
    for (Index c = 0; c < p; ++c) CHECK_NEAR(df[c] / sandwich.df[c], 1.0, 1e-12);
    CHECK(type == "FG" || by_eigenvalues.leverage.minCoeff() < influence_detail::kSmall);
    CHECK(by_eigenvalues.leverage[7] > influence_detail::kSmall);
    CHECK((r.leverage - by_eigenvalues.leverage).minCoeff() > -1e-12);
  }
}

}  // namespace

int main() {
  corrected_influences();
  effect_derivatives({"bridge"});
  for (const double df : {2.1, 5.0, 1e5}) effect_derivatives({"t", df});
  bridge_is_logistic();
  variance_is_covariance_with_itself();
  projection_finds_probit();
  return check::summary();
}
