// Sparse Cholesky: ordering, factor, solutions and selected inverse against dense algebra; the
// dense kernels in each of their instruction sets.
#include "linalg/sparse_cholesky.hpp"

#include <algorithm>

#include "check.hpp"
#include "dense.hpp"
#include "linalg/dense_kernels.hpp"
#include "linalg/tiled.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

// A random sparse pattern, S over it, positive definite, and its dense form.
struct Sparse {
  Pattern pattern;
  MatrixXd S;
  Sparse(Index n, double share, unsigned seed) : S(MatrixXd::Zero(n, n)) {
    toy::Random random(seed);
    for (Index c = 0; c < n; ++c)
      for (Index r = c + 1; r < n; ++r)
        if (random.uniform() < share) S(r, c) = S(c, r) = random.normal();
    for (Index c = 0; c < n; ++c) S(c, c) = 1 + S.col(c).cwiseAbs().sum();
    reorder(std::vector<int>());
  }
  void reorder(const std::vector<int>& to) {
    const Index n = S.rows();
    if (!to.empty()) {
      MatrixXd moved(n, n);
      for (Index c = 0; c < n; ++c)
        for (Index r = 0; r < n; ++r) moved(to[r], to[c]) = S(r, c);
      S = moved;
    }
    pattern = Pattern();
    pattern.start.assign(1, 0);
    for (Index c = 0; c < n; ++c) {
      for (Index r = c + 1; r < n; ++r)
        if (S(r, c) != 0) pattern.row.push_back(static_cast<int>(r));
      pattern.start.push_back(static_cast<int>(pattern.row.size()));
    }
  }
  void fill(Index c, double* w) const {
    for (Index r = c; r < S.rows(); ++r) w[r] += S(r, c);
  }
};

void cholesky(bool by_fronts) {
  bool mixed = false, merged = false;
  for (const double share : {0.0, 0.02, 0.06, 0.3, 1.0}) {
    const Index n = 120;
    Sparse sparse(n, share, 7);
    std::vector<int> order = minimum_degree(sparse.pattern);
    sparse.reorder(order);
    std::sort(order.begin(), order.end());
    for (Index k = 0; k < n; ++k) CHECK(order[k] == k);
    CholeskyPlan plan = plan_cholesky(sparse.pattern);
    if (by_fronts) find_fronts(plan, 0);
    const auto fronts = static_cast<Index>(plan.front.size()) - 1;
    merged = merged || (fronts > 1 && fronts < plan.head);
    mixed = mixed || (plan.head > 0 && plan.head < n);
    SparseCholesky factor(plan);
    const auto fill = [&](Index c, double* w) { sparse.fill(c, w); };
    CHECK(factor.factor(fill));
    const Eigen::LLT<MatrixXd> dense(sparse.S);
    const MatrixXd inverse = dense.solve(MatrixXd::Identity(n, n));
    CHECK_NEAR(factor.log_det(), 2 * MatrixXd(dense.matrixL()).diagonal().array().log().sum(),
               1e-12);
    VectorXd b = VectorXd::LinSpaced(n, -1, 2), x = b;
    factor.solve(x);
    CHECK_NEAR(largest(x - inverse * b), 0.0, 1e-12);
    factor.invert();
    for (Index c = 0; c < n; ++c) {
      std::vector<int> at{static_cast<int>(c)};
      for (int k = sparse.pattern.start[c]; k < sparse.pattern.start[c + 1]; ++k) {
        at.assign({static_cast<int>(c), sparse.pattern.row[k]});
        MatrixXd block(2, 2);
        factor.inverse(at.data(), 2, block);
        CHECK_NEAR(block(0, 0), inverse(at[0], at[0]), 1e-12);
        CHECK_NEAR(block(1, 0), inverse(at[1], at[0]), 1e-12);
        CHECK_NEAR(block(1, 1), inverse(at[1], at[1]), 1e-12);
      }
    }
    for (const Index bad : {Index(0), n - 1}) {
      const double kept = sparse.S(bad, bad);
      sparse.S(bad, bad) = -1;
      CHECK(!factor.factor(fill));
      sparse.S(bad, bad) = kept;
    }
    CHECK(factor.factor(fill));
  }
  CHECK(mixed);
  CHECK(merged == by_fronts);
}

// The same text for two instruction sets, and the one that the processor takes.
void dense_kernels() {
  for (const Index n : {1, 47, 49, 130, 301}) {
    const MatrixXd A = Sparse(n, 0.5, 11).S;
    const MatrixXd inverse = A.llt().solve(MatrixXd::Identity(n, n));
    const auto check = [&](bool (*factor)(double*, Index),
                           void (*invert)(const double*, Index, double*)) {
      MatrixXd L = A, got(n, n);
      CHECK(factor(L.data(), n));
      const MatrixXd root = L.triangularView<Eigen::Lower>();
      CHECK_NEAR(largest(root * root.transpose() - A), 0.0, 1e-11 * largest(A));
      invert(L.data(), n, got.data());
      CHECK_NEAR(largest(got - inverse), 0.0, 1e-13);
      L = A;
      L(n - 1, n - 1) = -1;
      CHECK(!factor(L.data(), n));
    };
    check(dense_cholesky, dense_inverse);
    check(baseline::dense_cholesky, baseline::dense_inverse);
#ifdef MARGMIX_WIDE_KERNELS
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      check(wide::dense_cholesky, wide::dense_inverse);
#endif
  }
}

// Factor and inverse by tiles against dense algebra; the same bits at any number of threads.
void tiles() {
  const Tiling tiling{16, 0};
  for (const Index n : {16, 33, 100}) {
    const MatrixXd S = Sparse(n, 0.5, 12).S;
    MatrixXd first;
    for (const int threads : {1, 2, 3}) {
      AlignedMatrix L(S), inverse;
      CHECK(tiled_cholesky(L, threads, tiling));
      const MatrixXd root = MatrixXd(L.map()).triangularView<Eigen::Lower>();
      CHECK_NEAR(largest(root * root.transpose() - S), 0.0, 1e-12 * largest(S));
      tiled_inverse(L, inverse, threads, tiling);
      CHECK_NEAR(largest(inverse.map() * S - MatrixXd::Identity(n, n)), 0.0, 1e-12);
      if (threads == 1) first = inverse.map();
      CHECK(first == inverse.map());
    }
    AlignedMatrix bad(S);
    bad(n - 1, n - 1) = -1;
    CHECK(!tiled_cholesky(bad, 2, tiling));
  }
}

// The same bits wherever a matrix begins in memory.
void anywhere_in_memory() {
  for (const Index n : {5, 12, 61, 130}) {
    const MatrixXd A = Sparse(n, 0.5, 11).S;
    std::vector<double> first;
    for (const int shift : {0, 1, 2, 3}) {
      std::vector<double> L(n * n + 3), inverse(n * n + 3);
      std::copy(A.data(), A.data() + n * n, L.begin() + shift);
      CHECK(dense_cholesky(L.data() + shift, n));
      dense_inverse(L.data() + shift, n, inverse.data() + shift);
      const std::vector<double> found(inverse.begin() + shift, inverse.begin() + shift + n * n);
      if (shift == 0) first = found;
      CHECK(found == first);
    }
  }
}

}  // namespace

int main() {
  cholesky(false);
  cholesky(true);
  dense_kernels();
  tiles();
  anywhere_in_memory();
  return check::summary();
}
