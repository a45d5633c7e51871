// Pieces around the mixed model: start GLM, linear mixed model, population means, sandwich.
#include "check.hpp"
#include "glmm/glm.hpp"
#include "glmm/lmm.hpp"
#include "inference/joint_reference.hpp"
#include "inference/sandwich.hpp"
#include "marginal/population_mean.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

void start_glm() {
  for (const FamilySpec& spec : {FamilySpec{"binomial", "logit"}, FamilySpec{"binomial", "probit"},
                                 FamilySpec{"binomial", "cauchit"}, FamilySpec{"poisson", "log"}}) {
    toy::Data data(10, 5, 3, 1, 11);
    data.sized = spec.family == "binomial";
    data.weighted = true;
    const Design d = data.design();
    const auto family = make_family(spec);
    const GlmObjective value(d, *family);
    auto at = [&](const VectorXd& x) { return value(x, nullptr, nullptr, nullptr); };
    const GlmFit fit = fit_glm(d, *family, constant_start(d, 0.1));
    CHECK(fit.converged && fit.definite);
    CHECK_NEAR(toy::gradient(at, fit.beta, 1e-3).cwiseAbs().maxCoeff(), 0.0, 1e-4);
    CHECK_NEAR(fit.value, at(fit.beta) + family->constant(d.response), 1e-13);
    for (Index k = 0; k < 3; ++k) {
      const VectorXd column = toy::gradient(
          [&](const VectorXd& x) {
            VectorXd g;
            value(x, &g, nullptr, nullptr);
            return -g[k];
          },
          fit.beta, 1e-3);
      CHECK_NEAR((fit.information.row(k).transpose() - column).cwiseAbs().maxCoeff(), 0.0, 1e-7);
    }
    const VectorXd eta = d.offset + d.X * fit.beta;
    CHECK_NEAR(fit.largest_eta, eta.cwiseAbs().maxCoeff(), 1e-13);
  }
  // Several chunks of rows, by any number of threads.
  toy::Data many(700, 5, 2, 1, 13);
  const Design rows = many.design();
  const auto poisson = make_family({"poisson", "log"});
  const VectorXd beta = VectorXd::Constant(2, 0.1);
  VectorXd eta = rows.offset + rows.X * beta, g(eta.size()), gradient, by_three;
  const double value =
      poisson->rows(rows.response, eta.data(), g.data(), nullptr, nullptr, nullptr);
  CHECK_NEAR(GlmObjective(rows, *poisson)(beta, &gradient, nullptr, nullptr), value, 1e-9);
  CHECK_NEAR((gradient - rows.X.transpose() * g).cwiseAbs().maxCoeff(), 0.0, 1e-9);
  GlmObjective(rows, *poisson, 3)(beta, &by_three, nullptr, nullptr);
  CHECK(by_three == gradient);
  // A constant alone: the logit of the mean.
  toy::Data data(4, 5, 1, 1, 11);
  data.offset.setZero();
  data.sized = true;
  const auto logit = make_family({"binomial", "logit"});
  const GlmFit fit = fit_glm(data.design(), *logit, constant_start(data.design(), 0.0));
  CHECK_NEAR(fit.beta[0], logit->link(data.y.sum() / data.size.sum()), 1e-4);
  // Separated responses run away.
  toy::Data separated(4, 5, 2, 1, 12);
  for (Index j = 0; j < 20; ++j) separated.y[j] = separated.X(j, 1) > 0;
  const GlmFit away = fit_glm(separated.design(), *logit, constant_start(separated.design(), 0.0));
  CHECK(!away.converged || !away.definite || away.largest_eta > 15);
}

// Dense covariance of all rows over phi: W^-1 + Z Lambda Lambda'Z' within clusters.
MatrixXd dense_covariance(const Design& d, const MatrixXd& Lambda) {
  const Index n = d.X.rows();
  MatrixXd V = MatrixXd::Zero(n, n);
  for (Index i = 0; i < d.clusters(); ++i) {
    const MatrixXd ZL = d.Z.middleRows(d.first(i), d.size(i)) * Lambda;
    V.block(d.first(i), d.first(i), d.size(i), d.size(i)) = ZL * ZL.transpose();
  }
  for (Index j = 0; j < n; ++j) V(j, j) += 1 / d.response.w(j);
  return V;
}

