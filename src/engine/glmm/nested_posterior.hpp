// Empirical Bayes with two nested levels: the distribution of b = Lambda u given the responses, at
// fixed parameters.
#pragma once

#include "core/run_context.hpp"
#include "glmm/nested_design.hpp"
#include "glmm/posterior.hpp"

namespace margmix {

struct NestedPosterior {
  // One level: q x levels; variances q * q x levels. `mode_variance` is that of the normal
  // approximation at the mode, Lambda A^-1 Lambda'.
  struct Level : LevelPosterior {
    Level(Index q, Index levels) {
      mode = mean = median = MatrixXd::Constant(q, levels, kNaN);
      variance = mode_variance = MatrixXd::Constant(q * q, levels, kNaN);
    }
    static void put(MatrixXd& to, Index i, const MatrixXd& S) {
      to.col(i) = Eigen::Map<const VectorXd>(S.data(), S.size());
    }
  };
  Level top, leaf;
  MatrixXd joint_mode_variance;  // of (b_b, b_a), q * q x levels of the finer factor
  Status status = Status::ok;

  explicit NestedPosterior(const NestedDesign& d);
};

// Medians only where both levels have one random effect; NaN otherwise.
NestedPosterior nested_posterior(const NestedDesign& design, Family& family, const NestedRule& rule,
                                 const VectorXd& psi, const Modes& modes, bool with_median,
                                 const RunContext& context);

// Covariance, T x T, of T linear combinations of all b given the responses, by the normal
// approximation at the mode. Coefficients: `top` (q_a * clusters x T), `leaf` (q_b * levels x T).
// With b_b = Lambda (P_b z_b + Q_b z_a) and b_a = Lambda P_s z_a it is a sum of squares over z.
MatrixXd nested_combination_covariance(const NestedDesign& design, Family& family,
                                       const VectorXd& psi, const Modes& modes,
                                       const MatrixMap& top, const MatrixMap& leaf,
                                       const RunContext& context);

// Variance of eta-hat - eta of rows, from the joint covariance of psi and u as
// prediction_variance(): new levels have their prior variance and u = 0.
class NestedPredictionVariance {
 public:
  NestedPredictionVariance(const NestedDesign& design, Family& family, const VectorXd& psi,
                           const Modes& modes, const MatrixXd& V, const RunContext& context);

  VectorXd operator()(const PredictionRows& rows) const;

 private:
  double row(const PredictionRows& rows, Index j) const;

  // Adds the derivative of z'Lambda u to d; returns its variance given psi. u is that of leaf `at`.
  double add(const VectorXd& z, Index top, Index leaf, Index at, VectorXd& d) const;

  const NestedDesign& design_;
  const MatrixXd V_, Lambda_;
  NestedPosterior posterior_;
  Modes modes_;
  std::vector<MatrixXd> tangents_;  // q x P by level of the finer factor
  std::vector<Index> cluster_;      // of a level of the finer factor
  std::vector<Index> a_leaf_;       // some leaf of a cluster
};

}  // namespace margmix
