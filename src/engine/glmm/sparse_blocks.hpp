// A preconditioner of A for several factors with related levels: each of its diagonal blocks D_k =
// Q_k + V_k'W V_k, that of one factor, is factored exactly, D = RR'. A tree has no fill, a Vecchia
// field or a series little, and what fills A are their entries L with each other. By symmetric
// block Gauss-Seidel steps, with L below D,
//
//   P = (D + L) D^-1 (D + L') = G G',   G = (D + L) R^-T,   log|P| = log|D|,
//
// and M = G^-1 A G^-T has eigenvalues in (0, 1], all but a few of them near 1: they are 1 - c^2 for
// the canonical correlations c of two factors given the data. Conjugate gradients and Lanczos
// quadrature (glmm/sparse_log_det.hpp) are of M.
#pragma once

#include <memory>

#include "design/groups.hpp"

namespace margmix {

// Vectors that are worked on side by side: column j holds entry j of each of them.
constexpr int kBundle = 8;
template <int M>
using Side = Eigen::Matrix<double, M, Dynamic>;
using Bundle = Side<kBundle>;

class SparseBlocks {
 public:
  explicit SparseBlocks(const SparsePlan& plan);

  // From A, its diagonal and the entries below it: false if a block is not positive definite.
  bool factor(const VectorXd& diagonal, const VectorXd& below);
  double log_det() const;  // log|P|

  // Vectors v of effects are in the places of A, whitened ones in the order of the blocks.
  template <int M>
  Side<M> whiten(const Side<M>& v) const;  // G^-1 v
  // y = G^-T w and, if wanted, d = D^-1 L'y.
  template <int M>
  Side<M> colour(const Side<M>& w, Side<M>* d = nullptr) const;

  void invert();
  bool same_block(Index i, Index j) const { return block_[i] == block_[j]; }
  bool before(Index i, Index j) const { return block_[i] < block_[j]; }
  double inverse(Index i, Index j) const {  // of D^-1, in one block and on its pattern
    return factors_[block_[i]]->inverse(place_[i], place_[j]);
  }

 private:
  struct Between {
    int i, j;  // places of A, i in a later block
    int entry;
    double value;
  };
  const SparsePlan& plan_;
  std::vector<int> block_, place_;  // of each effect: its block, and its place there
  std::vector<std::unique_ptr<SparseCholesky>> factors_;
  std::vector<std::vector<Between>> between_;  // by the later block
};

}  // namespace margmix
