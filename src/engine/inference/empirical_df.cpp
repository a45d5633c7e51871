#include "inference/empirical_df.hpp"

namespace margmix {

VectorXd pan_wall_df(const MatrixXd& s) {
  const double m = static_cast<double>(s.cols());
  const VectorXd total = s.rowwise().sum();
  const VectorXd spread = (s.colwise() - total / m).rowwise().squaredNorm();
  return 2 * (m - 1) / m * total.array().square() / spread.array();
}

FayGraubardDf::FayGraubardDf(const ClusterPieces& pieces, const Corrections& parts)
    : pieces_(pieces), parts_(parts) {
  Psi_ = MatrixXd::Zero(pieces.p(), pieces.p());
  for (Index i = 0; i < pieces.clusters(); ++i) {
    const WhitenedCluster c = pieces_(i);
    for (Correction part : parts_) {
      const VectorXd u = correction(part, pieces_, c) * c.v;
      Psi_ += u * u.transpose() / static_cast<double>(parts_.size());
    }
  }
}

double FayGraubardDf::operator()(const VectorXd& k) const {
  const Index p = pieces_.p();
  const double all = sum_weights(k);
  MatrixXd N(2 * p, 2 * p);
  N << MatrixXd::Zero(p, p), -MatrixXd::Identity(p, p), -MatrixXd::Identity(p, p), Psi_;
  MatrixXd ZZ = MatrixXd::Zero(2 * p, 2 * p);
  double trace = 0, square = 0;
  for (Index i = 0; i < pieces_.clusters(); ++i) {
    const WhitenedCluster c = pieces_(i);
    const MatrixXd h = contrasts_of(c, k), x = weight(c, k) / all * Psi_ * h;
    MatrixXd z(2 * p, h.cols());
    z << x, c.S * h;
    const MatrixXd d = h.transpose() * x, g = z.transpose() * (N * z);
    trace += d.trace() + g.trace();
    square += (d.array() * (d + 2 * g).array()).sum();
    ZZ += z * z.transpose();
  }
  const MatrixXd NZZ = N * ZZ;
  square += (NZZ.array() * NZZ.transpose().array()).sum();
  return trace * trace / square;
}

double FayGraubardDf::weight(const WhitenedCluster& c, const VectorXd& k) {
  const auto l = c.l.array().min(WhitenedCluster::kOne);
  return ((c.Q.transpose() * k).array().square() * l / (1 - l)).sum();
}

double FayGraubardDf::sum_weights(const VectorXd& k) const {
  double sum = 0;
  for (Index i = 0; i < pieces_.clusters(); ++i) sum += weight(pieces_(i), k);
  return sum;
}

MatrixXd FayGraubardDf::contrasts_of(const WhitenedCluster& c, const VectorXd& k) const {
  MatrixXd h(k.size(), static_cast<Index>(parts_.size()));
  for (Index a = 0; a < h.cols(); ++a)
    h.col(a) = correction(parts_[a], pieces_, c).transpose() * k /
               std::sqrt(static_cast<double>(h.cols()));
  return h;
}

}  // namespace margmix
