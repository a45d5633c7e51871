// Influence of clusters on the scale and the working correlation, for their standard errors.
//
// theta = (phi, alpha) is a function of moment sums T = sum_i t_i(beta). Without cluster i it moves
// by
//   theta(T) - theta(T - t_i) + dtheta/dbeta' (beta - beta_(i)),
// beta - beta_(i) the one-step change of beta (inference/influence.hpp); derivatives in beta are
// central differences, which cost two passes over the rows each. Where the sums depend on alpha
// itself (alpha = F(T(alpha))), the change is multiplied by (I - dF/dalpha)^-1.
#pragma once

#include "gee/fit.hpp"

namespace margmix {

class Association {
 public:
  Association(const Equations& equations, Correlation& R, const GeeOptions& options,
              const VectorXd& beta, const VectorXd& alpha)
      : equations_(equations), R_(R), options_(options), beta_(beta), alpha_(alpha) {
    R_.set(alpha_);
    valid_ = equations_.residuals(beta_, R_, options_.rule, false, at_) && at_.valid;
  }

  bool valid() const { return valid_; }

  // (1 + q) x m on the scale of the engine: row 0 phi, then alpha. dfbeta: p x m; step: p, the
  // sizes of the differences.
  MatrixXd influence(const MatrixMap& dfbeta, const VectorXd& step) const {
    const Layout& layout = equations_.data().layout;
    const VectorXd here = theta(at_.sums);
    MatrixXd out(here.size(), layout.clusters());
    for (Index i = 0; i < layout.clusters(); ++i) {
      MomentSums rest = at_.sums;
      rest.add(cluster_sums(i), -equations_.data().weight_of(i));
      out.col(i) = here - theta(rest);
    }
    out.noalias() += beta_derivative(step) * dfbeta;
    const Index q = alpha_.size();
    const MatrixXd A = MatrixXd::Identity(q, q) - alpha_derivative();
    if (q) out.bottomRows(q) = A.partialPivLu().solve(out.bottomRows(q)).eval();
    return out;
  }

 private:
  MomentSums cluster_sums(Index i) const {
    const Layout& layout = equations_.data().layout;
    const double* e = at_.e.data() + layout.first(i);
    MomentSums own(R_.sums());
    own.squares = VectorMap(e, layout.size(i)).squaredNorm();
    own.rows = double(layout.size(i));
    R_.add_moments(i, e, options_.rule, own);
    return own;
  }

  VectorXd theta(const MomentSums& sums) const {
    VectorXd out(1 + alpha_.size());
    const double rows = sums.rows > options_.rule.lost ? sums.rows - options_.rule.lost : sums.rows;
    out[0] = std::isnan(options_.fixed_phi) ? sums.squares / rows : options_.fixed_phi;
    if (alpha_.size()) out.tail(alpha_.size()) = R_.estimate(sums, out[0], options_.rule);
    return out;
  }

  VectorXd theta_at(const VectorXd& beta) const {
    Residuals at;
    equations_.residuals(beta, R_, options_.rule, false, at);
    return at.valid ? theta(at.sums) : VectorXd::Constant(1 + alpha_.size(), kNaN);
  }

  MatrixXd beta_derivative(const VectorXd& step) const {
    MatrixXd out(1 + alpha_.size(), beta_.size());
    for (Index j = 0; j < beta_.size(); ++j) {
      const VectorXd h = step[j] * VectorXd::Unit(beta_.size(), j);
      out.col(j) = (theta_at(beta_ + h) - theta_at(beta_ - h)) / (2 * step[j]);
    }
    return out;
  }

  // dF/dalpha; zero where the sums do not depend on alpha.
  MatrixXd alpha_derivative() const {
    constexpr double kStep = 1e-5;
    const Index q = alpha_.size();
    MatrixXd out(q, q);
    for (Index c = 0; c < q; ++c) {
      const VectorXd h = kStep * VectorXd::Unit(q, c);
      R_.set(alpha_ + h);
      const VectorXd up = theta_at(beta_);
      R_.set(alpha_ - h);
      out.col(c) = (up - theta_at(beta_)).tail(q) / (2 * kStep);
    }
    R_.set(alpha_);
    return out;
  }

  const Equations& equations_;
  Correlation& R_;
  const GeeOptions& options_;
  VectorXd beta_, alpha_;
  Residuals at_;
  bool valid_ = false;
};

}  // namespace margmix
