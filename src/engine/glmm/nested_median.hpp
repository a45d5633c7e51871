// Posterior medians with one random effect at each of two nested levels, b_a = theta_a u_a and
// b_b = theta_b u_b. Given u_a the leaves are independent, so that up to constants
//   log p(u_a) = -u_a^2 / 2 + sum_l w_l log I_l(u_a),
//   I_l(u_a) = integral of exp{sum_j l_j(eta0_j + v_aj u_a + v_bj u)} over u ~ N(0, 1),
//   p(u_b) of leaf l = exp(-u_b^2 / 2) integral of p(u_a) / I_l(u_a) exp{sum_j l_j} over u_a.
// The last integral is a trapezoidal sum, whose steps are half the sd of u_a given u_b.
#pragma once

#include <deque>

#include "glmm/coordinate_posterior.hpp"
#include "glmm/nested_cluster.hpp"

namespace margmix {

class NestedMedians {
 public:
  // `cluster`: evaluated at its mode; `inner`: a rule for N(0, 1).
  NestedMedians(const Family& family, const ProductRule& inner, const NestedCluster& cluster,
                Index leaves)
      : family_(family), cluster_(cluster) {
    const NestedCluster::Moments top = cluster.top_moments();
    mean_ = top.mean[0];
    sd_ = std::sqrt(top.covariance(0, 0));
    double least = top.covariance(0, 0);
    for (Index l = 0; l < leaves; ++l) {
      leaves_.push_back(cluster.leaf_rows(l));
      integrals_.emplace_back(family, inner, leaves_[l].rows, v(l, 0));
      const MatrixXd S = cluster.leaf_moments(l).covariance;  // of (u_b, u_a)
      least = std::min(least, S(1, 1) - S(0, 1) * S(0, 1) / S(0, 0));
    }
    constexpr double kReach = 10, kMost = 4000;
    const double points = std::min(kMost, std::ceil(2 * kReach * sd_ / (0.5 * std::sqrt(least))));
    u_ = VectorXd::LinSpaced(static_cast<Index>(points) + 1, mean_ - kReach * sd_,
                             mean_ + kReach * sd_);
    log_I_.resize(u_.size(), leaves);
    weights_.resize(leaves);
    for (Index l = 0; l < leaves; ++l) weights_[l] = leaves_[l].weight;
    for (Index l = 0; l < log_I_.cols(); ++l)
      for (Index k = 0; k < u_.size(); ++k) log_I_(k, l) = log_integral(l, u_[k]);
  }

  double top() {
    auto log_density = [&](double u) {
      double sum = -0.5 * u * u;
      for (Index l = 0; l < log_I_.cols(); ++l) sum += leaves_[l].weight * log_integral(l, u);
      return sum;
    };
    return median_of(log_density, mean_, sd_);
  }

  double leaf(Index l) {
    const NestedCluster::LeafRows& leaf = leaves_[l];
    const VectorXd others =
        -0.5 * u_.array().square() + (log_I_ * weights_).array() - log_I_.col(l).array();
    const MatrixXd at_u = (v(l, 1) * u_.transpose()).colwise() + leaf.eta0;
    const VectorXd v_b = v(l, 0);
    VectorXd a(u_.size()), eta(leaf.rows.n);
    auto log_density = [&](double w) {
      for (Index k = 0; k < u_.size(); ++k) {
        eta = at_u.col(k) + w * v_b;
        a[k] = others[k] + family_.rows(leaf.rows, eta.data(), nullptr, nullptr, nullptr, nullptr);
      }
      const double most = a.maxCoeff();
      if (!std::isfinite(most)) return -kInf;
      return most + std::log((a.array() - most).exp().sum()) - 0.5 * w * w;
    };
    const NestedCluster::Moments moments = cluster_.leaf_moments(l);
    return median_of(log_density, moments.mean[0], std::sqrt(moments.covariance(0, 0)));
  }

 private:
  // Column r of V of leaf l, in the order (leaf, cluster).
  VectorXd v(Index l, Index r) const { return leaves_[l].V.col(r); }
  double log_integral(Index l, double u) { return integrals_[l](leaves_[l].eta0 + u * v(l, 1)); }

  const Family& family_;
  const NestedCluster& cluster_;
  std::vector<NestedCluster::LeafRows> leaves_;
  std::deque<InnerIntegral> integrals_;
  double mean_ = 0, sd_ = 0;
  VectorXd u_;      // grid
  MatrixXd log_I_;  // grid x leaves
  VectorXd weights_;
};

}  // namespace margmix
