// Effects u with a singular precision under the linear constraint C'u = 0 (Rue & Held 2005, 2.3).
//
// An intrinsic precision Q does not see the columns of C (a constant, a line), so neither Q nor,
// where the data say little, A = Q + V'WV can be factored safely. Factored is A_1 = A + E D E',
// with a weight D on as many single levels, the anchors E. On the effects with C'u = 0
//
//   A_c^-1 = A_1^-1 - M K^-1 M',  M = A_1^-1 G,  G = [C E],  K = G'M - diag(0, D^-1),
//   log|A_c| = log|A_1| + log|det K| + log|D| - log|C'C|,
//
// which no longer depends on the anchors.
#pragma once

#include <functional>
#include <vector>

#include "core/types.hpp"

namespace margmix {

struct Constraint {
  MatrixXd C;               // levels x r
  std::vector<int> anchor;  // r levels
  VectorXd weight;          // D
};

class ConstrainedInverse {
 public:
  ConstrainedInverse() = default;
  // In the order of a vector of effects of this size.
  ConstrainedInverse(const MatrixXd& C, const std::vector<Index>& anchor, VectorXd weight);

  bool any() const { return weight_.size() > 0; }
  // `solve` is A_1^-1. False if A is not positive definite on the effects with C'u = 0.
  bool set(const std::function<VectorXd(const VectorXd&)>& solve);
  double log_det() const { return log_det_; }  // log|A_c| - log|A_1|

  void correct(const VectorXd& f, VectorXd& x) const {  // x = A_1^-1 f to A_c^-1 f
    if (any()) x.noalias() -= M_K_ * (M_.transpose() * f);
  }
  double entry(Index i, Index j) const { return any() ? -M_K_.row(i).dot(M_.row(j)) : 0; }
  double quadratic(const VectorXd& f) const {  // f'A_c^-1 f - f'A_1^-1 f
    return any() ? -(M_K_.transpose() * f).dot(M_.transpose() * f) : 0;
  }
  // A draw with covariance A_1^-1 to one with A_c^-1.
  void project(VectorXd& x) const;

 private:
  MatrixXd G_;
  VectorXd weight_;
  double log_det_C_ = 0, log_det_ = 0;
  MatrixXd M_, M_K_, K_inverse_, S_;  // S = G'M; columns of G in units `unit_`
  VectorXd unit_;
};

}  // namespace margmix
