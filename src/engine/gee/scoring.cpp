#include "gee/scoring.hpp"

namespace margmix {

GeeFit Scoring::joint(const VectorXd& beta, double relaxation) {
  hold_ = false;
  relaxation_ = relaxation;
  return search(beta, R_.initial());
}

GeeFit Scoring::given(const VectorXd& beta, const VectorXd& alpha) {
  hold_ = true;
  return search(beta, alpha);
}

bool Scoring::estimate(GeeFit& fit, const VectorXd& from, VectorXd& alpha) {
  fit_ = fit;
  fit_.alpha = from;
  R_.set(from);
  if (!residuals(fit.beta) || !adjust()) return false;
  fit_.pearson = pearson_phi(source_.sums(), options_.rule);
  alpha = R_.iterative(options_.rule) ? iterated() : next();
  fit.bounded = fit_.bounded;
  fit.clamped = fit_.clamped;
  fit.pairs = source_.sums().pairs;
  return true;
}

bool Scoring::own_estimate(const GeeFit& fit, VectorXd& alpha) {
  MatrixXd sums;
  if (!residuals(fit.beta) || !source_.products(R_, sums)) return false;
  const auto squares = (sums.col(1).array() * sums.col(2).array()).sqrt();
  alpha = (squares > 0).select(sums.col(0).array() / squares, 0.0);
  return true;
}

GeeFit Scoring::search(const VectorXd& beta, const VectorXd& alpha) {
  fit_ = GeeFit();
  accepted_ = kInf;
  taken_back_ = 0;
  fit_.beta = beta;
  fit_.alpha = alpha;
  R_.set(alpha);
  if (!residuals(beta)) return stopped(GeeStatus::interrupted);
  if (!source_.valid()) return stopped(GeeStatus::invalid_start);
  start_pearson_ = pearson_phi(source_.sums(), options_.rule);
  if (options_.frozen_phi && std::isnan(frozen_)) frozen_ = start_pearson_;
  VectorXd last = VectorXd::Zero(beta.size());
  for (fit_.iterations = 1; fit_.iterations <= options_.max_iterations; ++fit_.iterations) {
    const double moved = moments();
    if (!(fit_.phi > 0) || !std::isfinite(fit_.phi)) return stopped(GeeStatus::no_scale);
    VectorXd step;
    const GeeStatus status = scoring_step(step);
    if (status != GeeStatus::ok) return stopped(status);
    fit_.converged = std::max(fit_.criterion, moved) < options_.tolerance;
    if (worse(last)) {
      if (!move(step = -0.5 * last)) return stopped(GeeStatus::no_valid_step);
      last *= 0.5;
      continue;
    }
    // Moments and beta may chase each other; where steps keep turning back, alpha goes slower.
    if (fit_.iterations > 15 && step.dot(last) < 0) relaxation_ = std::min(relaxation_, 0.5);
    if (!move(step)) return stopped(GeeStatus::no_valid_step);
    if (fit_.converged) break;
    last = step;
  }
  moments();
  return std::move(fit_);
}

// Did the last step, `last`, lead further away from a solution? There is no objective to judge it
// by; with few clusters a step can carry alpha to the end of its range, from where the next one
// goes astray. Half of it is taken back, a few times at most.
bool Scoring::worse(const VectorXd& last) {
  const bool back = (R_.parameters() > 0 || options_.bias_reduce) && fit_.iterations > 2 &&
                    fit_.criterion > 2 * accepted_ && taken_back_ < 6 && last.squaredNorm() > 0;
  if (back) {
    ++taken_back_;
    ++fit_.halvings;
  } else {
    accepted_ = fit_.criterion;
    taken_back_ = 0;
  }
  return back;
}

bool Scoring::residuals(const VectorXd& beta) {
  return source_.move(beta, R_, options_.rule, {options_.bias_reduce, false});
}

GeeFit Scoring::stopped(GeeStatus status) {
  fit_.status = status;
  fit_.converged = false;
  return std::move(fit_);
}

// phi and alpha at the present residuals; returns the change of alpha.
double Scoring::moments() {
  if (!hold_ && !adjust()) return kInf;
  fit_.pearson = pearson_phi(source_.sums(), options_.rule);
  fit_.phi = std::isnan(options_.fixed_phi) ? fit_.pearson : options_.fixed_phi;
  fit_.pairs = source_.sums().pairs;
  if (hold_ || !R_.parameters() || !(fit_.pearson > 0)) return 0;
  VectorXd inside = R_.iterative(options_.rule) ? iterated() : next();
  if (relaxation_ < 1) inside = fit_.alpha + relaxation_ * (inside - fit_.alpha);
  const double moved = (inside - fit_.alpha).cwiseAbs().maxCoeff();
  fit_.alpha = inside;
  R_.set(inside);
  return moved;
}

bool Scoring::adjust() {
  if (!options_.rule.adjusted) return true;
  return source_.adjust(R_, options_.rule);
}

// The estimate from the present sums, inside its bounds. It divides by Pearson's phi even where phi
// is fixed: correlations of residuals that are larger than the model says are not larger for it.
VectorXd Scoring::next() {
  const double phi = std::isnan(frozen_) ? fit_.pearson : frozen_;
  VectorXd alpha = R_.estimate(source_.sums(), phi, options_.rule);
  fit_.bounded = false;
  const bool bound = options_.bound_at_zero || R_.only_positive();
  for (Index c = 0; bound && c < alpha.size(); ++c) {
    if (!R_.bounded_at_zero(c) || alpha[c] >= 0) continue;
    alpha[c] = 0;
    fit_.bounded = true;
  }
  const VectorXd inside = R_.feasible(alpha, options_.smallest_eigenvalue);
  fit_.clamped = (inside - alpha).cwiseAbs().maxCoeff() > 1e-12;
  return inside;
}

// Where next() is one Gauss-Newton step: steps until they end, secant steps in one dimension and
// shorter ones in two where they turn back, so that large residuals do not make them slow or
// alternating. A step goes at most half of the way to the end of the range, a secant step a quarter
// further; only small steps may become longer.
VectorXd Scoring::iterated() {
  VectorXd alpha = fit_.alpha, step, last_alpha, last_step;
  double length = 1;
  for (int i = 0; i < 40; ++i) {
    const VectorXd target = next();
    step = target - alpha;
    if (!(step.cwiseAbs().maxCoeff() > 0.01 * options_.tolerance)) break;
    VectorXd trial = target;
    if (i > 0 && alpha.size() == 1 && step[0] != last_step[0]) {
      const double secant = step[0] * (alpha[0] - last_alpha[0]) / (last_step[0] - step[0]);
      const bool small = is_feasible(alpha + 10 * step) && is_feasible(alpha - 10 * step);
      if (std::fabs(secant) <= (small ? 3 : 1.5) * std::fabs(step[0])) trial[0] = alpha[0] + secant;
      trial = R_.feasible(trial, options_.smallest_eigenvalue);
    } else if (i > 0 && alpha.size() > 1) {
      length = step.dot(last_step) < 0 ? 0.5 * length : std::min(1.0, 1.5 * length);
      trial = alpha + length * step;
    }
    last_alpha = alpha;
    last_step = step;
    alpha = trial;
    R_.set(alpha);
    source_.moments(R_, options_.rule);
  }
  return alpha;
}

bool Scoring::is_feasible(const VectorXd& alpha) const {
  return R_.feasible(alpha, options_.smallest_eigenvalue) == alpha;
}

GeeStatus Scoring::scoring_step(VectorXd& step) {
  if (!source_.equations(R_, nullptr, sums_)) return GeeStatus::interrupted;
  if (!factorise()) return GeeStatus::singular;
  if (options_.bias_reduce && !source_.equations(R_, &hat_, sums_)) return GeeStatus::interrupted;
  VectorXd score = sums_.score;
  if (options_.bias_reduce)
    score += (std::isnan(options_.adjustment) ? fit_.phi : options_.adjustment) * sums_.adjustment;
  step = cholesky_.solve(score);
  fit_.criterion = std::sqrt(std::max(0.0, score.dot(step)) / fit_.phi);
  return std::isfinite(fit_.criterion) ? GeeStatus::ok : GeeStatus::singular;
}

bool Scoring::factorise() {
  cholesky_.compute(sums_.information);
  if (!cholesky_.definite()) return false;
  if (options_.bias_reduce) hat_ = cholesky_.inverse();
  return true;
}

// Halves the step until all means are inside their range.
bool Scoring::move(const VectorXd& step) {
  double t = 1;
  for (int halvings = 0; halvings < 40; ++halvings, t *= 0.5) {
    const VectorXd beta = fit_.beta + t * step;
    if (!residuals(beta)) return false;
    if (!source_.valid()) {
      ++fit_.halvings;
      continue;
    }
    fit_.beta = beta;
    return true;
  }
  return false;
}

}  // namespace margmix
