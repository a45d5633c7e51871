#include "glmm/banded_lmm.hpp"

#include <cmath>

#include "linalg/band.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

constexpr double kLog2Pi = 1.83787706640934548356;
constexpr Index kWidth = 16;

// A function of s with its first two derivatives.
struct Jet {
  double x = 0, d = 0, dd = 0;
};

Jet operator-(const Jet& a, const Jet& b) { return {a.x - b.x, a.d - b.d, a.dd - b.dd}; }

Jet operator*(const Jet& a, const Jet& b) {
  return {a.x * b.x, a.x * b.d + a.d * b.x, a.x * b.dd + 2 * a.d * b.d + a.dd * b.x};
}

Jet inverse(const Jet& a) {
  const double x = 1 / a.x, d = -a.d * x * x;
  return {x, d, -(a.dd * x + 2 * a.d * d) * x};
}

// log|I + s T| and M = D'(I + s T)^-1 D as functions of s; I for the rows that are not in T.
struct Sums {
  double log_det[3] = {0, 0, 0};
  MatrixXd M[3];
  bool definite = true;
};

// I + s T = LEL' by columns, and L^-1 D along with it.
Sums sums_at(const MatrixXd& band, const MatrixXd& D, double s) {
  const Index m = band.cols(), width = band.rows() - 1, k = D.cols();
  std::vector<Jet> A(band.size()), rows(m * k);
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i <= width; ++i) A[j * (width + 1) + i] = {s * band(i, j), band(i, j), 0};
    A[j * (width + 1)].x += 1;
    for (Index c = 0; c < k; ++c) rows[j * k + c].x = D(j, c);
  }
  Sums out;
  for (MatrixXd& M : out.M) M = MatrixXd::Zero(k, k);
  std::vector<Jet> l(width + 1);
  for (Index j = 0; j < m; ++j) {
    const Jet* column = A.data() + j * (width + 1);
    if (!(column[0].x > 0)) {
      out.definite = false;
      return out;
    }
    const Jet pivot = inverse(column[0]);
    const double slope = column[0].d * pivot.x;
    out.log_det[0] += std::log(column[0].x);
    out.log_det[1] += slope;
    out.log_det[2] += column[0].dd * pivot.x - slope * slope;
    const Index last = std::min(width, m - 1 - j);
    for (Index i = 1; i <= last; ++i) l[i] = column[i] * pivot;
    for (Index c = 1; c <= last; ++c) {
      Jet* to = A.data() + (j + c) * (width + 1) - c;
      for (Index i = c; i <= last; ++i) to[i] = to[i] - l[i] * column[c];
    }
    const Jet* own = rows.data() + j * k;
    for (Index c = 0; c < k; ++c) {
      for (Index i = 1; i <= last; ++i) {
        Jet& to = rows[(j + i) * k + c];
        to = to - l[i] * own[c];
      }
      const Jet scaled = own[c] * pivot;
      for (Index r = c; r < k; ++r) {
        const Jet x = own[r] * scaled;
        out.M[0](r, c) += x.x;
        out.M[1](r, c) += x.d;
        out.M[2](r, c) += x.dd;
      }
    }
  }
  for (MatrixXd& M : out.M) M.triangularView<Eigen::StrictlyUpper>() = M.transpose();
  const auto rest = D.bottomRows(D.rows() - m);
  out.M[0] += rest.transpose().lazyProduct(rest);
  return out;
}

// Z'WZ and Z'W[X y] by level.
struct LevelSums {
  VectorXd D;
  MatrixXd ZWD;
};

LevelSums level_sums(const GroupedDesign& design, const VectorXd& w, const MatrixXd& rows) {
  const Group& group = design.groups[0];
  LevelSums out{VectorXd::Zero(group.levels), MatrixXd::Zero(group.levels, rows.cols())};
  for (Index j = 0; j < rows.rows(); ++j) {
    const double wz = w[j] * design.Z(j, 0);
    out.D[group.index[j]] += wz * design.Z(j, 0);
    out.ZWD.row(group.index[j]) += wz * rows.row(j);
  }
  return out;
}

}  // namespace

