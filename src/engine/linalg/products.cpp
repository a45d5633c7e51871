#include "linalg/products.hpp"

#include "linalg/pairs.hpp"

namespace margmix {

void multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() = A * B;
}

void add_transposed_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  out.noalias() += A.transpose() * B;
}

namespace {

// out(0, c) = A(i .. i + 1, .) B(., c) for two rows and four columns.
template <int kColumns>
void two_rows(const double* a, Index stride, const double* b, Index b_stride, Index depth,
              double* out, Index out_stride) {
  Pair sum[kColumns];
  for (Pair& s : sum) s.setZero();
  for (Index j = 0; j < depth; ++j) {
    const Pair x = load(a + j * stride);
    for (int c = 0; c < kColumns; ++c) sum[c] += x * b[j + c * b_stride];
  }
  for (int c = 0; c < kColumns; ++c) store(sum[c], out + c * out_stride);
}

template <int kColumns>
void columns_of_product(const MatrixRef& A, const MatrixRef& B, Index c, Eigen::Ref<MatrixXd> out) {
  const Index rows = A.rows(), depth = A.cols();
  const double* b = &B.coeffRef(0, c);
  Index i = 0;
  for (; i + 1 < rows; i += 2)
    two_rows<kColumns>(A.data() + i, A.outerStride(), b, B.outerStride(), depth,
                       out.data() + i + c * out.outerStride(), out.outerStride());
  if (i == rows) return;
  for (int d = 0; d < kColumns; ++d) out(i, c + d) = A.row(i).dot(B.col(c + d));
}

// Two columns of A with two of B.
void four_dots(const double* a0, const double* a1, const double* b0, const double* b1, Index n,
               double* out00, double* out10, double* out01, double* out11) {
  Pair s00 = Pair::Zero(), s10 = s00, s01 = s00, s11 = s00;
  Index k = 0;
  for (; k + 1 < n; k += 2) {
    const Pair x0 = load(a0 + k), x1 = load(a1 + k), y0 = load(b0 + k), y1 = load(b1 + k);
    s00 += x0 * y0, s10 += x1 * y0, s01 += x0 * y1, s11 += x1 * y1;
  }
  const bool odd = k < n;
  *out00 = s00.sum() + (odd ? a0[k] * b0[k] : 0.0);
  *out10 = s10.sum() + (odd ? a1[k] * b0[k] : 0.0);
  *out01 = s01.sum() + (odd ? a0[k] * b1[k] : 0.0);
  *out11 = s11.sum() + (odd ? a1[k] * b1[k] : 0.0);
}

}  // namespace

void small_multiply(const MatrixRef& A, const MatrixRef& B, Eigen::Ref<MatrixXd> out) {
  Index c = 0;
  for (; c + 3 < B.cols(); c += 4) columns_of_product<4>(A, B, c, out);
  for (; c < B.cols(); ++c) columns_of_product<1>(A, B, c, out);
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
