#include "inference/deletion.hpp"

#include <algorithm>

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

constexpr int kSteps = 4;
constexpr double kRounding = 1e-6;  // of a step, in units

// The columns of the identity that belong to parameters that are not held: d = E x.
MatrixXd free_columns(const VectorXd& units) {
  const Index P = units.size();
  MatrixXd E(P, (units.array() > 0).count());
  for (Index k = 0, c = 0; k < P; ++k)
    if (units[k] > 0) E.col(c++) = VectorXd::Unit(P, k);
  return E;
}

// The Jacobian of the sums in x, of all clusters or of one.
MatrixXd slopes_of(const std::vector<MatrixXd>& slopes, Index r, Index cluster) {
  MatrixXd J(r, slopes.size());
  Index c = 0;
  for (const MatrixXd& slope : slopes)
    if (slope.size() > 0)
      J.col(c++) = cluster < 0 ? VectorXd(slope.rowwise().sum()) : VectorXd(slope.col(cluster));
  return J.leftCols(c);
}

// Q(d, d) / 2
VectorXd half_curvature(const MatrixXd& Q, const VectorXd& d) {
  VectorXd out = VectorXd::Zero(Q.rows());
  for (Index k = 0; k < d.size(); ++k)
    for (Index j = 0; j <= k; ++j) out += (j == k ? 0.5 : 1.0) * d[j] * d[k] * Q.col(pair_at(j, k));
  return out;
}

}  // namespace

Deletion deletion(const DeletionSums& sums, const DeletionEquations& F, const VectorXd& units) {
  const Index r = sums.at.rows(), m = sums.at.cols();
  const MatrixXd E = free_columns(units);
  const VectorXd G = sums.at.rowwise().sum(), u = E.transpose() * units;
  const MatrixXd J = slopes_of(sums.slopes, r, -1);
  Deletion out{MatrixXd::Zero(units.size(), m), VectorXd::Zero(m)};
  const auto length = [&](const VectorXd& x) { return x.cwiseQuotient(u).norm(); };
  MatrixXd L(u.size(), u.size());
  for (Index i = 0; i < m; ++i) {
    const auto equations = [&](const VectorXd& at, const VectorXd& x) {
      return VectorXd(E.transpose() * F(i, at, E * x));
    };
    const VectorXd rest = G - sums.at.col(i);
    const MatrixXd rest_J = J - slopes_of(sums.slopes, r, i);
    for (Index c = 0; c < u.size(); ++c) {
      const VectorXd e = u[c] * VectorXd::Unit(u.size(), c), moved = rest_J * e;
      L.col(c) = (equations(rest + moved, e) - equations(rest - moved, -e)) / (2 * u[c]);
    }
    const VectorXd first = -solve_square(L, equations(rest, VectorXd::Zero(u.size())));
    VectorXd x = first;
    for (int step = 2; step <= kSteps; ++step) {
      const VectorXd there = rest + rest_J * x + half_curvature(sums.curvature, E * x);
      const VectorXd next = -solve_square(L, equations(there, x));
      if (step == 2) out.second[i] = length(next) / std::max(length(first), kRounding);
      x += next;
    }
    out.steps.col(i) = -E * x;
  }
  return out;
}

}  // namespace margmix
