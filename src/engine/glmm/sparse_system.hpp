// A = I + V'WV for several grouping factors, V = Z Lambda, in blocks
//
//   A = [ A11  B ]     A11 block-diagonal by levels of the largest factor (q1 x q1 each),
//       [ B'  A22]     S = A22 - B'A11^-1 B its Schur complement.
//
// I is Q(rho), the precision of related levels (glmm/sparse_precision.hpp), where there are any;
// then u are effects of unit scale whose precision is Q, block 1 is empty and S = A. Whitening
// them, to keep I, would take a factor of Q and fill V.
//
// Effects under a constraint, as of intrinsic precisions, have A_c^-1 and log|A_c| in the place of
// A^-1 and log|A| (random/constraint.hpp).
//
// Everything is done on S: solves by its factor or by conjugate gradients, log|A| = log|A11| +
// log|S|, and the entries of A^-1 that a row's effects need from the entries of S^-1 on its
// pattern. Vectors of random effects u are in the order of elimination: size1 effects by run, then
// block 2.
#pragma once

#include <memory>

#include "design/groups.hpp"
#include "glmm/sparse_blocks.hpp"
#include "glmm/sparse_precision.hpp"

namespace margmix {

class SparseSystem {
 public:
  SparseSystem(const GroupedDesign& design, const SparsePlan& plan);

  void use_threads(int threads) { threads_ = threads; }  // by a large dense tail of the factor
  void set_Lambda(const MatrixXd& Lambda);
  void set_rho(const VectorXd& rho) { precision_.set(rho.data()); }
  const SparsePrecision& precision() const { return precision_; }
  // A for the weights W (n). False if a block of A11 is not positive definite.
  bool assemble(const double* W);

  const GroupedDesign& design() const { return design_; }
  const SparsePlan& plan() const { return plan_; }
  Index size() const { return plan_.size(); }

  // Position in u of the effect that column c of Z has in row j of run s.
  Index at(Index j, Index s, Index c) const {
    const int k = block_column_[c];
    return k < plan_.q1() ? s * plan_.q1() + k
                          : plan_.size1() + plan_.position[j * plan_.q2() + k - plan_.q1()];
  }
  double V(Index j, Index c) const { return V_(block_column_[c], j); }

  void add_V(const VectorXd& u, VectorXd& eta) const;  // eta += V u
  VectorXd Vt(const VectorXd& x) const;                // V'x

  // S itself: products, its diagonal, and column j from the diagonal down added to w.
  void schur_product(const double* x, double* out) const;
  void schur_product(const Bundle& x, Bundle& out) const;
  const VectorXd& S_diagonal() const { return S_diagonal_; }
  void fill_column(Index j, double* w) const;
  double log_det11() const { return log_det11_; }

  // Exact solutions: factor S (false if A is not positive definite), then solve. S as it was
  // assembled is factored once.
  bool factor();
  double log_det() const;
  VectorXd solve(const VectorXd& f) const;  // A^-1 f

  // From here on solutions are by conjugate gradients that the blocks of A precondition, where the
  // plan has them. They are those of A as it was assembled when they were factored last; false if
  // one is not positive definite.
  void use_blocks();
  bool factor_blocks();
  SparseBlocks* blocks() const { return blocks_.get(); }
  // G^-T M^-1 w for whitened vectors w; `x` is where to begin.
  void block_solve(const Bundle& w, double tolerance, Bundle& x) const;
  VectorXd prior_solve(const VectorXd& f, double tolerance) const;  // Q^-1 f

  // A^-1 f by conjugate gradients on S, with its diagonal as preconditioner or with blocks.
  // `definite` turns false where a direction of negative curvature is met.
  VectorXd solve_iteratively(const VectorXd& f, double tolerance, bool* definite) const;
  MatrixXd solve_iteratively(const MatrixXd& f, double tolerance) const;  // by column
  // A^-1 f for a step of Newton: by a factor where levels are related and there are no blocks,
  // since without them conjugate gradients take very many steps along a series or a tree.
  VectorXd newton_step(const VectorXd& f, double tolerance, bool* definite);
  int iterations() const { return iterations_; }
  // S x = r likewise, and x extended to block 1: A^-1 f for r = f2 - B'A11^-1 f1.
  VectorXd schur_solve(const VectorXd& r, double tolerance, bool* definite) const;
  VectorXd expand(const VectorXd& f, const VectorXd& x2) const;
  // The same for kBundle systems at once; `x` is where to begin. Extended to block 1: A^-1 f for f
  // that are zero there.
  void schur_solve(const Bundle& r, double tolerance, Bundle& x) const;
  Bundle expand(const Bundle& x2) const;
  // y += V_j1'A11^-1 at the columns of block 1, for row j of run s.
  void add_A11_inverse(Index j, Index s, double* y) const {
    const Index q1 = plan_.q1();
    const double* inverse = A11_inverse_.data() + q1 * q1 * s;
    for (Index a = 0; a < q1; ++a)
      for (Index b = 0; b < q1; ++b) y[plan_.columns1[a]] += inverse[a + q1 * b] * V_(b, j);
  }

