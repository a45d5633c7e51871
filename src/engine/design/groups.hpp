// Several grouping factors: which level of each factor a row belongs to, and the order in which
// their random effects are eliminated.
#pragma once

#include <memory>
#include <vector>

#include "design/design.hpp"
#include "linalg/sparse_cholesky.hpp"
#include "random/levels.hpp"

namespace margmix {

struct Group {
  IntegerMap index;          // n, level of each row, from 0
  std::vector<int> columns;  // of Z
  Index levels = 0;
  std::shared_ptr<const Levels> relation = {};  // null: independent levels
  std::vector<int> cluster = {};                // of each related level; empty: all in the first
  Index q() const { return static_cast<Index>(columns.size()); }
};

struct GroupedDesign : Design {
  std::vector<Group> groups;
  std::vector<int> span = {};  // how many entries of Lambda each of theta stands for; empty: one

  // work(row, column) for each entry of Lambda that is theta_t: with a span of k, as of the
  // coefficients of a smooth, k of them down the diagonal.
  template <class Work>
  void at_entries(Index t, Work work) const {
    const int count = span.empty() ? 1 : span[t];
    for (int k = 0; k < count; ++k) work(theta_row[t] + k, theta_col[t] + k);
  }
  // Lambda with the first entry of each span in all its places.
  MatrixXd whole(const MatrixXd& Lambda) const {
    MatrixXd out = Lambda;
    for (Index t = 0; t < n_theta(); ++t)
      at_entries(t, [&](Index r, Index c) { out(r, c) = Lambda(theta_row[t], theta_col[t]); });
    return out;
  }
  bool related() const {
    for (const Group& group : groups)
      if (group.relation) return true;
    return false;
  }
};

// One factor among others: its own block of A, in an order of elimination of its own.
struct BlockPlan {
  std::vector<int> at;     // positions in A
  Pattern A;               // entries below the diagonal
  std::vector<int> entry;  // and where they are in A22
  CholeskyPlan cholesky;
};

// The order of elimination. Block 1 are the effects of the factor with most levels, whose rows must
// be contiguous ("runs", in the order of the rows): q1 for each run. Block 2 are those of all other
// factors; S is its Schur complement. Positions in block 2 are in the order of elimination.
//
// Where levels are related, all effects are in block 2, block 1 is empty (q1 = 0, S = A) and runs
// are rows of the same levels: eliminating a factor whose levels meet many levels of a series or a
// tree first would destroy their sparsity.
struct SparsePlan {
  int big = 0;                          // the factor of block 1, or -1
  std::vector<int> columns1, columns2;  // columns of Z in blocks 1 and 2
  std::vector<int> run_start, run_level;
  std::vector<int> near_start, near;  // positions of block 2 that the rows of a run touch
  std::vector<int> local, position;   // n x q2 by row: place in `near` of its run, and position
  std::vector<int> owner_start, owner_run, owner_local;  // the transpose of `near`
  std::vector<std::vector<int>>
      places;             // for each factor but `big`: level * q + effect -> position
  Pattern A22;            // entries below the diagonal of block 2 of A itself
  std::vector<int> pair;  // n x q2 (q2 - 1) / 2: where a row's products go in A22
  // For each related factor, entry of the pattern of Q * q + effect -> where it goes in A22.
  std::vector<std::vector<int>> Q_below;
  CholeskyPlan cholesky;  // of S
  // Where related factors fill A beyond a factorisation: the blocks of each of them, the cheapest
  // first.
  std::vector<BlockPlan> blocks;
  bool exact = true;  // is a factorisation affordable?
  double flops = 0;   // multiplications of one, or a guess if it is not

  Index runs() const { return static_cast<Index>(run_level.size()); }
  Index q1() const { return static_cast<Index>(columns1.size()); }
  Index q2() const { return static_cast<Index>(columns2.size()); }
  Index size1() const { return runs() * q1(); }
  Index size2() const { return static_cast<Index>(owner_start.size()) - 1; }
  Index size() const { return size1() + size2(); }
};

// `budget`: most multiplications of a factorisation of S.
SparsePlan make_plan(const GroupedDesign& design, double budget);

}  // namespace margmix
