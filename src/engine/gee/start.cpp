#include "gee/start.hpp"

#include "gee/independence.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

class GlmScoring {
 public:
  GlmScoring(const MarginalData& data, const MarginalFamily& family, double adjustment,
             const RunContext& context)
      : data_(data), family_(family), equations_(data, family, context), adjustment_(adjustment) {}

  GlmStart run(const VectorXd& beta) {
    start_.beta = beta;
    double now = value(beta);
    for (; start_.iterations < 60 && std::isfinite(now); ++start_.iterations) {
      VectorXd step;
      if (!scoring_step(step)) break;
      // Relative to the residuals: with an identity link they have the units of the response.
      if (start_.decrement < 1e-9 * std::max(1.0, at_.sums.squares / at_.sums.rows)) {
        start_.converged = true;
        break;
      }
      double t = 1, trial = -kInf;
      for (int halvings = 0; halvings < 40; ++halvings, t *= 0.5) {
        trial = value(start_.beta + t * step);
        if (trial >= now - 1e-10 * std::fabs(now)) break;
      }
      if (!std::isfinite(trial)) {
        value(start_.beta);
        break;
      }
      start_.beta += t * step;
      now = trial;
    }
    return std::move(start_);
  }

 private:
  // The (penalised) likelihood, -Inf where a mean is outside its range.
  double value(const VectorXd& beta) {
    equations_.residuals(beta, R_, MomentRule(), adjustment_ > 0, at_);
    if (!at_.valid) return -kInf;
    VectorXd eta = data_.offset;
    eta.noalias() += data_.X * beta;
    const double likelihood =
        family_.family.rows(data_.response, eta.data(), nullptr, nullptr, nullptr, nullptr);
    return adjustment_ > 0 ? likelihood + adjustment_ * half_log_determinant() : likelihood;
  }

  double half_log_determinant() {
    equations_.sums(at_, R_, nullptr, sums_);
    cholesky_.compute(sums_.information);
    if (!cholesky_.definite()) return -kInf;
    return cholesky_.log_det() / 2;
  }

  bool scoring_step(VectorXd& step) {
    equations_.sums(at_, R_, nullptr, sums_);
    cholesky_.compute(sums_.information);
    start_.definite = cholesky_.definite();
    if (!start_.definite) return false;
    if (adjustment_ > 0) {
      const MatrixXd hat = cholesky_.inverse();
      equations_.sums(at_, R_, &hat, sums_);
      sums_.score += adjustment_ * sums_.adjustment;
    }
    step = cholesky_.solve(sums_.score);
    start_.decrement = sums_.score.dot(step);
    return true;
  }

  const MarginalData& data_;
  const MarginalFamily& family_;
  const Equations equations_;
  const Independence R_;
  double adjustment_;
  GlmStart start_;
  Residuals at_;
  EquationSums sums_;
  Cholesky cholesky_;
};

}  // namespace

GlmStart start_gee(const MarginalData& data, const MarginalFamily& family, const VectorXd& beta,
                   double adjustment, const RunContext& context) {
  return GlmScoring(data, family, adjustment, context).run(beta);
}

VectorXd constant_beta(const MarginalData& data, double level) {
  const MatrixXd XX = data.X.transpose() * data.X;
  return solve_symmetric(XX, data.X.transpose() * (level - data.offset.array()).matrix());
}

}  // namespace margmix