BandedRows banded_rows(const GroupedDesign& design, const MatrixMap& K, bool frequency) {
  const Index n = design.X.rows(), p = design.p();
  BandedRows out;
  VectorXd w(n);
  MatrixXd rows(n, p + 1);
  rows.leftCols(p) = design.X;
  rows.col(p) = VectorMap(design.response.y, n) - design.offset;
  for (Index j = 0; j < n; ++j) {
    w[j] = design.response.w(j);
    if (w[j] == 0) continue;
    out.rows += frequency ? w[j] : 1;
    if (!frequency) out.log_weights += std::log(w[j]);
  }
  const LevelSums sums = level_sums(design, w, rows);
  std::vector<Index> level;
  for (Index l = 0; l < sums.D.size(); ++l)
    if (sums.D[l] > 0) level.push_back(l);
  const Index m = static_cast<Index>(level.size());
  MatrixXd N(m, m), own(m, p + 1);
  for (Index c = 0; c < m; ++c) {
    const double root = std::sqrt(sums.D[level[c]]);
    own.row(c) = sums.ZWD.row(level[c]) / root;
    for (Index r = c; r < m; ++r)
      N(r, c) = root * std::sqrt(sums.D[level[r]]) * K(level[r], level[c]);
  }
  rotate_to_band(N, kWidth, own);
  out.band = MatrixXd::Zero(kWidth + 1, m);
  for (Index c = 0; c < m; ++c) {
    const Index count = std::min(kWidth + 1, m - c);
    out.band.col(c).head(count) = N.col(c).segment(c, count);
  }
  // Within levels: a triangular factor has their sums of squares.
  for (Index j = 0; j < n; ++j) {
    const Index l = design.groups[0].index[j];
    if (sums.D[l] > 0) rows.row(j) -= design.Z(j, 0) / sums.D[l] * sums.ZWD.row(l);
    rows.row(j) *= std::sqrt(w[j]);
  }
  const MatrixXd within = triangular_factor(rows);
  out.D.resize(m + within.rows(), p + 1);
  out.D << own, within;
  return out;
}

LmmResult banded_lmm(const BandedRows& rows, double theta, double log_phi, bool reml) {
  const Index p = rows.D.cols() - 1;
  LmmResult out;
  out.status = Status::not_finite;
  const Sums sums = sums_at(rows.band, rows.D, theta * theta);
  if (!sums.definite) return out;
  const MatrixXd& M = sums.M[0];
  out.B = M.topLeftCorner(p, p);
  const Cholesky B(out.B);
  if (p > 0 && !B.definite()) return out;
  out.beta = B.solve(VectorXd(M.col(p).head(p)));
  const double rss = M(p, p) - out.beta.dot(M.col(p).head(p));
  const double N = reml ? rows.rows - p : rows.rows;
  const bool profiled = std::isnan(log_phi);
  out.phi = profiled ? rss / N : std::exp(log_phi);
  const double log_det_B = reml ? B.log_det() : 0.0;
  out.value = -0.5 * (sums.log_det[0] + log_det_B + N * (kLog2Pi + std::log(out.phi)) +
                      rss / out.phi - rows.log_weights);
  if (!(rss > 0)) return out;
  out.status = Status::ok;
  VectorXd residual(p + 1);
  residual << -out.beta, 1;
  double slope = sums.log_det[1] + residual.dot(sums.M[1] * residual) / out.phi;
  if (reml) slope += B.solve(MatrixXd(sums.M[1].topLeftCorner(p, p))).trace();
  out.gradient.resize(profiled ? 1 : 2);
  out.gradient[0] = -theta * slope;
  if (!profiled) out.gradient[1] = -0.5 * (N - rss / out.phi);
  return out;
}

// In s = theta^2 / phi and log phi, and from there by the chain rule.
BandedLikelihood banded_likelihood(const BandedRows& rows, const VectorXd& psi, int order) {
  const Index p = rows.D.cols() - 1, at_theta = p, at_phi = p + 1;
  const double theta = psi[at_theta], phi = std::exp(psi[at_phi]), s = theta * theta / phi;
  BandedLikelihood out;
  MatrixXd D = rows.D;
  D.col(p) -= D.leftCols(p) * psi.head(p);
  const Sums sums = sums_at(rows.band, D, s);
  if (!sums.definite) return out;
  double squares[3];
  for (int k = 0; k < 3; ++k) squares[k] = sums.M[k](p, p) / phi;
  out.value = -0.5 * (sums.log_det[0] + rows.rows * (kLog2Pi + psi[at_phi]) + squares[0] -
                      rows.log_weights);
  if (!std::isfinite(out.value)) return out;
  out.status = Status::ok;
  const double in_s = -0.5 * (sums.log_det[1] + squares[1]), s_theta = 2 * theta / phi;
  out.gradient.resize(p + 2);
  out.gradient.head(p) = sums.M[0].col(p).head(p) / phi;
  out.gradient[at_theta] = in_s * s_theta;
  out.gradient[at_phi] = -0.5 * (rows.rows - squares[0]) - s * in_s;
  if (order < 2) return out;
  const double in_ss = -0.5 * (sums.log_det[2] + squares[2]);
  MatrixXd& H = out.hessian;
  H.resize(p + 2, p + 2);
  H.topLeftCorner(p, p) = -sums.M[0].topLeftCorner(p, p) / phi;
  H.col(at_theta).head(p) = sums.M[1].col(p).head(p) * (s_theta / phi);
  H.col(at_phi).head(p) = -(sums.M[0].col(p).head(p) + s * sums.M[1].col(p).head(p)) / phi;
  H(at_theta, at_theta) = in_ss * s_theta * s_theta + in_s * 2 / phi;
  H(at_theta, at_phi) = s_theta * (0.5 * squares[1] - s * in_ss - in_s);
  H(at_phi, at_phi) = -0.5 * squares[0] - s * squares[1] + s * s * in_ss + s * in_s;
  H.triangularView<Eigen::StrictlyLower>() = H.transpose();
  return out;
}

}  // namespace margmix
