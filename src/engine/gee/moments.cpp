#include "gee/moments.hpp"

#include "gee/adjusted_residuals.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// Derivatives of the sums of squares (row 0) and of `num` in beta, (1 + sums) x p, by central
// differences of a thousandth of a standard error.
bool sums_derivative(const Equations& equations, const Correlation& R, const VectorXd& beta,
                     const MatrixXd& bread, const MomentRule& rule, MatrixXd& out) {
  const Index p = beta.size();
  out.setZero(1 + R.sums(), p);
  Residuals at;
  for (Index c = 0; c < p; ++c) {
    const double h = 1e-3 * std::sqrt(bread(c, c));
    for (const double sign : {1.0, -1.0}) {
      VectorXd moved = beta;
      moved[c] += sign * h;
      if (!equations.residuals(moved, R, rule, false, at)) return false;
      if (!at.valid) {
        out.setConstant(kNaN);
        return true;
      }
      out(0, c) += sign * at.sums.squares / (2 * h);
      out.col(c).tail(R.sums()) += sign * at.sums.num / (2 * h);
    }
  }
  return true;
}

}  // namespace

bool moment_variance(const Equations& equations, const Correlation& R, const VectorXd& beta,
                     const VectorXd& alpha, double phi, const MomentRule& rule,
                     VectorXd& variance) {
  const Index p = beta.size(), q = alpha.size();
  const Layout& layout = equations.data().layout;
  Residuals at;
  MatrixXd scores, information, slopes;
  if (!equations.residuals(beta, R, rule, false, at)) return false;
  if (!equations.pieces(at, R, phi, scores, information)) return false;
  const VectorXd total = information.rowwise().sum();
  const MatrixXd bread = Cholesky(MatrixMap(total.data(), p, p)).inverse();
  if (!sums_derivative(equations, R, beta, bread, rule, slopes)) return false;
  if (rule.adjusted)
    if (!adjust_residuals(equations, R, at) || !equations.moments(R, rule, at)) return false;
  const MatrixXd moved = slopes * (bread * scores);  // (1 + sums) x clusters

  const MomentSums& sums = at.sums;
  const double pearson = pearson_phi(sums, rule);
  const VectorXd scale = R.report_derivative(alpha);
  // The influence of a cluster on alpha is the derivative of the estimate in the direction of its
  // share of the sums.
  const auto alpha_at = [&](double t, const MomentSums& own, double d_phi) {
    MomentSums shifted = sums;
    shifted.num += t * own.num;
    shifted.off += t * own.off;
    shifted.den += t * own.den;
    return R.estimate(shifted, pearson + t * d_phi, rule);
  };
  variance.setZero(1 + q);
  constexpr double t = 1e-4;
  for (Index i = 0; i < layout.clusters(); ++i) {
    const double w = equations.data().weight_of(i);
    MomentSums own(R.sums());
    add_cluster(layout, i, at, R, rule, own);
    own.num = w * own.num + moved.col(i).tail(R.sums());
    own.off *= w;
    own.den *= w;
    VectorXd influence(1 + q);
    influence[0] = pearson / sums.squares *
                   (w * (own.squares - sums.squares / sums.rows * own.rows) + moved(0, i));
    if (q > 0)
      influence.tail(q) =
          scale.cwiseProduct(alpha_at(t, own, influence[0]) - alpha_at(-t, own, influence[0])) /
          (2 * t);
    variance += influence.cwiseAbs2();
  }
  return true;
}

}  // namespace margmix