void linear_mixed_model() {
  constexpr double kLog2Pi = 1.83787706640934548356;
  for (Index q : {1, 2})
    for (bool reml : {false, true}) {
      toy::Data data(5, 4, 3, q, 13);
      data.weighted = true;
      const Design d = data.design();
      const Index n = 20, p = 3, t = d.n_theta();
      VectorXd theta = VectorXd::Constant(t, 0.6);
      if (q == 2) theta[1] = -0.3;
      const double log_phi = 0.25, phi = std::exp(log_phi);
      const LmmObjective objective(d, false, reml);
      const LmmResult r = objective(theta.data(), log_phi, kOneThread);
      const MatrixXd V = dense_covariance(d, d.Lambda(theta.data()));
      const Eigen::LLT<MatrixXd> cholesky(V);
      const VectorXd y = data.y - data.offset;
      const MatrixXd B = data.X.transpose() * cholesky.solve(data.X);
      const VectorXd beta = B.ldlt().solve(data.X.transpose() * cholesky.solve(y));
      const VectorXd e = y - data.X * beta;
      const double rss = e.dot(cholesky.solve(e));
      const double N = reml ? n - p : n;
      const double log_det = 2 * MatrixXd(cholesky.matrixL()).diagonal().array().log().sum();
      const double want = -0.5 * (N * (kLog2Pi + log_phi) + log_det + rss / phi +
                                  (reml ? std::log(B.determinant()) : 0.0));
      CHECK_NEAR(r.value, want, 1e-12);
      CHECK_NEAR((r.beta - beta).cwiseAbs().maxCoeff(), 0.0, 1e-11);
      CHECK_NEAR((r.B - B).cwiseAbs().maxCoeff(), 0.0, 1e-10);
      VectorXd at(t + 1);
      at << theta, log_phi;
      const VectorXd g = toy::gradient(
          [&](const VectorXd& x) { return objective(x.data(), x[t], kOneThread).value; }, at, 1e-3);
      CHECK_NEAR((r.gradient - g).cwiseAbs().maxCoeff(), 0.0, 1e-8);
      // phi profiled out: its estimate, the maximum over phi, and the gradient of the profile.
      const LmmResult profile = objective(theta.data(), kNaN, kOneThread);
      CHECK_NEAR(profile.phi, rss / N, 1e-12);
      for (double shift : {-0.1, 0.1})
        CHECK(objective(theta.data(), std::log(profile.phi) + shift, kOneThread).value <
              profile.value);
      const VectorXd g_profile = toy::gradient(
          [&](const VectorXd& x) { return objective(x.data(), kNaN, kOneThread).value; }, theta,
          1e-3);
      CHECK_NEAR((profile.gradient - g_profile).cwiseAbs().maxCoeff(), 0.0, 1e-8);
    }
  // Frequency weights: the same as rows repeated.
  toy::Data data(4, 3, 2, 1, 14), repeated(4, 6, 2, 1, 14);
  data.weighted = true;
  data.weight.setConstant(2);
  for (Index j = 0; j < 24; ++j) {
    repeated.X.row(j) = data.X.row(j / 2);
    repeated.Z.row(j) = data.Z.row(j / 2);
    repeated.y[j] = data.y[j / 2];
    repeated.offset[j] = data.offset[j / 2];
  }
  const double theta = 0.8;
  for (bool reml : {false, true})
    CHECK_NEAR(LmmObjective(data.design(), true, reml)(&theta, kNaN, kOneThread).value,
               LmmObjective(repeated.design(), false, reml)(&theta, kNaN, kOneThread).value, 1e-12);
  // A response that the fixed effects reproduce has no residual variance.
  toy::Data exact(4, 3, 2, 1, 15);
  exact.y = exact.X * VectorXd::Constant(2, 1.0) + exact.offset;
  const LmmResult none = LmmObjective(exact.design(), false, false)(&theta, kNaN, kOneThread);
  CHECK(none.status != Status::ok || none.phi < 1e-20);
}

