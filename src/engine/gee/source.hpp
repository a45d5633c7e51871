// What the search for a marginal model asks of the rows: sums over clusters at one beta, which add
// up over parts of the clusters. The rows may be here (local_source.hpp) or elsewhere.
#pragma once

#include "gee/correlation.hpp"

namespace margmix {

// phi^-1 is not included: information D~'R^-1 D~ and score D~'R^-1 e.
struct EquationSums {
  MatrixXd information;  // p x p
  VectorXd score;        // p
  VectorXd adjustment;   // p: sum_j x_j h_j dlog s_j / deta, where asked for
  double quadratic = 0;  // e'R^-1 e
};

// Of all clusters, for the influence of one on phi and alpha: the moment sums, the derivatives in
// beta of the sum of squares (row 0) and of `num`, and the inverse information.
struct MomentTotals {
  MomentSums sums;
  MatrixXd slopes, bread;  // (1 + sums) x p, p x p
};

// What else is wanted of a beta.
struct PointAsk {
  bool slopes = false;      // for the adjustment of Firth (1993)
  bool likelihood = false;  // the (quasi-)likelihood of independent rows
  bool sums = true;         // the moment sums
};

// The requests that return a bool return false when the caller interrupted. R has its alpha set.
class EquationSource {
 public:
  virtual ~EquationSource() = default;

  virtual Index p() const = 0;

  // Goes to beta. Where a mean is outside its range there is nothing but valid().
  virtual bool move(const VectorXd& beta, const Correlation& R, const MomentRule& rule,
                    const PointAsk& ask) = 0;
  bool valid() const { return valid_; }
  const MomentSums& sums() const { return sums_; }
  double likelihood() const { return likelihood_; }

  // The moment sums of the same residuals at another alpha.
  virtual bool moments(const Correlation& R, const MomentRule& rule) = 0;

  // Those of the residuals of adjusted_residuals.hpp, until the next move.
  virtual bool adjust(const Correlation& R, const MomentRule& rule) = 0;

  // With `hat`, the inverse information of the last step, also the adjustment of Firth (1993).
  virtual bool equations(const Correlation& R, const MatrixXd* hat, EquationSums& out) = 0;

  // Sums of Correlation::add_products(), q x 3.
  virtual bool products(const Correlation& R, MatrixXd& out) = 0;

  // Sums of squared influences on (Pearson's phi, alpha).
  virtual bool squared_influence(const Correlation& R, const MomentRule& rule, double phi,
                                 const MomentTotals& totals, VectorXd& out) = 0;

  // X'X and X'(level - offset).
  virtual void least_squares(double level, MatrixXd& XX, VectorXd& Xy) = 0;

 protected:
  bool valid_ = false;
  MomentSums sums_;
  double likelihood_ = kNaN;
};

}  // namespace margmix
