#include "inference/kenward_roger.hpp"

#include <cmath>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// Inverse of a matrix whose rows may have any units. False if it is not positive definite.
bool inverse(const MatrixXd& A, MatrixXd& out) {
  const VectorXd size = A.diagonal().cwiseSqrt();
  if (!size.allFinite() || (size.array() <= 0).any()) return false;
  const VectorXd unit = size.cwiseInverse();
  const MatrixXd scaled = unit.asDiagonal() * A * unit.asDiagonal();
  const Cholesky cholesky(scaled);
  if (!cholesky.definite() || cholesky.rcond() < 1e-13) return false;
  out = cholesky.inverse();
  out = (unit.asDiagonal() * out * unit.asDiagonal()).eval();
  return true;
}

// Eigenvalues of R relative to Phi = LL', those of L^-1 R L^-T, do not depend on the coding of
// beta.
class Relative {
 public:
  explicit Relative(const MatrixXd& Phi) : L_(Cholesky(Phi).L()) {}

  SymmetricEigen eigen(const MatrixXd& R) const {
    const auto lower = L_.triangularView<Eigen::Lower>();
    const MatrixXd half = lower.solve(R);
    const MatrixXd S = lower.solve(half.transpose());
    return symmetric_eigen(0.5 * (S + S.transpose()));
  }
  double largest(const MatrixXd& R) const { return R.rows() ? eigen(R).values.maxCoeff() : 0.0; }
  // The part of R that adds to Phi in every direction. An observed W allows eigenvalues below zero.
  MatrixXd positive_part(const MatrixXd& R) const {
    if (R.rows() == 0) return R;
    const auto found = eigen(R);
    if (found.values[0] >= 0) return R;
    const MatrixXd U = L_ * found.vectors;
    return U * found.values.cwiseMax(0.0).asDiagonal() * U.transpose();
  }

 private:
  MatrixXd L_;
};

// Variance of max(Z, -a), Z standard normal, a >= 0.
double censored_variance(double a) {
  const double below = 0.5 * std::erfc(a / std::sqrt(2.0));
  const double density = 0.39894228040143267794 * std::exp(-a * a / 2);
  if (density == 0) return 1;
  const double mean = density - a * below;
  return 1 - below - a * density + a * a * below - mean * mean;
}

double trace_of_product(const MatrixXd& A, const MatrixXd& B) {
  return A.cwiseProduct(B.transpose()).sum();
}

}  // namespace

KenwardRogerPieces with_dispersion(const KenwardRogerPieces& pieces, const VectorXd& v, double phi,
                                   double N) {
  using Pieces = KenwardRogerPieces;
  const Index n = v.size();
  Pieces out = pieces;
  out.M_0.resize(0, 0);
  MatrixXd P = -pieces.M;
  out.T.conservativeResize(n + 1, n + 1);
  out.t.conservativeResize(n + 1);
  out.t[n] = N;
  for (Index a = 0; a < n; ++a) {
    P -= v[a] * pieces.P[a];
    out.t[n] -= v[a] * pieces.t[a];
  }
  out.P.push_back(P / phi);
  out.t[n] /= phi;
  for (Index b = 0; b <= n; ++b) {  // b = n last: it needs the others
    MatrixXd Q = -out.P[b];
    double T = out.t[b];
    for (Index a = 0; a < n; ++a) {
      Q -= v[a] * out.Q[Pieces::pair(b, a)];
      T -= v[a] * out.T(b, a);
    }
    out.Q.push_back(Q / phi);
    out.T(b, n) = out.T(n, b) = T / phi;
  }
  return out;
}

