// Sums over target rows under one setting of the exposure, for marginal standardization.
//
// The rows are the target rows with the exposure set: X, Z and the offset are counterfactual. Each
// row has a weight w_j, a target group g_j (a subgroup, or the rows of an estimand) and a cluster.
// With m_j = m(eta_j, s_j), s_j = |Lambda'z_j|, the standardized mean of group g is
//   mu_g = sum_{j in g} w_j m_j / sum_{j in g} w_j,
// and its derivatives follow from
//   dm_j / dbeta = m_eta x_j,   dm_j / dLambda_rc = m_s z_jr (Lambda'z_j)_c / s_j.
#pragma once

#include <algorithm>

#include "core/types.hpp"
#include "linalg/exact_sums.hpp"
#include "marginal/population_mean.hpp"

namespace margmix {

struct TargetRows {
  MatrixMap X, Z;      // n x p, n x q
  VectorMap offset;    // n
  VectorMap weight;    // n, not negative
  IntegerMap group;    // n, 0-based; -1 leaves the row out
  Index groups;        // G
  IntegerMap cluster;  // n, 0-based
  Index clusters;      // m
};

struct StandardizedSums {
  VectorXd weight, mean;                  // G: sum w, sum w m
  MatrixXd d_beta, d_theta;               // p x G, n_theta x G: derivatives of sum w m
  MatrixXd cluster_weight, cluster_mean;  // m x G: sums over the rows of a cluster
};

// Lambda is q x q with the free entries (theta_row, theta_col); q = 0 for a marginal model.
class Standardizer {
 public:
  Standardizer(const TargetRows& rows, const VectorMap& beta, const MatrixMap& Lambda,
               const IntegerMap& theta_row, const IntegerMap& theta_col,
               const PopulationMeanRule& rule);

  // `exact`: gets weight, mean, d_beta and d_theta, by columns, without rounding; or null.
  StandardizedSums run(ExactSums* exact = nullptr);

 private:
  void block(Index first, Index size, ExactSums* exact);

  // Adds the values of a block to row r of `sum`, each to the column of its group; `at`: where its
  // entries are among the exact totals.
  void add(Index first, Index size, Index r, const VectorXd& value, MatrixXd& sum, Index at,
           ExactSums* exact) const;

  const TargetRows& rows_;
  const VectorMap& beta_;
  const MatrixMap& Lambda_;
  const IntegerMap& theta_row_;
  const IntegerMap& theta_col_;
  const PopulationMeanRule& rule_;
  VectorXd d_eta_, d_s_;
  StandardizedSums sums_;
};

}  // namespace margmix
