// Ways over the nodes for canonical links, which need few exponentials.
//
//   any product rule       l = y eta - c(e^eta): exponentials in each dimension, products at the
//   nodes Bernoulli, logit       sum log(1 + e^eta) is the logarithm of a running product Poisson,
//   log, shared shift: sums over the rows are sufficient
#pragma once

#include <algorithm>
#include <cmath>

#include "glmm/nodes.hpp"
#include "linalg/pairs.hpp"

namespace margmix {

// exp(eta_jk) = exp(eta~_j) prod_r exp(VP_jr z_kr): exponentials for the K points of each
// dimension, multiplications for the K^q nodes. Rows that share VP share one row of the table.
template <int Q>
void Nodes<Q>::fill_exp(Index first, Index count, bool add_to_lsum) {
  const Index N = rule_.size(), q = VP_.cols(), K = rule_.line.z.size();
  F_.resize(q);
  VectorXd y_eta = VectorXd::Zero(q + 1);  // sum w y eta_k = y_eta[0] + sum_r y_eta[1 + r] z_kr
  for (Index j = 0; j < count; ++j) {
    const double wy = rows_.w(first + j) * rows_.y[first + j];
    exp_mode_[j] = std::exp(mode_->eta[first + j]);
    y_eta[0] += wy * mode_->eta[first + j];
    for (Index r = 0; r < q; ++r) y_eta[1 + r] += wy * VP_(first + j, r);
  }
  for (Index r = 0; r < q; ++r) {
    const double* v = VP_.col(r).data() + first;
    const bool shared = std::all_of(v, v + count, [&](double x) { return x == v[0]; });
    F_[r].resize(shared ? 1 : count, K);
    for (Index a = 0; a < K; ++a)
      for (Index j = 0; j < F_[r].rows(); ++j) F_[r](j, a) = std::exp(v[j] * rule_.line.z[a]);
  }
  const Rows part = rows_.part(first, count);
  for (Index k = 0; k < N; ++k) {
    Index changed = 0;  // the first dimension in which this node differs from the one before
    if (k > 0)
      while (rule_.index(changed, k) == rule_.index(changed, k - 1)) ++changed;
    double linear = y_eta[0];
    for (Index r = 0; r < q; ++r) linear += y_eta[1 + r] * rule_.z(r, k);
    for (Index r = changed; r < q; ++r) {
      const double* before = r == 0 ? exp_mode_.data() : partial_.col(r - 1).data();
      const double* factor = F_[r].col(rule_.index(r, k)).data();
      double* product = partial_.col(r).data();
      if (F_[r].rows() == 1)
        for (Index j = 0; j < count; ++j) product[j] = before[j] * factor[0];
      else
        for (Index j = 0; j < count; ++j) product[j] = before[j] * factor[j];
    }
    store(k,
          linear + family_.rows_exp(part, partial_.col(q - 1).data(),
                                    order_ >= 1 ? G_.col(k).data() : nullptr,
                                    order_ >= 2 ? W_.col(k).data() : nullptr),
          add_to_lsum);
  }
}

// Row j of the table: exp(VP z) for the K points of each dimension, if VP differs from the last.
template <int Q>
void Nodes<Q>::tabulate(Index j) {
  for (Index r = 0; r < VP_.cols(); ++r) {
    if (VP_(j, r) == table_of_[r]) continue;
    table_of_[r] = VP_(j, r);
    table_.col(r) = (VP_(j, r) * rule_.line.z.array()).exp();
  }
}

// l = y eta - log(1 + E), g = y - 1 + 1 / (1 + E). The first part of the sum over rows is linear in
// z, the second the logarithm of a product, taken when it might overflow, or never: softmax().
template <int Q>
void Nodes<Q>::fill_bernoulli(Index first, Index count, bool add_to_lsum) {
  const Index N = rule_.size(), q = VP_.cols();
  if (order_ >= 1) G_.resize(N, count);
  if (order_ >= 2) W_.resize(N, count);
  table_.resize(rule_.line.z.size(), q);
  table_of_.setConstant(q, kNaN);
  if (!pending_) product_.setOnes(N), log_bound_ = 0;
  pending_ = add_to_lsum;
  exp_mode_.head(count) = mode_->eta.segment(first, count).array().exp();
  double y_eta = 0;
  VectorQ<Q> y_VP = VectorQ<Q>::Zero(q);
  for (Index j = 0; j < count; ++j) {
    tabulate(first + j);
    const double bound = reach(first + j) + 1;  // of log(1 + E)
    if (log_bound_ + bound > 650) take_logarithms(), pending_ = add_to_lsum;
    log_bound_ += bound;
    const double y = rows_.y[first + j];
    Index k = 0;
    for (const Index run : rule_.runs) {
      double factor = exp_mode_[j];
      for (Index r = 0; r + 1 < q; ++r) factor *= table_(rule_.index(r, k), r);
      bernoulli_run(factor, &table_(rule_.index(q - 1, k), q - 1), run, y - 1, k, j);
      k += run;
    }
    y_eta += y * mode_->eta[first + j];
    for (Index r = 0; r < q; ++r) y_VP[r] += y * VP_(first + j, r);
  }
  if (!add_to_lsum) return;
  for (Index r = 0; r < q; ++r) lsum_ += y_VP[r] * rule_.z.row(r).transpose();
  lsum_.array() += y_eta;
}

// Nodes k, k + 1, ... of row j, with E = factor * table.
template <int Q>
void Nodes<Q>::bernoulli_run(double factor, const double* table, Index run, double y_1, Index k,
                             Index j) {
  double* product = product_.data() + k;
  double* g = order_ >= 1 ? &G_(k, j) : nullptr;
  double* W = order_ >= 2 ? &W_(k, j) : nullptr;
  auto at = [&](auto one, Index i) {
    using T = decltype(one);
    const T t = one + factor * read<T>(table + i);
    write<T>(read<T>(product + i) * t, product + i);
    if (!g) return;
    const T q = one / t;
    write<T>(q + y_1, g + i);
    if (W) write<T>(q * (one - q), W + i);
  };
  Index i = 0;
  for (; i + 1 < run; i += 2) at(Pair(1.0, 1.0), i);
  if (i < run) at(1.0, i);
}

template <int Q>
void Nodes<Q>::take_logarithms() {
  if (!pending_) return;
  lsum_.array() -= product_.array().log();
  product_.setOnes();
  log_bound_ = 0;
  pending_ = false;
}

// A pending product of moderate size is divided by, which spares its logarithm at every node.
template <int Q>
double Nodes<Q>::softmax(VectorXd& c) {
  if (pending_ && log_bound_ > 400) take_logarithms();
  c += lsum_;
  if (!pending_) {
    const double most = c.maxCoeff();
    c = (c.array() - most).exp();
    const double sum = c.sum();
    c /= sum;
    return most + std::log(sum);
  }
  const Index middle = c.size() / 2;
  const double a = c[middle], scale = product_[middle];
  c = (c.array() - a).exp() * scale / product_.array();
  const double sum = c.sum();
  c /= sum;
  return a + std::log(sum / scale);
}

template <int Q>
bool Nodes<Q>::collapses() const {
  if (!family_.poisson_log() || VP_.cols() != 1) return false;
  for (Index j = 1; j < n_; ++j)
    if (VP_(j, 0) != VP_(0, 0)) return false;
  return true;
}

template <int Q>
void Nodes<Q>::evaluate_collapsed() {
  if (wy_.size() < n_) wy_.resize(n_), mu_.resize(n_);
  double sum_y = 0, sum_mu = 0, sum_y_eta = 0;
  for (Index j = 0; j < n_; ++j) {
    wy_[j] = rows_.w(j) * rows_.y[j];
    mu_[j] = mode_->W[j];  // w e^eta~, bounded by the mode equation
    sum_y += wy_[j];
    sum_mu += mu_[j];
    sum_y_eta += wy_[j] * mode_->eta[j];
  }
  const Index N = rule_.size();
  f_.resize(N);
  for (Index k = 0; k < N; ++k) {
    const double shift = std::min(VP_(0, 0) * rule_.z(0, k), 700.0);
    f_[k] = std::exp(shift);
    const double l = sum_y_eta + sum_y * shift - sum_mu * f_[k];
    lsum_[k] = std::isfinite(l) ? l : -kInf;
  }
}

}  // namespace margmix
