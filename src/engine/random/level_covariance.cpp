#include "random/level_covariance.hpp"

#include "linalg/decompositions.hpp"

namespace margmix {

LevelCovariance::LevelCovariance(const Levels& levels, const double* rho,
                                 const std::vector<Index>& slopes)
    : levels_(levels), Q_(levels.at(rho)), place_(levels.size(), -1) {
  for (const Index r : slopes) slopes_.push_back(levels.derivative(rho, r));
}

MatrixXd LevelCovariance::dense(const Precision& Q, const std::vector<int>& block) const {
  const Pattern& pattern = levels_.pattern();
  const auto m = static_cast<Index>(block.size());
  MatrixXd out = MatrixXd::Zero(m, m);
  for (Index j = 0; j < m; ++j) {
    const int level = block[j];
    out(j, j) = Q.diagonal[level];
    for (int e = pattern.start[level]; e < pattern.start[level + 1]; ++e) {
      const Index i = place_[pattern.row[e]];
      out(i, j) = out(j, i) = Q.below[e];
    }
  }
  return out;
}

// K of the precision with its anchors to K of the effects that keep the constraint.
bool LevelCovariance::constrain(const std::vector<int>& block, MatrixXd& K) const {
  const Constraint& all = levels_.constraint();
  std::vector<Index> columns, anchor;
  for (std::size_t k = 0; k < all.anchor.size(); ++k)
    if (place_[all.anchor[k]] >= 0) {
      columns.push_back(static_cast<Index>(k));
      anchor.push_back(place_[all.anchor[k]]);
    }
  MatrixXd C(block.size(), columns.size());
  VectorXd weight(columns.size());
  for (Index k = 0; k < C.cols(); ++k) {
    weight[k] = all.weight[columns[k]];
    for (Index l = 0; l < C.rows(); ++l) C(l, k) = all.C(block[l], columns[k]);
  }
  ConstrainedInverse constrained(C, anchor, weight);
  if (!constrained.set([&](const VectorXd& f) -> VectorXd { return K * f; })) return false;
  for (Index j = 0; j < K.cols(); ++j)
    for (Index i = 0; i < K.rows(); ++i) K(i, j) += constrained.entry(i, j);
  return true;
}

std::vector<MatrixXd> LevelCovariance::of(const std::vector<int>& block,
                                          const std::vector<int>& wanted) const {
  for (std::size_t k = 0; k < block.size(); ++k) place_[block[k]] = static_cast<int>(k);
  std::vector<MatrixXd> out;
  MatrixXd Q = dense(Q_, block);
  const Constraint& constraint = levels_.constraint();
  for (std::size_t k = 0; k < constraint.anchor.size(); ++k) {
    const int at = place_[constraint.anchor[k]];
    if (at >= 0) Q(at, at) += constraint.weight[static_cast<Index>(k)];
  }
  const Cholesky cholesky(Q);
  MatrixXd K;
  if (cholesky.definite()) K = cholesky.inverse();
  if (K.size() && (constraint.anchor.empty() || constrain(block, K))) {
    MatrixXd rows(wanted.size(), block.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) rows.row(k) = K.row(place_[wanted[k]]);
    out.emplace_back(wanted.size(), wanted.size());
    for (std::size_t k = 0; k < wanted.size(); ++k) out[0].col(k) = rows.col(place_[wanted[k]]);
    for (const Precision& Q_r : slopes_)
      out.emplace_back(-(rows * dense(Q_r, block)) * rows.transpose());
  }
  for (const int level : block) place_[level] = -1;
  return out;
}

}  // namespace margmix
