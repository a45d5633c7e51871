// Two nested levels of random effects, (1 | a/b): sub-clusters b, called leaves, inside independent
// clusters a. Columns of Z and Lambda are used in the order (leaf, cluster), in which the Cholesky
// factor of the joint information has no fill outside of the leaf's own rows and those of a.
#pragma once

#include <stdexcept>
#include <vector>

#include "design/design.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

// Rows are sorted by cluster and within it by leaf. `flat` has the rows, and start for clusters.
struct NestedDesign {
  Design flat;
  std::vector<int> column;      // columns of Z: those of the leaf, then those of the cluster
  Index qb = 0, qa = 0;         // how many of each
  std::vector<int> leaf_start;  // rows of leaf i: leaf_start[i] .. leaf_start[i + 1] - 1
  std::vector<int> leaf_level;  // the level of the finer factor that leaf i is
  std::vector<int> first_leaf;  // leaves of cluster i: first_leaf[i] .. first_leaf[i + 1] - 1
  std::vector<int> theta_row, theta_col;  // free entries of Lambda in the order of `column`
  VectorXd level_weight;  // of the log-integral of each level of the finer factor; none: all one

  // level: of the finer factor, for each row; *_columns: positions in Z; weight: by level, or none.
  NestedDesign(const Design& design, const IntegerMap& level, const IntegerMap& leaf_columns,
               const IntegerMap& top_columns, const VectorXd& weight = {})
      : flat(design), qb(leaf_columns.size()), qa(top_columns.size()), level_weight(weight) {
    if (qa + qb != flat.q() || qa == 0 || qb == 0 || level.size() != flat.X.rows())
      throw std::invalid_argument("each column of Z belongs to one of two nested levels");
    std::vector<int> position(flat.q(), -1);
    for (const IntegerMap* columns : {&leaf_columns, &top_columns})
      for (Index r = 0; r < columns->size(); ++r) {
        position.at((*columns)[r]) = static_cast<int>(column.size());
        column.push_back((*columns)[r]);
      }
    for (Index t = 0; t < flat.n_theta(); ++t) {
      theta_row.push_back(position[flat.theta_row[t]]);
      theta_col.push_back(position[flat.theta_col[t]]);
    }
    for (Index i = 0; i < flat.clusters(); ++i) {
      first_leaf.push_back(static_cast<int>(leaf_level.size()));
      for (Index j = flat.start[i]; j < flat.start[i + 1]; ++j) {
        if (j > flat.start[i] && level[j] == level[j - 1]) continue;
        leaf_start.push_back(static_cast<int>(j));
        leaf_level.push_back(level[j]);
      }
    }
    first_leaf.push_back(static_cast<int>(leaf_level.size()));
    leaf_start.push_back(static_cast<int>(flat.X.rows()));
  }

  Index clusters() const { return flat.clusters(); }
  Index leaves() const { return static_cast<Index>(leaf_level.size()); }
  Index leaves_of(Index cluster) const { return first_leaf[cluster + 1] - first_leaf[cluster]; }
  Index leaf_size(Index leaf) const { return leaf_start[leaf + 1] - leaf_start[leaf]; }
  double weight(Index leaf) const {
    return level_weight.size() ? level_weight[leaf_level[leaf]] : 1.0;
  }
  Index n_theta() const { return flat.n_theta(); }
  double Z(Index row, Index r) const { return flat.Z(row, column[r]); }

  // q x q, block-diagonal, in the order of `column`.
  MatrixXd Lambda(const double* theta) const {
    MatrixXd L = MatrixXd::Zero(qa + qb, qa + qb);
    for (Index t = 0; t < n_theta(); ++t) L(theta_row[t], theta_col[t]) = theta[t];
    return L;
  }
};

// A rule for each level and the product of the two; node m * top.size() + k of `both` has z =
// (z_m of the leaf, z_k of the cluster).
struct NestedRule {
  ProductRule leaf, top, both;
};

inline NestedRule nested_rule(int K_top, int K_leaf, Index qa, Index qb) {
  NestedRule rule{product_rule(K_leaf, qb), product_rule(K_top, qa), {}};
  const ProductRule &leaf = rule.leaf, &top = rule.top;
  ProductRule& both = rule.both;
  const Index N = leaf.size() * top.size();
  // One line with the points of both levels, the largest last.
  const bool leaf_last = K_leaf > K_top;
  const HermiteRule &low = leaf_last ? top.line : leaf.line,
                    &high = leaf_last ? leaf.line : top.line;
  const Index shift = K_top == K_leaf ? 0 : low.z.size();
  both.line.z.resize(shift + high.z.size());
  both.line.z << low.z.head(shift), high.z;
  both.K = static_cast<int>(both.line.z.size());
  both.index.resize(qb + qa, N);
  both.z.resize(qb + qa, N);
  both.log_weight.resize(N);
  const int leaf_shift = static_cast<int>(leaf_last ? shift : 0);
  const int top_shift = static_cast<int>(leaf_last ? 0 : shift);
  for (Index m = 0; m < leaf.size(); ++m) {
    both.runs.insert(both.runs.end(), top.runs.begin(), top.runs.end());
    for (Index k = 0; k < top.size(); ++k) {
      const Index node = m * top.size() + k;
      both.index.col(node) << leaf.index.col(m).array() + leaf_shift,
          top.index.col(k).array() + top_shift;
      both.z.col(node) << leaf.z.col(m), top.z.col(k);
      both.log_weight[node] = leaf.log_weight[m] + top.log_weight[k];
    }
  }
  return rule;
}

}  // namespace margmix
