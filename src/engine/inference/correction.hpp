// Corrections of a cluster's score for the part of it that its own fit has taken away.
//
//   none  u~ = u
//   KC    u~ = (I - B_i B^-1)^(-1/2) u     Kauermann & Carroll (2001), Bell & McCaffrey (2002)
//   MD    u~ = (I - B_i B^-1)^-1 u         Mancl & DeRouen (2001)
//   FG    u~_r = (1 - min(0.75, [B_i B^-1]_rr))^(-1/2) u_r     Fay & Graubard (2001)
//
// In whitened coordinates they are matrices A with u~ = L A v.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "inference/pieces.hpp"

namespace margmix {

enum class Correction { none, KC, MD, FG };

// The meat of a covariance is the mean of the meats of its parts.
using Corrections = std::vector<Correction>;

inline Corrections corrections_of(const std::string& type) {
  if (type == "robust" || type == "DF" || type == "MBN") return {Correction::none};
  if (type == "KC") return {Correction::KC};
  if (type == "MD" || type == "jackknife") return {Correction::MD};
  if (type == "FG") return {Correction::FG};
  if (type == "FW") return {Correction::KC, Correction::MD};  // Ford & Westgate (2017)
  throw std::invalid_argument("unknown correction: " + type);
}

// Where l = 1 the cluster alone determines a direction: its score there is 0 and stays 0.
inline MatrixXd spectral_correction(const WhitenedCluster& c, double power) {
  const VectorXd inflate =
      (c.l.array() < WhitenedCluster::kOne)
          .select((1 - c.l.array().min(WhitenedCluster::kOne)).pow(power), 0.0);
  return c.Q * inflate.asDiagonal() * c.Q.transpose();
}

inline MatrixXd fay_graubard_correction(const ClusterPieces& pieces, const WhitenedCluster& c) {
  const MatrixXd LS = pieces.L() * c.S;
  const MatrixXd L_inverse = pieces.whiten(MatrixXd::Identity(pieces.p(), pieces.p()));
  const VectorXd h = (LS.array() * L_inverse.transpose().array()).rowwise().sum();  // [B_i B^-1]_rr
  const VectorXd a = (1 - h.array().min(0.75)).rsqrt();
  return L_inverse * a.asDiagonal() * pieces.L();
}

inline MatrixXd correction(Correction type, const ClusterPieces& pieces, const WhitenedCluster& c) {
  switch (type) {
    case Correction::KC: return spectral_correction(c, -0.5);
    case Correction::MD: return spectral_correction(c, -1.0);
    case Correction::FG: return fay_graubard_correction(pieces, c);
    case Correction::none: break;
  }
  return MatrixXd::Identity(pieces.p(), pieces.p());
}

// Corrected scores in the coordinates of beta (p x m), and the leverage of each cluster.
struct CorrectedScores {
  MatrixXd scores, B_inverse;
  VectorXd leverage;
};

inline CorrectedScores corrected_scores(const ClusterPieces& pieces, Correction type) {
  const Index p = pieces.p(), m = pieces.clusters();
  CorrectedScores out{MatrixXd::Constant(p, m, kNaN), MatrixXd::Constant(p, p, kNaN),
                      VectorXd::Constant(m, kNaN)};
  if (!pieces.definite()) return out;
  out.B_inverse = pieces.B_inverse();
  for (Index i = 0; i < m; ++i) {
    const WhitenedCluster c = pieces(i);
    out.leverage[i] = c.leverage();
    out.scores.col(i) = pieces.L() * (correction(type, pieces, c) * c.v);
  }
  return out;
}

// H with g = H'v, the part of C B^-1 u~ that each part of the meat takes from a cluster; K = L^-1
// C'.
inline std::vector<MatrixXd> contrasts_of(const ClusterPieces& pieces, const Corrections& parts,
                                          const WhitenedCluster& c, const MatrixXd& K) {
  std::vector<MatrixXd> H;
  const double weight = 1 / std::sqrt(static_cast<double>(parts.size()));
  for (Correction part : parts) H.push_back(weight * (correction(part, pieces, c).transpose() * K));
  return H;
}

// Contrasts (columns of K = L^-1 C') that a direction of leverage one is part of. One cluster alone
// determines them, so that nothing is left to estimate their variance from.
class LostContrasts {
 public:
  explicit LostContrasts(const MatrixXd& K)
      : K_(K), size_(K.colwise().norm()), lost_(Flags::Constant(K.cols(), false)) {}

  void add(const WhitenedCluster& c) {
    for (Index r = c.l.size() - 1; r >= 0 && c.l[r] >= WhitenedCluster::kOne; --r)
      lost_ = lost_ || (K_.transpose() * c.Q.col(r)).array().abs() > 1e-7 * size_.array();
  }
  bool operator[](Index k) const { return lost_[k]; }
  bool any() const { return lost_.any(); }

 private:
  using Flags = Eigen::Array<bool, Dynamic, 1>;
  MatrixXd K_;
  VectorXd size_;
  Flags lost_;
};

}  // namespace margmix
