// Structured covariances of random effects against their definition and differences.
#include "check.hpp"
#include "random/covariance.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

MatrixXd triangle(const VectorXd& entries, Index q) {
  MatrixXd Lambda = MatrixXd::Zero(q, q);
  Index k = 0;
  for (Index c = 0; c < q; ++c)
    for (Index r = c; r < q; ++r) Lambda(r, c) = entries[k++];
  return Lambda;
}

// J and sum_k g_k d2 lambda_k of any covariance, by differences of entries() and of J'g.
void derivatives(const Covariance& covariance, const VectorXd& tau) {
  const MatrixXd J = covariance.jacobian(tau);
  const Index n = covariance.entries(tau).size();
  VectorXd g(n);
  for (Index k = 0; k < n; ++k) {
    g[k] = std::sin(1.0 + static_cast<double>(k));
    auto entry = [&](const VectorXd& x) { return covariance.entries(x)[k]; };
    CHECK_NEAR((toy::gradient(entry, tau, 1e-3) - J.row(k).transpose()).cwiseAbs().maxCoeff(), 0.0,
               1e-9);
  }
  const MatrixXd bend = covariance.bend(tau, g);
  for (Index t = 0; t < tau.size(); ++t) {
    auto slope = [&](const VectorXd& x) -> double { return covariance.jacobian(x).col(t).dot(g); };
    CHECK_NEAR((toy::gradient(slope, tau, 1e-3) - bend.col(t)).cwiseAbs().maxCoeff(), 0.0, 1e-9);
  }
  CHECK_NEAR((covariance.parameters_of(covariance.entries(tau)) - tau).cwiseAbs().maxCoeff(), 0.0,
             1e-11);
}

void compound_symmetry(const char* kind, bool one_variance) {
  for (const Index q : {2, 3, 5})
    for (const double z : {-3.0, -0.4, 0.0, 0.7, 4.0}) {
      const auto covariance = make_covariance(kind, q);
      const Index deviations = one_variance ? 1 : q;
      VectorXd tau(deviations + 1), sd(q);
      for (Index r = 0; r < deviations; ++r) tau[r] = 0.3 * static_cast<double>(r) - 0.5;
      tau[deviations] = z;
      for (Index r = 0; r < q; ++r) sd[r] = std::exp(tau[one_variance ? 0 : r]);
      // the ratio of the eigenvalues 1 + (q - 1) rho and 1 - rho is e^z
      const double rho = std::expm1(z) / (std::exp(z) + static_cast<double>(q) - 1);
      MatrixXd Sigma = rho * sd * sd.transpose();
      Sigma.diagonal() = sd.array().square();
      const MatrixXd Lambda = triangle(covariance->entries(tau), q);
      CHECK_NEAR((Lambda * Lambda.transpose() - Sigma).cwiseAbs().maxCoeff(), 0.0, 1e-13);
      derivatives(*covariance, tau);
    }
}

// Partial correlations against their definition: the correlation of what the effects between leave.
void toeplitz() {
  for (const Index q : {2, 3, 5}) {
    const auto covariance = make_covariance("toep", q);
    VectorXd tau(2 * q - 1), sd(q);
    for (Index r = 0; r < q; ++r) tau[r] = 0.2 * static_cast<double>(r) - 0.3;
    for (Index m = 0; m < q - 1; ++m)
      tau[q + m] = m % 2 ? -0.4 : 0.9 - 0.1 * static_cast<double>(m);
    sd = tau.head(q).array().exp();
    const MatrixXd Lambda = triangle(covariance->entries(tau), q);
    const MatrixXd Sigma = Lambda * Lambda.transpose();
    const MatrixXd R = sd.cwiseInverse().asDiagonal() * Sigma * sd.cwiseInverse().asDiagonal();
    for (Index lag = 0; lag < q; ++lag) {
      const VectorXd same = R.diagonal(-lag);
      CHECK_NEAR((same.array() - same[0]).abs().maxCoeff(), 0.0, 1e-14);
      if (lag == 0) continue;
      const MatrixXd P = R.topLeftCorner(lag + 1, lag + 1).inverse();
      const double partial = -P(0, lag) / std::sqrt(P(0, 0) * P(lag, lag));
      CHECK_NEAR(partial, std::tanh(tau[q + lag - 1]), 1e-13);
    }
    CHECK_NEAR(R(0, 0), 1.0, 1e-14);
    derivatives(*covariance, tau);
    tau[q] = kInf;  // all effects are one, or its negative
    CHECK(covariance->jacobian(tau).col(q).isZero());
    CHECK(covariance->entries(tau).allFinite());
    CHECK_NEAR(triangle(covariance->entries(tau), q).rightCols(q - 1).norm(), 0.0, 1e-14);
  }
}

// A standard deviation of zero, and correlations at both ends, are entries without derivatives.
void ends() {
  const Index q = 3;
  const auto covariance = make_covariance("cs", q);
  VectorXd tau = VectorXd::Zero(q + 1);
  for (const double z : {kInf, -kInf}) {
    tau[q] = z;
    const double rho = z > 0 ? 1.0 : -0.5;
    const MatrixXd Lambda = triangle(covariance->entries(tau), q);
    const MatrixXd R = Lambda * Lambda.transpose();
    CHECK_NEAR((R - MatrixXd::Constant(q, q, rho)).cwiseAbs().sum(), q * (1 - rho), 1e-14);
    CHECK(covariance->jacobian(tau).col(q).isZero());
    CHECK(covariance->bend(tau, VectorXd::Ones(6)).allFinite());
  }
  tau << 0.2, -kInf, 0.1, 0.5;
  CHECK(covariance->entries(tau).allFinite());
  CHECK(covariance->jacobian(tau).col(1).isZero());
  CHECK(triangle(covariance->entries(tau), q).row(1).isZero());
}

void equal_variances() {
  const auto covariance = make_covariance("homdiag", 4);
  const VectorXd tau = VectorXd::Constant(1, -0.3);
  CHECK_NEAR((covariance->entries(tau).array() - std::exp(-0.3)).abs().maxCoeff(), 0.0, 1e-15);
  derivatives(*covariance, tau);
}

}  // namespace

int main() {
  compound_symmetry("cs", false);
  compound_symmetry("homcs", true);
  toeplitz();
  ends();
  equal_variances();
  return check::summary();
}