  // visit(j, s, y): y (q, by column of Z) holds the entries of V_j'A^-1 at the effects of row j.
  void invert();
  template <class Visit>
  void visit_rows(Visit visit) const;
  // A draw with covariance A^-1 from standard normal ones, where block 1 is empty.
  VectorXd draw(const VectorXd& z) const;
  // v'A^-1 v for a vector v with the entries v1 in run `run` (-1: none) and v2 at the positions
  // `at` of block 2. Needs invert(); pairs outside the pattern are solved for.
  double inverse_quadratic(Index run, const VectorXd& v1, const std::vector<int>& at,
                           const VectorXd& v2) const;
  double inverse(Index i, Index j) const {  // an entry for effects of block 2, on the pattern
    return cholesky_->inverse(i - plan_.size1(), j - plan_.size1()) + constrained_.entry(i, j);
  }
  // A column where all of A is the dense tail of the factor.
  VectorXd inverse_column(Index j) const;
  // Blocks of A^-1 for each level of each factor: q_k * q_k x levels.
  std::vector<MatrixXd> variance_blocks() const;

  // u by factor (levels x q_k) and back.
  std::vector<MatrixXd> split(const VectorXd& u) const;
  VectorXd join(const std::vector<MatrixMap>& u) const;

 private:
  using RowsMajor = Eigen::Matrix<double, Dynamic, Dynamic>;  // q x n: a column per row of the data
  VectorXd reduce(const VectorXd& f) const;                   // f2 - B'A11^-1 f1
  template <int M>
  void schur_products(const Side<M>& x, Side<M>& out) const;
  template <int M>
  void conjugate_gradients(Side<M> r, double tolerance, bool* definite, Side<M>& x) const;
  template <int M, class Product>
  void block_gradients(Product product, Side<M> r, double tolerance, bool* definite,
                       Side<M>& x) const;
  Index count(Index s) const { return plan_.near_start[s + 1] - plan_.near_start[s]; }
  const int* near(Index s) const { return plan_.near.data() + plan_.near_start[s]; }
  const double* B(Index s) const { return B_.data() + plan_.q1() * plan_.near_start[s]; }
  const double* C(Index s) const { return C_.data() + plan_.q1() * plan_.near_start[s]; }
  void local_inverse(Index s, MatrixXd& Q, MatrixXd& G, MatrixXd& inverse11) const;
  void block_inverse(const int* at, Index count, Eigen::Ref<MatrixXd> out) const;
  VectorXd solve_factored(const VectorXd& f) const;
  double inverse_quadratic_factored(Index run, const VectorXd& v1, const std::vector<int>& at,
                                    const VectorXd& v2) const;

  const GroupedDesign& design_;
  const SparsePlan& plan_;
  SparsePrecision precision_;
  std::vector<int> block_column_;  // column of Z -> row of V_
  RowsMajor V_;                    // q x n: columns of block 1, then of block 2
  VectorXd A11_inverse_;           // q1 x q1 for each run
  double log_det11_ = 0;
  VectorXd B_, C_;  // q1 x count(s) for each run: B and A11^-1 B
  VectorXd A22_diagonal_, A22_below_, S_diagonal_;
  std::unique_ptr<SparseCholesky> cholesky_;
  std::unique_ptr<SparseBlocks> blocks_;
  bool blocks_ready_ = false;
  VectorXd factored_;  // the diagonal of A that they were factored with
  ConstrainedInverse constrained_;
  enum class Factor { none, found, failed } factor_ = Factor::none;
  mutable int iterations_ = 0;
  int threads_ = 1;
};

template <class Visit>
void SparseSystem::visit_rows(Visit visit) const {
  const Index q1 = plan_.q1(), q2 = plan_.q2();
  MatrixXd Q, G, inverse11;
  VectorXd y(q1 + q2);
  if (q1 == 0 && q2 == 1) {
    for (Index s = 0; s < plan_.runs(); ++s)
      for (Index j = plan_.run_start[s]; j < plan_.run_start[s + 1]; ++j) {
        const Index at = plan_.position[j];
        y[0] = V_(0, j) * inverse(at, at);
        visit(j, s, y.data());
      }
    return;
  }
  for (Index s = 0; s < plan_.runs(); ++s) {
    local_inverse(s, Q, G, inverse11);
    for (Index j = plan_.run_start[s]; j < plan_.run_start[s + 1]; ++j) {
      const double* v = V_.col(j).data();
      const int* local = plan_.local.data() + j * q2;
      for (Index a = 0; a < q1; ++a) {
        double sum = 0;
        for (Index b = 0; b < q1; ++b) sum += inverse11(b, a) * v[b];
        for (Index c = 0; c < q2; ++c) sum -= v[q1 + c] * G(a, local[c]);
        y[plan_.columns1[a]] = sum;
      }
      for (Index c = 0; c < q2; ++c) {
        double sum = 0;
        for (Index a = 0; a < q1; ++a) sum -= v[a] * G(a, local[c]);
        for (Index d = 0; d < q2; ++d) sum += v[q1 + d] * Q(local[d], local[c]);
        y[plan_.columns2[c]] = sum;
      }
      visit(j, s, y.data());
    }
  }
}

}  // namespace margmix
