#include "linalg/products.hpp"

#include "linalg/dense_kernels.hpp"
#include "linalg/pairs.hpp"

namespace margmix {

void multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() = A * B;
}

void add_transposed_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() += A.transpose() * B;
}

MatrixXd row_products(const MatrixMap& A) {
  const Index n = A.rows();
  MatrixXd out = MatrixXd::Zero(n, n);
  dense_rank_update(out.data(), n, n, A.data(), A.data(), A.cols());
  for (Index j = 0; j < n; ++j)
    for (Index i = j; i < n; ++i) out(i, j) = out(j, i) = -out(i, j);
  return out;
}

namespace {

// Four rows of A with four columns of B.
void four_by_four(const double* a, Index a_stride, const double* b, Index b_stride, Index depth,
                  double* out, Index out_stride) {
  const double *b0 = b, *b1 = b0 + b_stride, *b2 = b1 + b_stride, *b3 = b2 + b_stride;
  Pair s0 = Pair::Zero(), s1 = s0, s2 = s0, s3 = s0, t0 = s0, t1 = s0, t2 = s0, t3 = s0;
  for (Index j = 0; j < depth; ++j, a += a_stride) {
    const Pair x = read<Pair>(a), y = read<Pair>(a + 2);
    s0 += x * b0[j], t0 += y * b0[j];
    s1 += x * b1[j], t1 += y * b1[j];
    s2 += x * b2[j], t2 += y * b2[j];
    s3 += x * b3[j], t3 += y * b3[j];
  }
  for (const auto& [s, t] : {std::pair(s0, t0), {s1, t1}, {s2, t2}, {s3, t3}}) {
    write<Pair>(s, out), write<Pair>(t, out + 2);
    out += out_stride;
  }
}

// Two columns of A with two of B.
void four_dots(const double* a0, const double* a1, const double* b0, const double* b1, Index n,
               double* out00, double* out10, double* out01, double* out11) {
  Pair s00 = Pair::Zero(), s10 = s00, s01 = s00, s11 = s00;
  Index k = 0;
  for (; k + 1 < n; k += 2) {
    const Pair x0 = read<Pair>(a0 + k), x1 = read<Pair>(a1 + k), y0 = read<Pair>(b0 + k),
               y1 = read<Pair>(b1 + k);
    s00 += x0 * y0, s10 += x1 * y0, s01 += x0 * y1, s11 += x1 * y1;
  }
  const bool odd = k < n;
  *out00 = s00.sum() + (odd ? a0[k] * b0[k] : 0.0);
  *out10 = s10.sum() + (odd ? a1[k] * b0[k] : 0.0);
  *out01 = s01.sum() + (odd ? a0[k] * b1[k] : 0.0);
  *out11 = s11.sum() + (odd ? a1[k] * b1[k] : 0.0);
}

}  // namespace

// The last block of rows or columns may overlap the one before, which writes the same again.
void small_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  if (A.rows() < 4 || B.cols() < 4) {
    out = A.lazyProduct(B);
    return;
  }
  for (Index c = 0; c < B.cols(); c += 4) {
    const Index column = std::min(c, B.cols() - 4);
    for (Index r = 0; r < A.rows(); r += 4) {
      const Index row = std::min(r, A.rows() - 4);
      four_by_four(A.data() + row, A.outerStride(), &B.coeffRef(0, column), B.outerStride(),
                   A.cols(), &out(row, column), out.outerStride());
    }
  }
}

// The last column stands in for one that is missing: its entry is written twice.
void small_transposed_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  for (Index c = 0; c < B.cols(); c += 2) {
    const Index d = std::min(c + 1, B.cols() - 1);
    for (Index r = 0; r < A.cols(); r += 2) {
      const Index s = std::min(r + 1, A.cols() - 1);
      four_dots(&A.coeffRef(0, r), &A.coeffRef(0, s), &B.coeffRef(0, c), &B.coeffRef(0, d),
                A.rows(), &out(r, c), &out(s, c), &out(r, d), &out(s, d));
    }
  }
}

void small_crossproduct(const MatrixRef& A, const VectorXd& w, MatrixXd& wA, MatrixXd& out) {
  const Index D = A.cols();
  wA.resize(A.rows(), D);
  for (Index d = 0; d < D; ++d) wA.col(d) = w.cwiseProduct(A.col(d));
  out.resize(D, D);
  for (Index c = 0; c < D; c += 2) {
    const Index d = std::min(c + 1, D - 1);
    for (Index r = 0; r <= c; r += 2) {
      const Index s = std::min(r + 1, D - 1);
      four_dots(&A.coeffRef(0, r), &A.coeffRef(0, s), &wA(0, c), &wA(0, d), A.rows(), &out(r, c),
                &out(s, c), &out(r, d), &out(s, d));
    }
  }
  out.triangularView<Eigen::StrictlyLower>() = out.transpose();
}

}  // namespace margmix
