// The estimating equations solved jointly: beta by Fisher scoring, phi and alpha by moments.
//
// One criterion of convergence: no step moves beta by more than `tolerance` model-based standard
// errors (sqrt(U'B^-1 U)), and alpha by no more than `tolerance`.
#pragma once

#include "gee/source.hpp"

namespace margmix {

struct GeeOptions {
  MomentRule rule;
  double fixed_phi = kNaN;            // NaN: estimated
  bool frozen_phi = false;            // alpha divides by Pearson's phi where the search begins
  bool bound_at_zero = true;          // correlations of exchangeable type are not negative
  bool bias_reduce = false;           // Firth's adjustment,
  double adjustment = kNaN;           // times this dispersion; NaN: times phi
  double smallest_eigenvalue = 1e-3;  // of R
  bool own_variances = true;          // for correlations that form no matrix; see fit.cpp
  double tolerance = 1e-8;
  int max_iterations = 100;
};

enum class GeeStatus { ok, invalid_start, singular, no_valid_step, no_scale, interrupted };

struct GeeFit {
  VectorXd beta, alpha;
  double phi = 1, criterion = kInf;
  double pearson = kNaN;  // Pearson's phi: phi, unless that is fixed
  VectorXd pairs;         // of rows, behind each correlation
  int iterations = 0, halvings = 0;
  bool converged = false, bounded = false, clamped = false;
  bool two_step = false;  // beta given alpha, which is that of independent rows
  double share = 1;       // times this
  GeeStatus status = GeeStatus::ok;
};

// Starts at `beta`, whose means must be valid.
GeeFit fit_gee(EquationSource& source, Correlation& R, const VectorXd& beta,
               const GeeOptions& options);

}  // namespace margmix
