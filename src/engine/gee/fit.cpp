#include "gee/fit.hpp"

#include "gee/independence.hpp"

namespace margmix {

namespace {

class Scoring {
 public:
  Scoring(const Equations& equations, Correlation& R, const GeeOptions& options)
      : equations_(equations), R_(R), options_(options), floor_(options.smallest_eigenvalue) {}

  // A search that goes astray is repeated with slower moments, and at last with correlations well
  // inside their range: a matrix that is nearly singular in a direction of noise gives that
  // direction all the weight, and the residuals then make it still more singular.
  GeeFit run(const VectorXd& beta) {
    GeeFit fit = search(beta);
    if (!R_.parameters()) return fit;
    if (fit.status == GeeStatus::no_valid_step || fit.status == GeeStatus::singular) {
      relaxation_ = 0.25;
      fit = search(beta);
    }
    if (fit.converged && !(fit.clamped && R_.shrinks())) return fit;
    relaxation_ = 1;
    floor_ = options_.interior_eigenvalue;
    GeeFit inside = search(beta);
    return inside.converged || inside.status == GeeStatus::interrupted ? inside : fit;
  }

 private:
  GeeFit search(const VectorXd& beta) {
    fit_ = GeeFit();
    accepted_ = kInf;
    fit_.smallest_eigenvalue = floor_;
    fit_.beta = beta;
    fit_.alpha = R_.initial();
    R_.set(fit_.alpha);
    if (!residuals(beta, at_)) return stopped(GeeStatus::interrupted);
    if (!at_.valid) return stopped(GeeStatus::invalid_start);
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
  bool worse(const VectorXd& last) {
    const bool back = R_.parameters() > 0 && fit_.iterations > 2 &&
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

  bool residuals(const VectorXd& beta, Residuals& out) {
    return equations_.residuals(beta, R_, options_.rule, options_.bias_reduce, out);
  }

  GeeFit stopped(GeeStatus status) {
    fit_.status = status;
    fit_.converged = false;
    return std::move(fit_);
  }

  // phi and alpha at the present residuals; returns the change of alpha.
  double moments() {
    const MomentRule& rule = options_.rule;
    const double rows = at_.sums.rows > rule.lost ? at_.sums.rows - rule.lost : at_.sums.rows;
    fit_.phi = std::isnan(options_.fixed_phi) ? at_.sums.squares / rows : options_.fixed_phi;
    fit_.pairs = at_.sums.pairs;
    if (!R_.parameters() || !(fit_.phi > 0)) return 0;
    VectorXd inside = R_.iterative(rule) ? iterated() : next();
    if (relaxation_ < 1) inside = fit_.alpha + relaxation_ * (inside - fit_.alpha);
    const double moved = (inside - fit_.alpha).cwiseAbs().maxCoeff();
    fit_.alpha = inside;
    R_.set(inside);
    return moved;
  }

  // The estimate from the present sums, inside its bounds.
  VectorXd next() {
    VectorXd alpha = R_.estimate(at_.sums, fit_.phi, options_.rule);
    fit_.bounded = false;
    const bool bound = options_.bound_at_zero || R_.only_positive();
    for (Index c = 0; bound && c < alpha.size(); ++c) {
      if (!R_.bounded_at_zero(c) || alpha[c] >= 0) continue;
      alpha[c] = 0;
      fit_.bounded = true;
    }
    const VectorXd inside = R_.feasible(alpha, floor_);
    fit_.clamped = (inside - alpha).cwiseAbs().maxCoeff() > 1e-12;
    return inside;
  }

  // Where next() is one Gauss-Newton step: steps until they end, secant steps in one dimension and
  // shorter ones in two where they turn back, so that large residuals do not make them slow or
  // alternating.
  VectorXd iterated() {
    VectorXd alpha = fit_.alpha, step, last_alpha, last_step;
    double length = 1;
    for (int i = 0; i < 40; ++i) {
      const VectorXd target = next();
      step = target - alpha;
      if (!(step.cwiseAbs().maxCoeff() > 0.01 * options_.tolerance)) break;
      VectorXd trial = target;
      if (i > 0 && alpha.size() == 1 && step[0] != last_step[0]) {
        const double secant =
            alpha[0] - step[0] * (alpha[0] - last_alpha[0]) / (step[0] - last_step[0]);
        const double reach = 3 * std::fabs(step[0]);
        if (std::fabs(secant - alpha[0]) <= reach) trial[0] = secant;
        trial = R_.feasible(trial, floor_);
      } else if (i > 0 && alpha.size() > 1) {
        length = step.dot(last_step) < 0 ? 0.5 * length : std::min(1.0, 1.5 * length);
        trial = alpha + length * step;
      }
      last_alpha = alpha;
      last_step = step;
      alpha = trial;
      R_.set(alpha);
      equations_.moments(R_, options_.rule, at_);
    }
    return alpha;
  }

  GeeStatus scoring_step(VectorXd& step) {
    if (!equations_.sums(at_, R_, nullptr, sums_)) return GeeStatus::interrupted;
    if (!factorise()) return GeeStatus::singular;
    if (options_.bias_reduce && !equations_.sums(at_, R_, &hat_, sums_))
      return GeeStatus::interrupted;
    VectorXd score = sums_.score;
    if (options_.bias_reduce) score += fit_.phi * sums_.adjustment;
    step = cholesky_.solve(score);
    fit_.criterion = std::sqrt(std::max(0.0, score.dot(step)) / fit_.phi);
    return std::isfinite(fit_.criterion) ? GeeStatus::ok : GeeStatus::singular;
  }

  bool factorise() {
    cholesky_.compute(sums_.information);
    if (cholesky_.info() != Eigen::Success) return false;
    if (options_.bias_reduce)
      hat_ = cholesky_.solve(MatrixXd::Identity(sums_.score.size(), sums_.score.size()));
    return true;
  }

  // Halves the step until all means are inside their range.
  bool move(const VectorXd& step) {
    double t = 1;
    for (int halvings = 0; halvings < 40; ++halvings, t *= 0.5) {
      const VectorXd beta = fit_.beta + t * step;
      if (!residuals(beta, at_)) return false;
      if (!at_.valid) {
        ++fit_.halvings;
        continue;
      }
      fit_.beta = beta;
      return true;
    }
    return false;
  }

  const Equations& equations_;
  Correlation& R_;
  const GeeOptions& options_;
  GeeFit fit_;
  Residuals at_;
  EquationSums sums_;
  Eigen::LLT<MatrixXd> cholesky_;
  MatrixXd hat_;  // inverse information
  double floor_;  // of the eigenvalues of R
  double accepted_ = kInf, relaxation_ = 1;
  int taken_back_ = 0;
};

}  // namespace

GeeFit fit_gee(const MarginalData& data, const MarginalFamily& family, Correlation& R,
               const VectorXd& beta, const GeeOptions& options, const RunContext& context) {
  const Equations equations(data, family, context);
  return Scoring(equations, R, options).run(beta);
}

GlmStart start_gee(const MarginalData& data, const MarginalFamily& family, const VectorXd& beta,
                   const RunContext& context) {
  const Equations equations(data, family, context);
  Independence R;
  const MomentRule rule;
  // -Inf where a mean is outside its range.
  const auto value = [&](const VectorXd& b, Residuals& at) {
    equations.residuals(b, R, rule, false, at);
    if (!at.valid) return -kInf;
    VectorXd eta = data.offset;
    eta.noalias() += data.X * b;
    return family.family.rows(data.response, eta.data(), nullptr, nullptr, nullptr, nullptr);
  };
  GlmStart start;
  start.beta = beta;
  Residuals at;
  EquationSums sums;
  double now = value(beta, at);
  for (; start.iterations < 60 && std::isfinite(now); ++start.iterations) {
    equations.sums(at, R, nullptr, sums);
    const Eigen::LLT<MatrixXd> cholesky(sums.information);
    start.definite = cholesky.info() == Eigen::Success;
    if (!start.definite) break;
    const VectorXd step = cholesky.solve(sums.score);
    start.decrement = sums.score.dot(step);
    // Relative to the residuals: with an identity link they have the units of the response.
    if (start.decrement < 1e-9 * std::max(1.0, at.sums.squares / at.sums.rows)) {
      start.converged = true;
      break;
    }
    double t = 1, trial = -kInf;
    for (int halvings = 0; halvings < 40; ++halvings, t *= 0.5) {
      trial = value(start.beta + t * step, at);
      if (trial >= now - 1e-10 * std::fabs(now)) break;
    }
    if (!std::isfinite(trial)) {
      value(start.beta, at);
      break;
    }
    start.beta += t * step;
    now = trial;
  }
  return start;
}

VectorXd constant_beta(const MarginalData& data, double level) {
  const MatrixXd XX = data.X.transpose() * data.X;
  return XX.ldlt().solve(data.X.transpose() * (level - data.offset.array()).matrix());
}

}  // namespace margmix
