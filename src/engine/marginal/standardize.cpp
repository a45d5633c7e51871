#include "marginal/standardize.hpp"

namespace margmix {

Standardizer::Standardizer(const TargetRows& rows, const VectorMap& beta, const MatrixMap& Lambda,
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

StandardizedSums Standardizer::run() {
  constexpr Index kBlock = 1024;
  const Index n = rows_.X.rows();
  for (Index first = 0; first < n; first += kBlock) block(first, std::min(kBlock, n - first));
  return std::move(sums_);
}

void Standardizer::block(Index first, Index size) {
  const VectorXd eta = rows_.X.middleRows(first, size) * beta_ + rows_.offset.segment(first, size);
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

void Standardizer::add(Index first, Index size, Index r, const VectorXd& value,
                       MatrixXd& sum) const {
  for (Index j = 0; j < size; ++j) {
    const Index g = rows_.group[first + j];
    if (g >= 0) sum(r, g) += value[j];
  }
}

}  // namespace margmix
