#include "gee/equations.hpp"

#include <Eigen/LU>

#include "gee/adjusted_residuals.hpp"
#include "linalg/exact_blocks.hpp"
#include "linalg/row_products.hpp"

namespace margmix {

namespace {

// Runs of clusters of a block whose rows fit in a buffer, or one cluster that does not.
template <class Work>
void for_each_run(const Layout& layout, const Block& block, Index most, Work work) {
  for (Index i = block.first; i < block.last;) {
    Index last = i + 1;
    while (last < block.last && layout.start[last + 1] - layout.first(i) <= most) ++last;
    work(i, last);
    i = last;
  }
}

// With weights in the score the equations have the derivative -A, A = sum_i D_i'V_i^-1 W_i D_i, and
// not -B, the information. Scores B A^-1 u_i make B^-1 u_i the influence A^-1 u_i of cluster i.
void as_solved(const std::vector<MatrixXd>& slopes, const MatrixXd& information, MatrixXd& scores) {
  const Index p = scores.rows();
  MatrixXd A = MatrixXd::Zero(p, p);
  for (const MatrixXd& part : slopes) A += part;
  const VectorXd total = information.rowwise().sum();
  scores = MatrixMap(total.data(), p, p) * A.partialPivLu().solve(scores);
}

}  // namespace

bool Equations::block_residuals(const Block& block, const VectorXd& beta, bool slopes,
                                Residuals& out) const {
  const Layout& layout = data_.layout;
  const Index first = layout.first(block.first), n = layout.start[block.last] - first;
  const Rows& y = data_.response;
  VectorXd eta = data_.offset.segment(first, n);
  add_products_by_row(data_.X.middleRows(first, n), beta, eta);
  for (Index r = 0; r < n; ++r) {
    const Index j = first + r;
    const Family::Mean m = family_.family.mean(eta[r]);
    const VarianceValue v = variance(family_.variance, m.mu);
    const double w = y.w(j) * y.trials(j), root = std::sqrt(w / v.v);
    const double s = m.d1 * root;
    if (!(v.v > 0) && std::fabs(m.d1) < 1e-12 && y.y[j] == m.mu * y.trials(j)) {
      out.s[j] = out.e[j] = 0;
      if (slopes) out.log_slope[j] = 0;
      continue;
    }
    if (!(v.v > 0) || !std::isfinite(s)) return false;
    out.s[j] = s;
    out.e[j] = (y.y[j] / y.trials(j) - m.mu) * root;
    if (slopes) out.log_slope[j] = m.d2 / m.d1 - 0.5 * v.d1 * m.d1 / v.v;
  }
  return true;
}

bool Equations::residuals(const VectorXd& beta, bool slopes, Residuals& out) const {
  out.adjusted.resize(0);
  const bool known = out.complete && out.beta == beta;
  if (known && (!slopes || out.log_slope.size() == data_.rows())) return true;
  out.complete = false;
  out.beta = beta;
  out.s.resize(data_.rows());
  out.e.resize(data_.rows());
  out.log_slope.resize(slopes ? data_.rows() : 0);
  std::vector<char> valid(blocks_.size(), 0);
  const bool finished = for_each_block(blocks_, context_, [&](int b, const Block& block) {
    valid[b] = block_residuals(block, beta, slopes, out);
  });
  out.valid = std::all_of(valid.begin(), valid.end(), [](char v) { return v != 0; });
  return out.complete = finished;
}

bool Equations::moments(const Correlation& R, const MomentRule& rule, Residuals& at) const {
  const Layout& layout = data_.layout;
  std::vector<MomentSums> sums(blocks_.size());
  const bool finished = for_each_block(blocks_, context_, [&](int b, const Block& block) {
    sums[b] = MomentSums(R.sums());
    for (Index i = block.first; i < block.last; ++i) {
      if (!data_.cluster_weight) {
        add_cluster(layout, i, at, R, rule, sums[b]);
        continue;
      }
      MomentSums own(R.sums());
      add_cluster(layout, i, at, R, rule, own);
      sums[b].add(own, data_.weight_of(i));
    }
  });
  at.sums = MomentSums(R.sums());
  for (const MomentSums& part : sums)
    if (finished) at.sums.add(part);
  return finished;
}

// buffer <- [D~ e] for a run of rows.
void Equations::fill(const Residuals& at, Index first, Index rows,
                     Eigen::Ref<MatrixXd> buffer) const {
  const Index p = data_.p();
  const auto s = at.s.segment(first, rows);
  for (Index c = 0; c < p; ++c) buffer.col(c) = data_.X.col(c).segment(first, rows).cwiseProduct(s);
  buffer.col(p) = at.e.segment(first, rows);
  if (!data_.score_weight) return;
  for (Index r = 0; r < rows; ++r) {
    const double w = data_.score_weight[first + r];
    buffer(r, p) = w == 0 ? 0 : w * buffer(r, p);
  }
}

bool Equations::sums(const Residuals& at, const Correlation& R, const MatrixXd* hat,
                     EquationSums& out) const {
  const Layout& layout = data_.layout;
  const Index p = data_.p();
  std::vector<MatrixXd> grams(blocks_.size());
  std::vector<VectorXd> adjustments(blocks_.size());
  const bool finished = for_each_block(blocks_, context_, [&](int b, const Block& block) {
    MatrixXd& gram = grams[b] = MatrixXd::Zero(p + 1, p + 1);
    if (hat) adjustments[b] = VectorXd::Zero(p);
    MatrixXd buffer;
    for_each_run(layout, block, kChunk, [&](Index i0, Index i1) {
      const Index first = layout.first(i0), n = layout.start[i1] - first;
      if (buffer.rows() < n) buffer.resize(std::max(n, std::min(kChunk, data_.rows())), p + 1);
      auto rows = buffer.topRows(n);
      fill(at, first, n, rows);
      for (Index i = i0; i < i1; ++i) {
        RowsRef own = rows.middleRows(layout.first(i) - first, layout.size(i));
        R.whiten(i, own);
        if (data_.cluster_weight) own *= std::sqrt(data_.weight_of(i));
      }
      gram.noalias() += rows.transpose() * rows;
      if (!hat) return;
      // h_j is the diagonal of D~ B^-1 D~'R^-1.
      const MatrixXd DB =
          at.s.segment(first, n).asDiagonal() * (data_.X.middleRows(first, n) * *hat);
      for (Index i = i0; i < i1; ++i) {
        RowsRef own = rows.middleRows(layout.first(i) - first, layout.size(i));
        R.whiten_transposed(i, own);
        if (data_.cluster_weight) own *= std::sqrt(data_.weight_of(i));
      }
      const VectorXd h = DB.cwiseProduct(rows.leftCols(p)).rowwise().sum();
      adjustments[b].noalias() +=
          data_.X.middleRows(first, n).transpose() * h.cwiseProduct(at.log_slope.segment(first, n));
    });
  });
  MatrixXd gram = MatrixXd::Zero(p + 1, p + 1);
  out.adjustment = VectorXd::Zero(p);
  for (std::size_t b = 0; b < grams.size() && finished; ++b) {
    gram += grams[b];
    if (hat) out.adjustment += adjustments[b];
  }
  out.information = gram.topLeftCorner(p, p);
  out.score = gram.col(p).head(p);
  out.quadratic = gram(p, p);
  return finished;
}

bool Equations::pieces(const Residuals& at, const Correlation& R, double phi, MatrixXd& scores,
                       MatrixXd& information) const {
  const Layout& layout = data_.layout;
  const Index p = data_.p();
  const bool weighted = data_.score_weight != nullptr;
  scores.resize(p, layout.clusters());
  information.resize(p * p, layout.clusters());
  std::vector<MatrixXd> slopes(blocks_.size());
  const bool finished = for_each_block(blocks_, context_, [&](int b, const Block& block) {
    if (weighted) slopes[b] = MatrixXd::Zero(p, p);
    MatrixXd buffer(0, weighted ? 2 * p + 1 : p + 1);
    for (Index i = block.first; i < block.last; ++i) {
      const Index n = layout.size(i);
      if (buffer.rows() < n) buffer.resize(padded(n), buffer.cols());
      auto rows = buffer.topRows(n);
      fill(at, layout.first(i), n, rows);
      if (weighted)
        rows.rightCols(p) =
            VectorMap(data_.score_weight + layout.first(i), n).asDiagonal() * rows.leftCols(p);
      R.whiten(i, rows);
      const double weight = data_.weight_of(i) / phi;
      scores.col(i).noalias() = weight * (rows.leftCols(p).transpose() * rows.col(p));
      Eigen::Map<MatrixXd>(information.col(i).data(), p, p).noalias() =
          weight * (rows.leftCols(p).transpose() * rows.leftCols(p));
      if (weighted) slopes[b] += weight * (rows.leftCols(p).transpose() * rows.rightCols(p));
    }
  });
  if (weighted && finished) as_solved(slopes, information, scores);
  return finished;
}

}  // namespace margmix
