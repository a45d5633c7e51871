#include "inference/hotelling.hpp"

#include "linalg/decompositions.hpp"

namespace margmix {

double ApproximateHotelling::eta() const {
  const Index q = K_.cols(), n_parts = static_cast<Index>(parts_.size());
  const MatrixXd Omega = mean_covariance();
  const SymmetricEigen eigen = symmetric_eigen(Omega);
  if (!Omega.allFinite() || eigen.values[0] <= 1e-12 * eigen.values[q - 1]) return kNaN;
  const MatrixXd K = K_ * (eigen.vectors * eigen.values.cwiseInverse().cwiseSqrt().asDiagonal() *
                           eigen.vectors.transpose());
  // W = sum vec(M_k) vec(M_k)', M_k = L^-1 B_k H_k
  MatrixXd W = MatrixXd::Zero(K.size(), K.size());
  double total = 0;
  for (Index i = 0; i < pieces_.clusters(); ++i) {
    const WhitenedCluster c = pieces_(i);
    const std::vector<MatrixXd> H = contrasts_of(pieces_, parts_, c, K);
    for (Index a = 0; a < n_parts; ++a) {
      const MatrixXd Ma = c.S * H[a];
      const VectorXd vec_a = Eigen::Map<const VectorXd>(Ma.data(), Ma.size());
      W.noalias() += vec_a * vec_a.transpose();
      for (Index b = 0; b < n_parts; ++b) {
        const MatrixXd cross = Ma.transpose() * (c.S * H[b]);
        total += variance(Ma.transpose() * H[b] - cross) - variance(cross);
      }
    }
  }
  total += all_pairs(W);
  return static_cast<double>(q * (q + 1)) / total;
}

double ApproximateHotelling::variance(const MatrixXd& Sigma) {
  const double trace = Sigma.trace();
  return trace * trace + (Sigma.array() * Sigma.transpose().array()).sum();
}

double ApproximateHotelling::all_pairs(const MatrixXd& W) const {
  const Index p = K_.rows(), q = K_.cols();
  double sum = W.squaredNorm();
  for (Index s = 0; s < q; ++s)
    for (Index t = 0; t < q; ++t)
      sum += (W.block(s * p, t * p, p, p).array() * W.block(t * p, s * p, p, p).array()).sum();
  return sum;
}

MatrixXd ApproximateHotelling::mean_covariance() const {
  const Index q = K_.cols();
  MatrixXd Omega = MatrixXd::Zero(q, q);
  LostContrasts lost(K_);
  for (Index i = 0; i < pieces_.clusters(); ++i) {
    const WhitenedCluster c = pieces_(i);
    lost.add(c);
    for (const MatrixXd& H : contrasts_of(pieces_, parts_, c, K_)) {
      const MatrixXd M = c.S * H;
      Omega += H.transpose() * M - M.transpose() * M;
    }
  }
  if (lost.any()) Omega.setConstant(kNaN);
  return Omega;
}

}  // namespace margmix
