// Fisher scoring for beta, where alpha is the moment estimate at every beta, or held.
#pragma once

#include "gee/fit.hpp"
#include "linalg/decompositions.hpp"

namespace margmix {

class Scoring {
 public:
  Scoring(EquationSource& source, Correlation& R, const GeeOptions& options)
      : source_(source), R_(R), options_(options) {}

  // Moments take `relaxation` times their way at each step.
  GeeFit joint(const VectorXd& beta, double relaxation);

  // beta at one alpha; phi is still a moment.
  GeeFit given(const VectorXd& beta, const VectorXd& alpha);

  // Pearson's phi at the beta the last search began at.
  double start_pearson() const { return start_pearson_; }

  // The moment estimate of alpha at the residuals of `fit`, whose `bounded`, `clamped` and `pairs`
  // it sets; a search for it starts at `from`. False when the caller interrupted.
  bool estimate(GeeFit& fit, const VectorXd& from, VectorXd& alpha);

  // The correlations of the residuals of `fit`, each with the variances of its own rows. Those of
  // complete clusters form a matrix without negative eigenvalues, which moments with one phi for
  // all rows need not do.
  bool own_estimate(const GeeFit& fit, VectorXd& alpha);

 private:
  GeeFit search(const VectorXd& beta, const VectorXd& alpha);
  bool worse(const VectorXd& last);
  bool residuals(const VectorXd& beta);
  GeeFit stopped(GeeStatus status);
  double moments();
  bool adjust();
  VectorXd next();
  VectorXd iterated();
  bool is_feasible(const VectorXd& alpha) const;
  GeeStatus scoring_step(VectorXd& step);
  bool factorise();
  bool move(const VectorXd& step);

  EquationSource& source_;
  Correlation& R_;
  const GeeOptions& options_;
  GeeFit fit_;
  EquationSums sums_;
  Cholesky cholesky_;
  MatrixXd hat_;  // inverse information
  bool hold_ = false;
  double accepted_ = kInf, relaxation_ = 1, start_pearson_ = kNaN, frozen_ = kNaN;
  int taken_back_ = 0;
};

}  // namespace margmix