KenwardRoger kenward_roger(const KenwardRogerPieces& x) {
  const Index n = static_cast<Index>(x.P.size()), p = x.M.rows();
  KenwardRoger out;
  out.P = x.P;
  if (!inverse(x.M, out.Phi)) return out;
  if (!x.M_0.size() || !inverse(x.M_0, out.Phi_0)) out.Phi_0 = MatrixXd::Zero(p, p);
  std::vector<MatrixXd> PhiP(n);
  for (Index a = 0; a < n; ++a) PhiP[a] = out.Phi * x.P[a];
  MatrixXd I(n, n);
  for (Index a = 0; a < n; ++a)
    for (Index b = 0; b <= a; ++b)
      I(a, b) = I(b, a) = x.T(a, b) / 2 -
                          trace_of_product(out.Phi, x.Q[KenwardRogerPieces::pair(a, b)]) +
                          trace_of_product(PhiP[a], PhiP[b]) / 2;
  if (!inverse(I, out.Omega)) return out;
  MatrixXd sum = MatrixXd::Zero(p, p);
  for (Index a = 0; a < n; ++a)
    for (Index b = 0; b < n; ++b)
      sum += out.Omega(a, b) * (x.Q[KenwardRogerPieces::pair(a, b)] - x.P[a] * PhiP[b]);
  sum = (sum + sum.transpose()).eval();  // twice the symmetric part
  const Relative relative(out.Phi);
  out.correction = relative.positive_part(out.Phi * sum * out.Phi);
  VectorXd score(n);
  for (Index a = 0; a < n; ++a) score[a] = -PhiP[a].trace() / 2;
  const VectorXd bias = out.Omega * score;
  MatrixXd restricted = out.correction;
  for (Index a = 0; a < n; ++a) restricted -= bias[a] * PhiP[a] * out.Phi;
  out.change = relative.largest(restricted);
  out.definite = true;
  return out;
}

MatrixXd positive_part(const MatrixXd& R, const MatrixXd& Phi) {
  return Relative(Phi).positive_part(0.5 * (R + R.transpose()));
}

KenwardRogerReference::KenwardRogerReference(const MatrixXd& Phi, const MatrixXd& P,
                                             const MatrixXd& Omega, const MatrixXd& Phi_0)
    : Phi_(Phi), Omega_(Omega), Phi_0_(Phi_0) {
  for (Index a = 0; a < P.cols(); ++a)
    D_.push_back(Phi * MatrixMap(P.col(a).data(), Phi.rows(), Phi.cols()) * Phi);
}

// Kenward and Roger (1997), sections 3 and 4. One contrast: df = 2 / A1 and scale 1.
FReference KenwardRogerReference::operator()(const MatrixXd& C) const {
  const double q = static_cast<double>(C.rows());
  const MatrixXd variance = C * Phi_ * C.transpose();
  const Cholesky cholesky(variance);
  if (!cholesky.definite()) return {};
  std::vector<MatrixXd> U;  // (C Phi C')^-1 C D_a C': a similarity class, whatever the rows of C
  for (const MatrixXd& D : D_) U.push_back(cholesky.solve(MatrixXd(C * D * C.transpose())));
  double A1 = 0, A2 = 0;
  for (std::size_t a = 0; a < U.size(); ++a)
    for (std::size_t b = 0; b < U.size(); ++b) {
      A1 += Omega_(a, b) * U[a].trace() * U[b].trace();
      A2 += Omega_(a, b) * trace_of_product(U[a], U[b]);
    }
  const double least = cholesky.solve(MatrixXd(C * Phi_0_ * C.transpose())).trace() / q;
  const double share = censored_variance(std::max(0.0, -std::log(least) * q / std::sqrt(A1)));
  A1 *= share;
  A2 *= share;
  if (q == 1) return {2 / A1, 1};
  const double B = (A1 + 6 * A2) / (2 * q);
  const double g = ((q + 1) * A1 - (q + 4) * A2) / ((q + 2) * A2);
  const double d = 3 * q + 2 * (1 - g);
  const double V0 = 1 + g / d * B, V1 = 1 - (q - g) / d * B, V2 = 1 - (q + 2 - g) / d * B;
  const double V = 1 - A2 / q, rho = V * V * V0 / (q * V1 * V1 * V2);
  const double df = 4 + (q + 2) / (q * rho - 1);
  // F has no mean with df <= 2 and no variance with df <= 4, but the equations for its moments go
  // on to hold. What they solve to need not be an F: then 2 / A1 of one contrast is generalised.
  const double scale = std::fabs(df - 2) < 1e-2 ? 1 : df * V / (df - 2);
  if (!(df >= 1 && std::isfinite(df) && scale > 0)) return {2 * q / A2, 1};
  return {df, scale};
}

}  // namespace margmix
