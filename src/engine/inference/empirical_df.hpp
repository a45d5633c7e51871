// Degrees of freedom of contrasts that are estimated from the scores themselves.
#pragma once

#include "inference/correction.hpp"

namespace margmix {

// Pan & Wall (2002): c'Vc = sum_i s_i with s_i = (c'B^-1 u~_i)^2 is matched to a scaled chi^2 by
// its mean and variance; var(sum s) = m/(m - 1) sum (s_i - s)^2, df = 2 (sum s_i)^2 / var. s: k x
// m.
inline VectorXd pan_wall_df(const MatrixXd& s) {
  const double m = static_cast<double>(s.cols());
  const VectorXd total = s.rowwise().sum();
  const VectorXd spread = (s.colwise() - total / m).rowwise().squaredNorm();
  return 2 * (m - 1) / m * total.array().square() / spread.array();
}

// Fay & Graubard (2001), their d~ (with the corrections of FG: test delta_5). As the Satterthwaite
// df, but the covariance of the scores is not that of the working model: cov(u_i) is estimated by
//   Psi_i = w_i / sum(w) sum_l u~_l u~_l',  w_i = c'[(B - B_i)^-1 - B^-1]c.
// With x_i = Psi_i h_i, f_i = B^-1 B_i h_i and Psi = sum Psi_i
//   G_ij = [i = j] h_i'x_i - x_i'f_j - f_i'x_j + f_i'Psi f_j = [i = j] d_i + z_i'N z_j,
//   z_i = (x_i, f_i),  df = tr(G)^2 / tr(G^2).
class FayGraubardDf {
 public:
  FayGraubardDf(const ClusterPieces& pieces, const Corrections& parts)
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

  // k = L^-1 c
  double operator()(const VectorXd& k) const {
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

 private:
  static double weight(const WhitenedCluster& c, const VectorXd& k) {
    const auto l = c.l.array().min(WhitenedCluster::kOne);
    return ((c.Q.transpose() * k).array().square() * l / (1 - l)).sum();
  }

  double sum_weights(const VectorXd& k) const {
    double sum = 0;
    for (Index i = 0; i < pieces_.clusters(); ++i) sum += weight(pieces_(i), k);
    return sum;
  }

  MatrixXd contrasts_of(const WhitenedCluster& c, const VectorXd& k) const {
    MatrixXd h(k.size(), static_cast<Index>(parts_.size()));
    for (Index a = 0; a < h.cols(); ++a)
      h.col(a) = correction(parts_[a], pieces_, c).transpose() * k /
                 std::sqrt(static_cast<double>(h.cols()));
    return h;
  }

  const ClusterPieces& pieces_;
  Corrections parts_;
  MatrixXd Psi_;
};

}  // namespace margmix