void population_means() {
  for (const char* link : {"logit", "probit", "cloglog", "cauchit"}) {
    const FamilySpec spec{"binomial", link};
    const auto family = make_family(spec);
    const PopulationMeanRule rule(spec, *family);
    for (double eta : {-8.0, -1.0, 0.3, 4.0})
      for (double s : {0.0, 0.5, 2.0, 6.0}) {
        const PopulationMean m = rule(eta, s);
        const double h = 1.0 / 2048;
        double sum = 0;
        for (double t = -12; t <= 12; t += h)
          sum += h * std::exp(-0.5 * t * t) * 0.39894228040143267794 * family->mean(eta + s * t).mu;
        CHECK_NEAR(m.mean, sum, 1e-12);
        CHECK_NEAR(m.d_eta, toy::slope([&](double x) { return rule(x, s).mean; }, eta, 1e-3), 1e-9);
        if (s > 0)
          CHECK_NEAR(m.d_s, toy::slope([&](double x) { return rule(eta, x).mean; }, s, 1e-3), 1e-9);
      }
  }
  const auto logit = make_family({"binomial", "logit"});
  const PopulationMeanRule rule({"binomial", "logit"}, *logit);
  CHECK_NEAR(rule(-3, 1).mean, 0.0693, 5e-5);
  CHECK_NEAR(rule(-1, 2).mean, 0.3523, 5e-5);
  CHECK_NEAR(rule(-1, 3).mean, 0.3868, 5e-5);
  CHECK_NEAR(rule(0, 10).mean, 0.5, 1e-13);
  CHECK_NEAR(rule(2, 3).mean + rule(-2, 3).mean, 1.0, 1e-13);
  for (double s : {0.0, 0.7, 2.5}) {
    const auto check = [&](const char* family_name, const char* link, double mean, double d_s) {
      const FamilySpec spec{family_name, link};
      const auto family = make_family(spec);
      const PopulationMean m = PopulationMeanRule(spec, *family)(0.4, s);
      CHECK_NEAR(m.mean, mean, 1e-14);
      CHECK_NEAR(m.d_s, d_s, 1e-14);
    };
    check("gaussian", "identity", 0.4, 0);
    check("poisson", "sqrt", 0.16 + s * s, 2 * s);
    check("poisson", "log", std::exp(0.4 + s * s / 2), s * std::exp(0.4 + s * s / 2));
    const double r = std::sqrt(1 + s * s), density = std::exp(-0.08 / (r * r)) * 0.3989422804014327;
    check("binomial", "probit", 0.5 * std::erfc(-0.4 / r / std::sqrt(2.0)),
          -density * 0.4 * s / (r * r * r));
  }
}

// (I - M)^(-1/2) of a symmetric M
MatrixXd inverse_root(const MatrixXd& M) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(MatrixXd::Identity(M.rows(), M.cols()) - M);
  return eigen.operatorInverseSqrt();
}

void sandwich() {
  // Least squares with independence: CR2 of Bell & McCaffrey (2002) from n x n matrices.
  const Index m = 6, n_i = 4, n = m * n_i, p = 3;
  const toy::Data data(m, n_i, p, 1, 21);
  const MatrixXd& X = data.X;
  const MatrixXd bread = (X.transpose() * X).inverse();
  const VectorXd e = data.y - X * (bread * (X.transpose() * data.y));
  const MatrixXd H = X * bread * X.transpose();
  MatrixXd scores(p, m), information(p * p, m), meat = MatrixXd::Zero(p, p);
  // G_c has the columns (I - H)_i' A_i X_i B^-1 c; df = tr(G'G)^2 / tr((G'G)^2)
  std::vector<MatrixXd> G(p, MatrixXd(n, m));
  for (Index i = 0; i < m; ++i) {
    const auto Xi = X.middleRows(i * n_i, n_i);
    scores.col(i) = Xi.transpose() * e.segment(i * n_i, n_i);
    const MatrixXd Bi = Xi.transpose() * Xi;
    information.col(i) = Eigen::Map<const VectorXd>(Bi.data(), p * p);
    const MatrixXd A = inverse_root(H.block(i * n_i, i * n_i, n_i, n_i));
    const VectorXd u = Xi.transpose() * (A * e.segment(i * n_i, n_i));
    meat += u * u.transpose();
    MatrixXd residual_maker = -H.middleRows(i * n_i, n_i);
    residual_maker.middleCols(i * n_i, n_i) += MatrixXd::Identity(n_i, n_i);
    for (Index c = 0; c < p; ++c)
      G[c].col(i) = residual_maker.transpose() * (A * (Xi * bread.col(c)));
  }
  const MatrixXd contrasts = MatrixXd::Identity(p, p);
  auto run = [&](const MatrixXd& s, const MatrixXd& b, const MatrixXd& c) {
    return margmix::sandwich(ClusterPieces(MatrixMap(s.data(), s.rows(), s.cols()),
                                           MatrixMap(b.data(), b.rows(), b.cols())),
                             {"KC", c});
  };
  const Sandwich r = run(scores, information, contrasts);
  CHECK_NEAR((r.vcov - bread * meat * bread).cwiseAbs().maxCoeff(), 0.0, 1e-12);
  for (Index c = 0; c < p; ++c) {
    const MatrixXd GG = G[c].transpose() * G[c];
    CHECK_NEAR(r.df[c], GG.trace() * GG.trace() / GG.squaredNorm(), 1e-10);
  }
  for (Index i = 0; i < m; ++i) {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(H.block(i * n_i, i * n_i, n_i, n_i));
    CHECK_NEAR(r.leverage[i], eigen.eigenvalues().maxCoeff(), 1e-12);
  }
  // The scale of a contrast does not change its df, and that of the data not the df either.
  const Sandwich scaled = run(3 * scores, 9 * information, MatrixXd(100 * contrasts));
  CHECK_NEAR((scaled.df - r.df).cwiseAbs().maxCoeff(), 0.0, 1e-10);

  // Sums of some of the clusters, corrected by the information of all, are sums over all.
  const MatrixXd B = X.transpose() * X;
  const auto part = [&](Index first, Index count) {
    return ClusterPieces(MatrixMap(scores.col(first).data(), p, count),
                         MatrixMap(information.col(first).data(), p * p, count), B);
  };
  for (const std::string type : {"KC", "FW", "MBN", "robust"}) {
    const SandwichRequest ask{type, contrasts, DfRule::satterthwaite, double(n)};
    SandwichSums sums = sandwich_sums(part(0, 2), ask);
    const SandwichSums rest = sandwich_sums(part(2, m - 2), ask);
    sums.meat += rest.meat;
    sums.satterthwaite.trace += rest.satterthwaite.trace;
    sums.satterthwaite.square += rest.satterthwaite.square;
    sums.satterthwaite.T += rest.satterthwaite.T;
    const Sandwich joined = sandwich_of_sums(part(0, 0), ask, sums, m);
    const Sandwich whole = margmix::sandwich(
        ClusterPieces(MatrixMap(scores.data(), p, m), MatrixMap(information.data(), p * p, m)),
        ask);
    CHECK_NEAR((joined.vcov - whole.vcov).cwiseAbs().maxCoeff(), 0.0, 1e-13);
    CHECK_NEAR((joined.df - whole.df).cwiseAbs().maxCoeff(), 0.0, 1e-10);
  }

  // One mean of m equal clusters: the variance of the cluster means over m, with m - 1 df.
  MatrixXd one(1, m), info = MatrixXd::Constant(1, m, n_i);
  const VectorXd centred = data.y.array() - data.y.mean();
  for (Index i = 0; i < m; ++i) one(0, i) = centred.segment(i * n_i, n_i).sum();
  const Sandwich mean = run(one, info, MatrixXd::Ones(1, 1));
  CHECK_NEAR(mean.vcov(0, 0), one.squaredNorm() / (n_i * n_i) / (m - 1) / m, 1e-13);
  CHECK_NEAR(mean.df[0], m - 1.0, 1e-10);

  // A cluster that alone determines a coefficient.
  MatrixXd alone = information;
  for (Index i = 1; i < m; ++i) {
    Eigen::Map<MatrixXd> B(alone.col(i).data(), p, p);
    B.row(2).setZero();
    B.col(2).setZero();
  }
  const Sandwich singular = run(scores, alone, contrasts);
  CHECK_NEAR(singular.leverage[0], 1.0, 1e-9);
  CHECK(std::isnan(singular.vcov(2, 2)) && std::isnan(singular.vcov(0, 2)));
  CHECK(std::isnan(singular.df[2]));
  // The others can still be compared between clusters.
  CHECK(singular.vcov(0, 0) > 0 && singular.vcov(1, 1) > 0 && singular.df[1] > 0);
  const Sandwich indefinite = run(scores, -information, contrasts);
  CHECK(std::isnan(indefinite.vcov(0, 0)) && std::isnan(indefinite.df[0]));
}

