#include "inference/satterthwaite.hpp"

namespace margmix {

Satterthwaite::Satterthwaite(const MatrixXd& K)
    : K_(K),
      sums_{VectorXd::Zero(K.cols()), VectorXd::Zero(K.cols()),
            MatrixXd::Zero(K.cols(), K.rows() * (K.rows() + 1) / 2)} {}

SatterthwaiteSums Satterthwaite::take() {
  const SatterthwaiteSums taken = sums_;
  sums_.trace.setZero(), sums_.square.setZero(), sums_.T.setZero();
  return taken;
}

void add_exactly(const SatterthwaiteSums& sums, Index first, ExactSums& to) {
  const Index k = sums.trace.size();
  to.add(first, sums.trace.data(), k);
  to.add(first + k, sums.square.data(), k);
  to.add(first + 2 * k, sums.T.data(), sums.T.size());
}

void Satterthwaite::add(const MatrixXd& S, const std::vector<MatrixXd>& A) {
  const Index parts = static_cast<Index>(A.size());
  if (parts == 1) return add_one(S, A[0]);
  MatrixXd h(K_.rows(), parts);
  for (Index k = 0; k < K_.cols(); ++k) {
    for (Index a = 0; a < parts; ++a) h.col(a).noalias() = A[a].transpose() * K_.col(k);
    const MatrixXd f = S * h;              // L^-1 B_i h_i
    const MatrixXd d = h.transpose() * f;  // h_i'B_i h_i, by part and part
    const MatrixXd g = f.transpose() * f;  // f_i'B^-1 f_i
    sums_.trace[k] += d.trace() - g.trace();
    sums_.square[k] += (d.array() * (d - 2 * g).array()).sum();
    for (Index a = 0; a < parts; ++a) add_square(f.col(a).transpose(), sums_.T.row(k));
  }
}

VectorXd satterthwaite_df(const SatterthwaiteSums& sums) {
  VectorXd norm = 2 * sums.T.rowwise().squaredNorm();
  const auto diagonal = [](Index r) { return r * (r + 3) / 2; };  // where T has entry (r, r)
  for (Index r = 0; diagonal(r) < sums.T.cols(); ++r) norm -= sums.T.col(diagonal(r)).cwiseAbs2();
  return sums.trace.array().square() / (sums.square + norm).array();
}

SatterthwaiteSums unknown_sums(Index k, Index p) {
  const VectorXd unknown = VectorXd::Constant(k, kNaN);
  return {unknown, unknown, MatrixXd::Constant(k, p * (p + 1) / 2, kNaN)};
}

void Satterthwaite::add_one(const MatrixXd& S, const MatrixXd& A) {
  h_.noalias() = K_.transpose().lazyProduct(A);
  f_.noalias() = h_.lazyProduct(S);
  const VectorXd d = h_.cwiseProduct(f_).rowwise().sum(), g = f_.rowwise().squaredNorm();
  sums_.trace += d - g;
  sums_.square += d.cwiseProduct(d - 2 * g);
  add_square(f_, sums_.T);
}

}  // namespace margmix
