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

Corrections corrections_of(const std::string& type);

// Where l = 1 the cluster alone determines a direction: its score there is 0 and stays 0.
MatrixXd spectral_correction(const WhitenedCluster& c, double power);

MatrixXd correction(Correction type, const ClusterPieces& pieces, const WhitenedCluster& c);

// Corrected scores in the coordinates of beta (p x m), and the leverage of each cluster.
struct CorrectedScores {
  MatrixXd scores, B_inverse;
  VectorXd leverage;
};

CorrectedScores corrected_scores(const ClusterPieces& pieces, Correction type);

// H with g = H'v, the part of C B^-1 u~ that each part of the meat takes from a cluster; K = L^-1
// C'.
std::vector<MatrixXd> contrasts_of(const ClusterPieces& pieces, const Corrections& parts,
                                   const WhitenedCluster& c, const MatrixXd& K);

// Contrasts (columns of K = L^-1 C') that a direction of leverage one is part of. One cluster alone
// determines them, so that nothing is left to estimate their variance from.
class LostContrasts {
 public:
  using Flags = Eigen::Array<bool, Dynamic, 1>;

  explicit LostContrasts(const MatrixXd& K)
      : K_(K), size_(K.colwise().norm()), lost_(Flags::Constant(K.cols(), false)) {}

  void add(const WhitenedCluster& c);
  bool operator[](Index k) const { return lost_[k]; }
  const Flags& flags() const { return lost_; }
  bool any() const { return lost_.any(); }

 private:
  MatrixXd K_;
  VectorXd size_;
  Flags lost_;
};

}  // namespace margmix