// Two means of m equal clusters: the statistic is Hotelling's T^2 of the drawn scores, whose length
// is chi^2_2.
void joint_reference() {
  const Index m = 6, p = 2;
  MatrixXd information(p * p, m), scores = MatrixXd::Zero(p, m), z(p * m, 3), b(m, 3);
  for (Index i = 0; i < m; ++i)
    Eigen::Map<MatrixXd>(information.col(i).data(), p, p) = MatrixXd::Identity(p, p);
  for (Index k = 0; k < z.size(); ++k) z.data()[k] = std::sin(3.0 * double(k) + 1.0);
  b.setOnes();
  const ClusterPieces pieces(MatrixMap(scores.data(), p, m),
                             MatrixMap(information.data(), p * p, m));
  const MatrixXd C = MatrixXd::Identity(p, p);
  const JointReference reference(pieces, {Correction::KC}, C, VectorXd::Zero(p));
  const VectorXd u = VectorXd::Constant(3, 0.5);
  const double limit = 3;
  const VectorXd found = reference.tails(
      limit, {MatrixMap(z.data(), p * m, 3), MatrixMap(b.data(), m, 3), VectorMap(u.data(), 3)});
  for (Index k = 0; k < z.cols(); ++k) {
    const Eigen::Map<const MatrixXd> x(z.col(k).data(), p, m);
    const VectorXd mean = x.rowwise().mean();
    const MatrixXd centred = x.colwise() - mean;
    const MatrixXd S = centred * centred.transpose() / double(m - 1);
    const double w = mean.squaredNorm() / mean.dot(S.inverse() * mean);
    CHECK_NEAR(found[k], std::exp(-0.5 * w * limit), 1e-12);
  }
}

}  // namespace

int main() {
  joint_reference();
  start_glm();
  linear_mixed_model();
  population_means();
  sandwich();
  return check::summary();
}
