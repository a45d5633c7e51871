#include "gee/adjusted_residuals.hpp"

#include "inference/correction.hpp"
#include "linalg/row_products.hpp"

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
  MatrixXd shift = MatrixXd::Zero(u.rows(), u.cols());  // (B - B_i)^-1 u_i
  for (Index i = 0; i < u.cols(); ++i)
    add_products_by_row(corrected.B_inverse, corrected.scores.col(i), shift.col(i));
  at.adjusted = at.e;
  for (Index i = 0; i < data.layout.clusters(); ++i) {
    const Index first = data.layout.first(i), n = data.layout.size(i);
    VectorXd moved = VectorXd::Zero(n);
    add_products_by_row(data.X.middleRows(first, n), shift.col(i), moved);
    at.adjusted.segment(first, n) += at.s.segment(first, n).cwiseProduct(moved);
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

void add_cluster(const Layout& layout, Index i, const double* e, const double* adjusted,
                 const Correlation& R, const MomentRule& rule, MomentSums& sums) {
  const VectorMap own(e, layout.size(i));
  sums.rows += double(own.size());
  if (adjusted) {
    add_adjusted(i, own, VectorMap(adjusted, own.size()), R, rule, sums);
    return;
  }
  sums.squares += own.squaredNorm();
  R.add_moments(i, e, rule, sums);
}

void add_cluster(const Layout& layout, Index i, const Residuals& at, const Correlation& R,
                 const MomentRule& rule, MomentSums& sums) {
  const Index first = layout.first(i);
  add_cluster(layout, i, at.e.data() + first,
              at.adjusted.size() ? at.adjusted.data() + first : nullptr, R, rule, sums);
}

}  // namespace margmix
