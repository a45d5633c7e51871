#include "gee/moments.hpp"

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// Central differences of a thousandth of a standard error.
bool find_slopes(EquationSource& source, const Correlation& R, const VectorXd& beta,
                 const MomentRule& rule, MomentTotals& totals) {
  const Index p = beta.size();
  totals.slopes.setZero(1 + R.sums(), p);
  for (Index c = 0; c < p; ++c) {
    const double h = 1e-3 * std::sqrt(totals.bread(c, c));
    for (const double sign : {1.0, -1.0}) {
      VectorXd moved = beta;
      moved[c] += sign * h;
      if (!source.move(moved, R, rule, {})) return false;
      if (!source.valid()) {
        totals.slopes.setConstant(kNaN);
        return true;
      }
      totals.slopes(0, c) += sign * source.sums().squares / (2 * h);
      totals.slopes.col(c).tail(R.sums()) += sign * source.sums().num / (2 * h);
    }
  }
  return true;
}

}  // namespace

bool moment_variance(EquationSource& source, const Correlation& R, const VectorXd& beta, double phi,
                     const MomentRule& rule, VectorXd& variance) {
  MomentTotals totals;
  EquationSums at;
  if (!source.move(beta, R, rule, {}) || !source.equations(R, nullptr, at)) return false;
  totals.bread = Cholesky(at.information / phi).inverse();
  if (!find_slopes(source, R, beta, rule, totals)) return false;
  if (!source.move(beta, R, rule, {})) return false;
  if (rule.adjusted && !source.adjust(R, rule)) return false;
  totals.sums = source.sums();
  return source.squared_influence(R, rule, phi, totals, variance);
}

}  // namespace margmix
