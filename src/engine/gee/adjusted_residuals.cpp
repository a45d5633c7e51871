#include "gee/adjusted_residuals.hpp"

#include "inference/correction.hpp"

namespace margmix {

bool adjust_residuals(const Equations& equations, const Correlation& R, const MatrixXd* B,
                      Residuals& at) {
  const MarginalData& data = equations.data();
  MatrixXd scores, information;
  if (!equations.pieces(at, R, 1.0, scores, information)) return false;
  const MatrixMap u(scores.data(), scores.rows(), scores.cols());
  const MatrixMap B_i(information.data(), information.rows(), information.cols());
  const ClusterPieces pieces = B ? ClusterPieces(u, B_i, *B) : ClusterPieces(u, B_i);
  const CorrectedScores corrected = corrected_scores(pieces, Correction::MD);
  const MatrixXd shift = corrected.B_inverse * corrected.scores;  // (B - B_i)^-1 u_i
  at.adjusted = at.e;
  for (Index i = 0; i < data.layout.clusters(); ++i) {
    const Index first = data.layout.first(i), n = data.layout.size(i);
    at.adjusted.segment(first, n).array() +=
        at.s.segment(first, n).array() * (data.X.middleRows(first, n) * shift.col(i)).array();
  }
  return true;
}

namespace {

// Products e_j e~_k are halves of those of e + e~ less those of e and of e~.
void add_adjusted(Index i, const VectorMap& e, const VectorMap& adjusted, const Correlation& R,
                  const MomentRule& rule, MomentSums& sums) {
  const VectorXd both = e + adjusted;
  const auto moments = [&](const double* of) {
    MomentSums out(R.sums());
    R.add_moments(i, of, rule, out);
    return out;
  };
  MomentSums own = moments(e.data());
  own.num = 0.5 * (moments(both.data()).num - own.num - moments(adjusted.data()).num);
  own.squares = e.dot(adjusted);
  sums.add(own);
}

}  // namespace

void add_cluster(const Layout& layout, Index i, const Residuals& at, const Correlation& R,
                 const MomentRule& rule, MomentSums& sums) {
  const Index first = layout.first(i), n = layout.size(i);
  const VectorMap e(at.e.data() + first, n);
  sums.rows += double(n);
  if (at.adjusted.size()) {
    add_adjusted(i, e, VectorMap(at.adjusted.data() + first, n), R, rule, sums);
    return;
  }
  sums.squares += e.squaredNorm();
  R.add_moments(i, e.data(), rule, sums);
}

}  // namespace margmix
