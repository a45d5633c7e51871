#include "gee/fit.hpp"

#include "gee/scoring.hpp"

namespace margmix {

namespace {

// A search can run away: the means leave the data, phi grows without end, and steps end because
// they are measured in standard errors. Residuals of a solution are not that much larger than those
// of independent rows, whose Pearson's phi is `pearson` (or than a phi that is known).
constexpr double kRunAway = 100;

bool solved(const GeeFit& fit, double pearson, const GeeOptions& options) {
  const double size =
      std::isnan(options.fixed_phi) ? pearson : std::max(pearson, options.fixed_phi);
  return fit.status == GeeStatus::ok && fit.converged && fit.pearson <= kRunAway * size;
}

// Eigenvalues of correlations with their own variances are not below this.
constexpr double kNearlySingular = 0.01;

// For a given alpha the equations of beta have a solution, which continuation from independent rows
// finds. A joint solution is an alpha that is the moment estimate at its own beta. It need not
// exist: with few clusters the residuals may always be more correlated than the alpha they were
// fitted with. And where moments form no correlation matrix, one that is moved to the end of its
// range is nearly singular in a direction of noise; that direction gets all the weight, and its
// residuals grow, those of the rest do not. Then beta is estimated in two steps, with the alpha of
// independent rows.
class Continuation {
 public:
  Continuation(Scoring& scoring, const Correlation& R, const GeeOptions& options)
      : scoring_(scoring), R_(R), options_(options) {}

  // `before` is what the joint search found, and the result, not converged, where not even the rows
  // taken as independent have a solution.
  GeeFit run(const VectorXd& beta, GeeFit before) {
    const GeeFit independent = scoring_.given(beta, VectorXd::Zero(R_.parameters()));
    if (independent.status == GeeStatus::interrupted) return independent;
    pearson_ = independent.pearson;
    if (!solved(independent)) {
      before.converged = false;
      return before;
    }
    VectorXd alpha;
    GeeFit moments = independent;
    if (!scoring_.estimate(moments, R_.initial(), alpha)) return interrupted();
    moments.clamped |= before.clamped && R_.shrinks();
    if (!solved(before)) {
      const GeeFit fit = joint(independent, alpha);
      if (fit.status == GeeStatus::interrupted || usable(fit, pearson_)) return fit;
    }
    if (own_variances()) {
      if (!scoring_.own_estimate(independent, alpha)) return interrupted();
      alpha = R_.feasible(alpha, kNearlySingular);
    }
    return two_step(independent, moments, alpha);
  }

  // Is `fit` an answer?
  bool usable(const GeeFit& fit, double pearson) const {
    return margmix::solved(fit, pearson, options_) && !(fit.clamped && own_variances());
  }

 private:
  static constexpr int kRounds = 100;

  bool solved(const GeeFit& fit) const { return margmix::solved(fit, pearson_, options_); }
  bool own_variances() const { return options_.own_variances && R_.shrinks(); }

  // Fixed-point steps of alpha, each with the solution at that alpha; shorter ones where they turn
  // back.
  GeeFit joint(GeeFit at, VectorXd alpha) {
    VectorXd last = VectorXd::Zero(alpha.size()), target;
    double length = 1;
    for (int round = 0; round < kRounds; ++round) {
      at = reach(alpha, at);
      if (!solved(at)) return at;
      if (!scoring_.estimate(at, alpha, target)) return interrupted();
      const VectorXd step = target - alpha;
      // A single parameter at the end of its range got there by running away.
      if (at.clamped && !R_.shrinks()) break;
      if (step.cwiseAbs().maxCoeff() < options_.tolerance) return at;
      if (step.dot(last) < 0) length *= 0.5;
      alpha += length * step;
      last = step;
    }
    at.converged = false;
    return at;
  }

  // The solution at the alpha of independent rows, or at the largest half, quarter, ... of it that
  // has one.
  GeeFit two_step(const GeeFit& independent, const GeeFit& moments, const VectorXd& alpha) {
    GeeFit fit;
    double share = 1;
    for (; share > 1e-3; share *= 0.5) {
      fit = reach(share * alpha, independent);
      if (fit.status == GeeStatus::interrupted) return fit;
      if (solved(fit)) break;
    }
    if (share <= 1e-3) fit = independent;
    fit.share = share > 1e-3 ? share : 0;
    fit.two_step = true;
    fit.bounded = moments.bounded;
    fit.clamped = moments.clamped;
    fit.pairs = moments.pairs;
    return fit;
  }

  // The solution at `alpha`, on the straight way from that at another one.
  GeeFit reach(const VectorXd& alpha, const GeeFit& from) {
    GeeFit at = from;
    double t = 0, length = 1;
    while (t < 1) {
      const double next = std::min(1.0, t + length);
      const GeeFit trial = scoring_.given(at.beta, from.alpha + next * (alpha - from.alpha));
      if (trial.status == GeeStatus::interrupted) return trial;
      if (solved(trial)) {
        at = trial;
        t = next;
        length *= 2;
      } else if ((length *= 0.25) < 1e-3) {
        return trial;
      }
    }
    return at;
  }

  static GeeFit interrupted() {
    GeeFit fit;
    fit.status = GeeStatus::interrupted;
    return fit;
  }

  Scoring& scoring_;
  const Correlation& R_;
  const GeeOptions& options_;
  double pearson_ = kNaN;  // of independent rows
};

}  // namespace

// A search that goes astray is repeated with slower moments, and at last by continuation.
GeeFit fit_gee(EquationSource& source, Correlation& R, const VectorXd& beta,
               const GeeOptions& options) {
  Scoring scoring(source, R, options);
  GeeFit fit = scoring.joint(beta, 1);
  if (!R.parameters()) {
    fit.converged = solved(fit, scoring.start_pearson(), options);
    return fit;
  }
  if (fit.status == GeeStatus::no_valid_step || fit.status == GeeStatus::singular)
    fit = scoring.joint(beta, 0.25);
  Continuation continuation(scoring, R, options);
  if (fit.status == GeeStatus::interrupted || continuation.usable(fit, scoring.start_pearson()))
    return fit;
  return continuation.run(beta, fit);
}

}  // namespace margmix
