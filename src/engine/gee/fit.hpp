// Fisher scoring for the estimating equations; phi and alpha are moment estimates at every beta.
//
// One criterion of convergence: no step moves beta by more than `tolerance` model-based standard
// errors (sqrt(U'B^-1 U)), and alpha by no more than `tolerance`.
#pragma once

#include "gee/equations.hpp"

namespace margmix {

struct GeeOptions {
  MomentRule rule;
  double fixed_phi = kNaN;            // NaN: estimated
  bool bound_at_zero = true;          // correlations of exchangeable type are not negative
  bool bias_reduce = false;           // Firth's adjustment
  double smallest_eigenvalue = 1e-3;  // of R
  double interior_eigenvalue = 0.2;   // where the search with the former fails
  double tolerance = 1e-8;
  int max_iterations = 100;
};

enum class GeeStatus { ok, invalid_start, singular, no_valid_step, no_scale, interrupted };

struct GeeFit {
  VectorXd beta, alpha;
  double phi = 1, criterion = kInf;
  VectorXd pairs;  // of rows, behind each correlation
  int iterations = 0, halvings = 0;
  bool converged = false, bounded = false, clamped = false;
  double smallest_eigenvalue = 0;  // alpha was kept where no eigenvalue is below it
  GeeStatus status = GeeStatus::ok;
};

// Starts at `beta`, whose means must be valid.
GeeFit fit_gee(const MarginalData& data, const MarginalFamily& family, Correlation& R,
               const VectorXd& beta, const GeeOptions& options, const RunContext& context);

// Independent rows: a GLM by Fisher scoring, each step of which raises the (quasi-)likelihood.
struct GlmStart {
  VectorXd beta;
  double decrement = kInf;  // squared, of the last step, at phi = 1
  int iterations = 0;
  bool converged = false, definite = false;
};

GlmStart start_gee(const MarginalData& data, const MarginalFamily& family, const VectorXd& beta,
                   const RunContext& context);

// Least squares for X beta = level - offset: the constant model where X holds a constant.
VectorXd constant_beta(const MarginalData& data, double level);

}  // namespace margmix
