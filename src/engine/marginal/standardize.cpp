#include "marginal/standardize.hpp"

#include "linalg/row_products.hpp"

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

StandardizedSums Standardizer::run(ExactSums* exact) {
  constexpr Index kBlock = 1024;
  const Index n = rows_.X.rows();
  for (Index first = 0; first < n; first += kBlock)
    block(first, std::min(kBlock, n - first), exact);
  return std::move(sums_);
}

void Standardizer::block(Index first, Index size, ExactSums* exact) {
  VectorXd eta = rows_.offset.segment(first, size);
  add_products_by_row(rows_.X.middleRows(first, size), beta_, eta);
  MatrixXd V = MatrixXd::Zero(size, Lambda_.cols());  // Lambda'z, by rows
  for (Index c = 0; c < V.cols(); ++c)
    add_products_by_row(rows_.Z.middleRows(first, size), Lambda_.col(c), V.col(c));
  VectorXd s = VectorXd::Zero(size);
  for (Index c = 0; c < V.cols(); ++c) s += V.col(c).cwiseAbs2();
  s = s.cwiseSqrt();
  d_eta_.setZero(size);
  d_s_.setZero(size);
  for (Index j = 0; j < size; ++j) {
    const Index g = rows_.group[first + j], i = rows_.cluster[first + j];
    const double w = rows_.weight[first + j];
    if (g < 0 || w == 0) continue;
    const PopulationMean m = rule_(eta[j], s[j]);
    sums_.weight[g] += w;
    sums_.mean[g] += w * m.mean;
    if (exact) {
      exact->add(g, w);
      exact->add(rows_.groups + g, w * m.mean);
    }
    sums_.cluster_weight(i, g) += w;
    sums_.cluster_mean(i, g) += w * m.mean;
    d_eta_[j] = w * m.d_eta;
    d_s_[j] = s[j] > 0 ? w * m.d_s / s[j] : 0;  // m_s is zero at s = 0
  }
  for (Index c = 0; c < rows_.X.cols(); ++c)
    add(first, size, c, rows_.X.col(c).segment(first, size).cwiseProduct(d_eta_), sums_.d_beta,
        2 * rows_.groups, exact);
  for (Index t = 0; t < theta_row_.size(); ++t)
    add(first, size, t,
        rows_.Z.col(theta_row_[t])
            .segment(first, size)
            .cwiseProduct(V.col(theta_col_[t]))
            .cwiseProduct(d_s_),
        sums_.d_theta, 2 * rows_.groups + sums_.d_beta.size(), exact);
}

void Standardizer::add(Index first, Index size, Index r, const VectorXd& value, MatrixXd& sum,
                       Index at, ExactSums* exact) const {
  for (Index j = 0; j < size; ++j) {
    const Index g = rows_.group[first + j];
    if (g < 0) continue;
    sum(r, g) += value[j];
    if (exact && value[j] != 0) exact->add(at + g * sum.rows() + r, value[j]);
  }
}

}  // namespace margmix
