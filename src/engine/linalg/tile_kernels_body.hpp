// The text of tile_kernels.hpp, once for each instruction set: see dense_kernels_body.hpp, whose
// invert_lower() it uses.

using Tile = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using ConstTile = Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
using Size = TileKernels::Size;

static void tile_subtract_outer(const double* A, const double* B, double* C, Size m, Size n, Size k,
                                Size stride) {
  Tile(C, m, n, Eigen::OuterStride<>(stride)).noalias() -=
      ConstTile(A, m, k, Eigen::OuterStride<>(stride)) *
      ConstTile(B, n, k, Eigen::OuterStride<>(stride)).transpose();
}

static void tile_multiply(const double* A, const double* B, double* C, Size m, Size n, Size k,
                          Size stride) {
  Tile(C, m, n, Eigen::OuterStride<>(stride)).noalias() =
      ConstTile(A, m, k, Eigen::OuterStride<>(stride)) *
      ConstTile(B, k, n, Eigen::OuterStride<>(stride));
}

static void tile_multiply_inner(const double* A, const double* B, double* C, Size m, Size n, Size k,
                                Size stride) {
  Tile(C, m, n, Eigen::OuterStride<>(stride)).noalias() =
      ConstTile(A, k, m, Eigen::OuterStride<>(stride)).transpose() *
      ConstTile(B, k, n, Eigen::OuterStride<>(stride));
}

static bool tile_cholesky(double* A, Size n, Size stride) {
  return cholesky_in_place(Tile(A, n, n, Eigen::OuterStride<>(stride)));
}

static void tile_invert(const double* L, double* inverse, Size n, Size stride) {
  Tile out(inverse, n, n, Eigen::OuterStride<>(stride));
  out = ConstTile(L, n, n, Eigen::OuterStride<>(stride));
  invert_lower(out);
  out.triangularView<Eigen::StrictlyUpper>().setZero();
}

static void tile_solve_right(const double* L, double* X, Size rows, Size n, Size stride) {
  const ConstTile lower(L, n, n, Eigen::OuterStride<>(stride));
  Tile x(X, rows, n, Eigen::OuterStride<>(stride));
  lower.triangularView<Eigen::Lower>().transpose().solveInPlace<Eigen::OnTheRight>(x);
}

static void tile_subtract_triangular(const double* T, double* X, Size n, Size columns,
                                     Size stride) {
  Tile x(X, n, columns, Eigen::OuterStride<>(stride));
  const Eigen::MatrixXd copy = x;
  x.noalias() = ConstTile(T, n, n, Eigen::OuterStride<>(stride)) * copy;
  x *= -1;
}

const TileKernels tile_kernels = {tile_subtract_outer,     tile_multiply, tile_multiply_inner,
                                  tile_cholesky,           tile_invert,   tile_solve_right,
                                  tile_subtract_triangular};
