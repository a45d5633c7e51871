#include "gee/start.hpp"

#include "gee/independence.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

class GlmScoring {
 public:
  GlmScoring(EquationSource& source, double adjustment)
      : source_(source), adjustment_(adjustment) {}

  GlmStart run(const VectorXd& beta) {
    start_.beta = beta;
    double now = value(beta);
    for (; start_.iterations < 60 && std::isfinite(now); ++start_.iterations) {
      VectorXd step;
      if (!scoring_step(step)) break;
      // Relative to the residuals: with an identity link they have the units of the response.
      if (start_.decrement < 1e-9 * std::max(1.0, source_.sums().squares / source_.sums().rows)) {
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
    source_.move(beta, R_, MomentRule(), {adjustment_ > 0, true});
    if (!source_.valid()) return -kInf;
    const double likelihood = source_.likelihood();
    return adjustment_ > 0 ? likelihood + adjustment_ * half_log_determinant() : likelihood;
  }

  double half_log_determinant() {
    source_.equations(R_, nullptr, sums_);
    cholesky_.compute(sums_.information);
    if (!cholesky_.definite()) return -kInf;
    return cholesky_.log_det() / 2;
  }

  bool scoring_step(VectorXd& step) {
    source_.equations(R_, nullptr, sums_);
    cholesky_.compute(sums_.information);
    start_.definite = cholesky_.definite();
    if (!start_.definite) return false;
    if (adjustment_ > 0) {
      const MatrixXd hat = cholesky_.inverse();
      source_.equations(R_, &hat, sums_);
      sums_.score += adjustment_ * sums_.adjustment;
    }
    step = cholesky_.solve(sums_.score);
    start_.decrement = sums_.score.dot(step);
    return true;
  }

  EquationSource& source_;
  const Independence R_;
  double adjustment_;
  GlmStart start_;
  EquationSums sums_;
  Cholesky cholesky_;
};

}  // namespace

GlmStart start_gee(EquationSource& source, const VectorXd& beta, double adjustment) {
  return GlmScoring(source, adjustment).run(beta);
}

VectorXd constant_beta(EquationSource& source, double level) {
  MatrixXd XX;
  VectorXd Xy;
  source.least_squares(level, XX, Xy);
  return solve_symmetric(XX, Xy);
}

}  // namespace margmix
