#include "glmm/nodes.hpp"

#include <algorithm>
#include <cmath>

#include "glmm/nodes_exp.hpp"

namespace margmix {

template <int Q>
void Nodes<Q>::evaluate(const Rows& rows, const Mode<Q>& mode, int order) {
  rows_ = rows, mode_ = &mode, order_ = order, n_ = mode.n;
  const Index N = rule_.size(), q = mode.V.cols();
  if (VP_.rows() < n_) VP_.resize(n_, q);
  for (Index c = 0; c < q; ++c)
    for (Index j = 0; j < n_; ++j) {
      double sum = 0;
      for (Index r = 0; r <= c; ++r) sum += mode.V(j, r) * mode.P(r, c);
      VP_(j, c) = sum;
    }
  lsum_.setZero(N);
  pending_ = transposed_ = false;
  collapsed_ = collapses();
  if (collapsed_) return evaluate_collapsed();
  chunk_ = std::max<Index>(1, std::min(n_, kChunkEntries / N));
  if (eta_.size() < chunk_)
    eta_.resize(chunk_), exp_mode_.resize(chunk_), partial_.resize(chunk_, q);
  for (Index first = 0; first < n_; first += chunk_)
    fill(first, std::min(chunk_, n_ - first), true);
  if (chunk_ < n_) take_logarithms();
}

template <int Q>
void Nodes<Q>::fill(Index first, Index count, bool add_to_lsum) {
  const Index N = rule_.size(), q = VP_.cols();
  const bool exp_is_safe = family_.through_exp() && largest_reach(first, count) < 300;
  transposed_ = exp_is_safe && family_.bernoulli_logit(rows_);
  if (transposed_) return fill_bernoulli(first, count, add_to_lsum);
  if (order_ >= 1) G_.resize(count, N);
  if (order_ >= 2) W_.resize(count, N);
  if (exp_is_safe) return fill_exp(first, count, add_to_lsum);
  const Rows part = rows_.part(first, count);
  for (Index k = 0; k < N; ++k) {
    for (Index j = 0; j < count; ++j) {
      double x = mode_->eta[first + j];
      for (Index r = 0; r < q; ++r) x += VP_(first + j, r) * rule_.z(r, k);
      eta_[j] = x;
    }
    store(k,
          family_.rows(part, eta_.data(), order_ >= 1 ? G_.col(k).data() : nullptr,
                       order_ >= 2 ? W_.col(k).data() : nullptr, nullptr, nullptr),
          add_to_lsum);
  }
}

// A node outside the range of the link gets weight zero; its derivatives must then be finite.
template <int Q>
void Nodes<Q>::store(Index k, double l, bool add_to_lsum) {
  if (!std::isfinite(l)) {
    l = -kInf;
    if (order_ >= 1) G_.col(k).setZero();
    if (order_ >= 2) W_.col(k).setZero();
  }
  if (add_to_lsum) lsum_[k] += l;
}

// The largest |eta| of a row over the nodes.
template <int Q>
double Nodes<Q>::reach(Index j) const {
  const double z = rule_.line.z.size() ? rule_.line.z[rule_.line.z.size() - 1] : 0.0;
  double sum = std::fabs(mode_->eta[j]);
  for (Index r = 0; r < VP_.cols(); ++r) sum += std::fabs(VP_(j, r)) * z;
  return sum;
}

template <int Q>
double Nodes<Q>::largest_reach(Index first, Index count) const {
  double largest = 0;
  for (Index j = first; j < first + count; ++j) largest = std::max(largest, reach(j));
  return largest;
}

template <int Q>
void Nodes<Q>::weigh(const VectorXd& rho, NodeMoments<Q>& out, bool with_W) {
  const Index N = rule_.size(), q = VP_.cols(), pairs = q * (q + 1) / 2;
  MatrixXd& B = B_;
  B.resize(N, 1 + q + (with_W ? pairs : 0));
  B.col(0) = rho;
  for (Index r = 0; r < q; ++r) B.col(1 + r) = rho.cwiseProduct(rule_.z.row(r).transpose());
  for (Index s = 0, c = 1 + q; with_W && s < q; ++s)
    for (Index r = 0; r <= s; ++r, ++c)
      B.col(c) = B.col(1 + r).cwiseProduct(rule_.z.row(s).transpose());
  out.g.resize(n_);
  out.gz.resize(n_, q);
  if (with_W) out.W.resize(n_, B.cols());
  if (collapsed_) {
    const Eigen::RowVectorXd fB = f_.transpose() * B;
    const Eigen::RowVectorXd sB = B.colwise().sum();
    for (Index j = 0; j < n_; ++j) {
      out.g[j] = wy_[j] * sB[0] - mu_[j] * fB[0];
      out.gz(j, 0) = wy_[j] * sB[1] - mu_[j] * fB[1];
      if (with_W) out.W.row(j) = mu_[j] * fB;
    }
    return;
  }
  for_each_chunk([&](Index first, Index count) {
    GB_.resize(count, 1 + q);
    node_sums(G_, B.leftCols(1 + q), GB_);
    out.g.segment(first, count) = GB_.col(0);
    out.gz.middleRows(first, count) = GB_.rightCols(q);
    if (with_W) node_sums(W_, B, out.W.middleRows(first, count));
  });
}

// out = G B, or the same of W: sums over the nodes.
template <int Q>
void Nodes<Q>::node_sums(const MatrixXd& G, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  if (!transposed_) return multiply(G, B, out);
  small_transposed_multiply(G, B, out);
}

template <int Q>
void Nodes<Q>::project(const MatrixXd& B, MatrixXd& out) {
  if (collapsed_) {
    const Eigen::RowVectorXd y = wy_.head(n_).transpose() * B, mu = mu_.head(n_).transpose() * B;
    out.noalias() = -f_ * mu;
    out.rowwise() += y;
    return;
  }
  out.setZero(rule_.size(), B.cols());
  MatrixXd piece;
  for_each_chunk([&](Index first, Index count) {
    const auto part = B.middleRows(first, count);
    if (!transposed_) return add_transposed_multiply(G_, part, out);
    if (count == n_) return small_multiply(G_, part, out);
    piece.resize(out.rows(), out.cols());
    small_multiply(G_, part, piece);
    out += piece;
  });
}

template <int Q>
void Nodes<Q>::apply(const MatrixXd& B, MatrixXd& out) {
  if (collapsed_) {
    const Eigen::RowVectorXd s = B.colwise().sum(), f = f_.transpose() * B;
    out.noalias() = wy_.head(n_) * s - mu_.head(n_) * f;
    return;
  }
  out.setZero(n_, B.cols());
  for_each_chunk([&](Index first, Index count) { node_sums(G_, B, out.middleRows(first, count)); });
}

template <int Q>
void Nodes<Q>::dispersion(const VectorXd& rho, PhiDerivatives& out) {
  const bool by_row = out.l.size() > 0;
  out.sum = 0;
  out.l.setZero();
  VectorXd eta(n_), l_phi(n_);
  for (Index k = 0; k < rule_.size(); ++k) {
    if (rho[k] == 0) continue;
    for (Index j = 0; j < n_; ++j) {
      eta[j] = mode_->eta[j];
      for (Index r = 0; r < VP_.cols(); ++r) eta[j] += VP_(j, r) * rule_.z(r, k);
    }
    out.sum += rho[k] * family_.rows_dispersion(rows_, eta.data(), nullptr, nullptr,
                                                by_row ? l_phi.data() : nullptr);
    if (by_row) out.l += rho[k] * l_phi;
  }
}

template class Nodes<1>;
template class Nodes<2>;
template class Nodes<Dynamic>;

}  // namespace margmix
