#include "inference/correction.hpp"

namespace margmix {

Corrections corrections_of(const std::string& type) {
  if (type == "robust" || type == "DF" || type == "MBN") return {Correction::none};
  if (type == "KC") return {Correction::KC};
  if (type == "MD" || type == "jackknife") return {Correction::MD};
  if (type == "FG") return {Correction::FG};
  if (type == "FW") return {Correction::KC, Correction::MD};  // Ford & Westgate (2017)
  throw std::invalid_argument("unknown correction: " + type);
}

MatrixXd spectral_correction(const WhitenedCluster& c, double power) {
  const VectorXd inflate =
      (c.l.array() < WhitenedCluster::kOne)
          .select((1 - c.l.array().min(WhitenedCluster::kOne)).pow(power), 0.0);
  return c.Q * inflate.asDiagonal() * c.Q.transpose();
}

namespace {

MatrixXd fay_graubard_correction(const ClusterPieces& pieces, const WhitenedCluster& c) {
  const MatrixXd LS = pieces.L() * c.S;
  const MatrixXd L_inverse = pieces.whiten(MatrixXd::Identity(pieces.p(), pieces.p()));
  const VectorXd h = (LS.array() * L_inverse.transpose().array()).rowwise().sum();  // [B_i B^-1]_rr
  const VectorXd a = (1 - h.array().min(0.75)).rsqrt();
  return L_inverse * a.asDiagonal() * pieces.L();
}

}  // namespace

MatrixXd correction(Correction type, const ClusterPieces& pieces, const WhitenedCluster& c) {
  switch (type) {
    case Correction::KC: return spectral_correction(c, -0.5);
    case Correction::MD: return spectral_correction(c, -1.0);
    case Correction::FG: return fay_graubard_correction(pieces, c);
    case Correction::none: break;
  }
  return MatrixXd::Identity(pieces.p(), pieces.p());
}

CorrectedScores corrected_scores(const ClusterPieces& pieces, Correction type) {
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

std::vector<MatrixXd> contrasts_of(const ClusterPieces& pieces, const Corrections& parts,
                                   const WhitenedCluster& c, const MatrixXd& K) {
  std::vector<MatrixXd> H;
  const double weight = 1 / std::sqrt(static_cast<double>(parts.size()));
  for (Correction part : parts) H.push_back(weight * (correction(part, pieces, c).transpose() * K));
  return H;
}

void LostContrasts::add(const WhitenedCluster& c) {
  for (Index r = c.l.size() - 1; r >= 0 && c.l[r] >= WhitenedCluster::kOne; --r)
    lost_ = lost_ || (K_.transpose() * c.Q.col(r)).array().abs() > 1e-7 * size_.array();
}

}  // namespace margmix
