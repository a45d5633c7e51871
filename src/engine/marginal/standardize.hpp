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
               const PopulationMeanRule& rule)
      : rows_(rows),
        beta_(beta),
        Lambda_(Lambda),
        theta_row_(theta_row),
        theta_col_(theta_col),
        rule_(rule) {
    const Index G = rows.groups, m = rows.clusters;
    sums_ = {VectorXd::Zero(G),
             VectorXd::Zero(G),
             MatrixXd::Zero(beta.size(), G),
             MatrixXd::Zero(theta_row.size(), G),
             MatrixXd::Zero(m, G),
             MatrixXd::Zero(m, G)};
  }

  StandardizedSums run() {
    constexpr Index kBlock = 1024;
    const Index n = rows_.X.rows();
    for (Index first = 0; first < n; first += kBlock) block(first, std::min(kBlock, n - first));
    return std::move(sums_);
  }

 private:
  void block(Index first, Index size) {
    const VectorXd eta =
        rows_.X.middleRows(first, size) * beta_ + rows_.offset.segment(first, size);
    const MatrixXd V = rows_.Z.middleRows(first, size) * Lambda_;  // Lambda'z, by rows
    VectorXd s = VectorXd::Zero(size);
    if (V.cols() > 0) s = V.rowwise().norm();
    d_eta_.setZero(size);
    d_s_.setZero(size);
    for (Index j = 0; j < size; ++j) {
      const Index g = rows_.group[first + j], i = rows_.cluster[first + j];
      const double w = rows_.weight[first + j];
      if (g < 0 || w == 0) continue;
      const PopulationMean m = rule_(eta[j], s[j]);
      sums_.weight[g] += w;
      sums_.mean[g] += w * m.mean;
      sums_.cluster_weight(i, g) += w;
      sums_.cluster_mean(i, g) += w * m.mean;
      d_eta_[j] = w * m.d_eta;
      d_s_[j] = s[j] > 0 ? w * m.d_s / s[j] : 0;  // m_s is zero at s = 0
    }
    for (Index c = 0; c < rows_.X.cols(); ++c)
      add(first, size, c, rows_.X.col(c).segment(first, size).cwiseProduct(d_eta_), sums_.d_beta);
    for (Index t = 0; t < theta_row_.size(); ++t)
      add(first, size, t,
          rows_.Z.col(theta_row_[t])
              .segment(first, size)
              .cwiseProduct(V.col(theta_col_[t]))
              .cwiseProduct(d_s_),
          sums_.d_theta);
  }

  // Adds the values of a block to row r of `sum`, each to the column of its group.
  void add(Index first, Index size, Index r, const VectorXd& value, MatrixXd& sum) const {
    for (Index j = 0; j < size; ++j) {
      const Index g = rows_.group[first + j];
      if (g >= 0) sum(r, g) += value[j];
    }
  }

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
