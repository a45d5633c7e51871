// The text of dense_kernels.hpp, once for each instruction set: no include guard, and the file that
// includes it says which namespace and which Eigen.

// L^-1 in place, by halves.
static void invert_lower(Eigen::Ref<Eigen::MatrixXd> L) {
  const Eigen::Index n = L.rows();
  if (n <= 48) {
    const Eigen::MatrixXd copy = L;
    L.setIdentity();
    copy.triangularView<Eigen::Lower>().solveInPlace(L);
    return;
  }
  const Eigen::Index h = n / 2, k = n - h;
  invert_lower(L.topLeftCorner(h, h));
  invert_lower(L.bottomRightCorner(k, k));
  const Eigen::MatrixXd right =
      L.bottomLeftCorner(k, h) * L.topLeftCorner(h, h).triangularView<Eigen::Lower>();
  L.bottomLeftCorner(k, h).noalias() =
      L.bottomRightCorner(k, k).triangularView<Eigen::Lower>() * right;
  L.bottomLeftCorner(k, h) *= -1;
}

// Lower triangle of M'M for lower triangular M.
static void add_cross_lower(const Eigen::Ref<const Eigen::MatrixXd>& M,
                            Eigen::Ref<Eigen::MatrixXd> out) {
  const Eigen::Index n = M.rows();
  if (n <= 48) {
    const Eigen::MatrixXd T = M.triangularView<Eigen::Lower>();
    out.triangularView<Eigen::Lower>() += T.transpose() * T;
    return;
  }
  const Eigen::Index h = n / 2, k = n - h;
  add_cross_lower(M.topLeftCorner(h, h), out.topLeftCorner(h, h));
  out.topLeftCorner(h, h).selfadjointView<Eigen::Lower>().rankUpdate(
      M.bottomLeftCorner(k, h).transpose());
  out.bottomLeftCorner(k, h).noalias() +=
      M.bottomRightCorner(k, k).triangularView<Eigen::Lower>().transpose() *
      M.bottomLeftCorner(k, h);
  add_cross_lower(M.bottomRightCorner(k, k), out.bottomRightCorner(k, k));
}

// The order of a sum depends on where wide registers begin in memory: in place at a multiple of 64
// bytes, and at a copy of what lies elsewhere, it is the same in every call.
static bool aligned(const double* A) { return reinterpret_cast<std::uintptr_t>(A) % 64 == 0; }

static bool cholesky_in_place(Eigen::Ref<Eigen::MatrixXd> A) {
  const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> cholesky(A);
  return cholesky.info() == Eigen::Success && A.diagonal().allFinite();
}

bool dense_cholesky(double* A, Eigen::Index n) {
  Eigen::Map<Eigen::MatrixXd> in_place(A, n, n);
  if (aligned(A)) return cholesky_in_place(in_place);
  Eigen::MatrixXd copy = in_place;
  const bool definite = cholesky_in_place(copy);
  in_place = copy;
  return definite;
}

// M'M for M = L^-1, both triangles.
static void cross_of_inverse(const double* L, Eigen::Ref<Eigen::MatrixXd> out) {
  Eigen::MatrixXd root = Eigen::Map<const Eigen::MatrixXd>(L, out.rows(), out.cols());
  invert_lower(root);
  out.setZero();
  add_cross_lower(root, out);
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
}

void dense_inverse(const double* L, Eigen::Index n, double* inverse) {
  Eigen::Map<Eigen::MatrixXd> in_place(inverse, n, n);
  if (aligned(inverse)) return cross_of_inverse(L, in_place);
  Eigen::MatrixXd copy(n, n);
  cross_of_inverse(L, copy);
  in_place = copy;
}

void add_cross_products(const DenseColumns& A, const DenseColumns& B, Eigen::Index rows,
                        double* out) {
  using Columns = Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
  const Columns a(A.first, rows, A.count, Eigen::OuterStride<>(A.stride));
  const Columns b(B.first, rows, B.count, Eigen::OuterStride<>(B.stride));
  Eigen::Map<Eigen::MatrixXd>(out, A.count, B.count).noalias() += a.transpose() * b;
}

void dense_lower_solve(const double* L, Eigen::Index n, double* B, Eigen::Index columns) {
  const Eigen::Map<const Eigen::MatrixXd> lower(L, n, n);
  Eigen::Map<Eigen::MatrixXd> in_place(B, n, columns);
  lower.triangularView<Eigen::Lower>().solveInPlace(in_place);
}

void dense_symmetric_multiply(const double* A, Eigen::Index stride, Eigen::Index n, const double* B,
                              Eigen::Index columns, double* out) {
  using Strided = Eigen::Map<const Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
  Eigen::Map<Eigen::MatrixXd>(out, n, columns).noalias() =
      Strided(A, n, n, Eigen::OuterStride<>(stride)).selfadjointView<Eigen::Lower>() *
      Eigen::Map<const Eigen::MatrixXd>(B, n, columns);
}

void dense_rank_update(double* A, Eigen::Index stride, Eigen::Index n, const double* B,
                       const double* C, Eigen::Index columns) {
  using Strided = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;
  const Eigen::Map<const Eigen::MatrixXd> b(B, n, columns), c(C, n, columns);
  Strided(A, n, n, Eigen::OuterStride<>(stride)).triangularView<Eigen::Lower>() -=
      b * c.transpose();
}
