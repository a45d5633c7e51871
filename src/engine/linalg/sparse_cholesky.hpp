// Cholesky factor of a sparse symmetric matrix S = LL' with a sparse head and a dense tail, and the
// entries of S^-1 on the pattern of L.
//
// Minimum degree ordering leaves the fill for the last columns, which become dense: they are held
// and factored as one dense matrix, at several times the speed of sparse columns. The head is a
// left-looking factorisation by columns, or one by fronts where these are long and many. Entries of
// the inverse follow by the recursion of Takahashi, Fagan & Chen (1973), last column first, from
// the dense inverse of the tail.
#pragma once

#include <functional>
#include <vector>

#include "core/types.hpp"
#include "linalg/aligned_matrix.hpp"

namespace margmix {

// Pattern of a symmetric matrix: rows below the diagonal, by column, ascending.
struct Pattern {
  std::vector<int> start, row;
  Index size() const { return static_cast<Index>(start.size()) - 1; }
};

// Approximate minimum degree: new position of each row and column.
std::vector<int> minimum_degree(const Pattern& S);

// The pattern with rows and columns at their new positions. `entry`, if given, gets the new place
// of each entry.
Pattern permuted(const Pattern& S, const std::vector<int>& to, std::vector<int>* entry = nullptr);

struct CholeskyPlan {
  Index size = 0, head = 0;
  Pattern L;  // pattern of the head columns
  // First columns of its fronts and their end, where it is worked on by fronts
  // (linalg/sparse_fronts.cpp) and not by columns.
  std::vector<int> front;
  double flops = 0;  // multiplications of a factorisation
};

// For a matrix that is already in the order of elimination.
CholeskyPlan plan_cholesky(const Pattern& S);

// Fronts for a head whose factor and inverse by columns cost at least this: below nothing is
// gained.
void find_fronts(CholeskyPlan& plan, double least_cost = 1e8);

class SparseCholesky {
 public:
  // `threads` share a large tail.
  explicit SparseCholesky(const CholeskyPlan& plan, int threads = 1);

  // fill(j, w) adds column j of S, from the diagonal down, to the zero vector w (size entries).
  // False if S is not positive definite.
  bool factor(const std::function<void(Index, double*)>& fill);
  double log_det() const;
  double log_det(Index j) const;  // the part of row j: their sum is log|S|
  void solve(Eigen::Ref<VectorXd> b) const;

  void solve_transposed(Eigen::Ref<VectorXd> b) const;  // L'^-1 b

  // L^-1 and L'^-1 of M vectors side by side: entry j of all of them, then entry j + 1. M: 1 or 8.
  template <int M>
  void lower_solve(double* x) const;
  template <int M>
  void upper_solve(double* x) const;

  // Entries of S^-1 on the pattern of L; afterwards inverse() may be called.
  void invert();
  // The symmetric block of S^-1 for ascending positions `at`, all pairs of which are in the
  // pattern.
  void inverse(const int* at, Index count, Eigen::Ref<MatrixXd> out) const;
  // One entry of it, in the pattern.
  double inverse(Index i, Index j) const;
  // A column of it where all of S is tail.
  VectorMap inverse_column(Index j) const {
    return {inverse_tail_.map().col(j).data(), plan_.size};
  }

 private:
  template <int M>
  void lower_columns(int first, int last, double* x, double* shared) const;
  template <int M>
  void upper_columns(int first, int last, double* x, double* shared) const;
  void invert_head_column(Index j, double* l, double* sum);
  bool factor_fronts(const std::function<void(Index, double*)>& fill);
  void invert_fronts();
  void gather_inverse(const int* row, Index count, const std::vector<int>& owner,
                      MatrixXd& out) const;

  const CholeskyPlan& plan_;
  int threads_;
  VectorXd diagonal_, below_;                  // L, head columns
  AlignedMatrix tail_;                         // L of the tail
  VectorXd inverse_diagonal_, inverse_below_;  // S^-1, head columns
  AlignedMatrix inverse_tail_;
};

}  // namespace margmix
