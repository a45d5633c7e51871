// Where the random effects of a row lie, for sums over independent clusters.
//
// In every cluster the effects of the factor with most levels ("leaf") are taken run by run; those
// of all other factors together are its border, in an order of their own. With one factor a cluster
// is one run and has no border. The variance parameters v are the free entries of Sigma.
#pragma once

#include <algorithm>
#include <stdexcept>

#include "design/groups.hpp"

namespace margmix {

// A free entry of Sigma: the covariance of two effects r, c of a factor (from 0, within it).
struct VarianceEntry {
  int factor, r, c;
};

class WorkingLayout {
 public:
  explicit WorkingLayout(const GroupedDesign& design) : design_(design) {
    for (std::size_t f = 1; f < design.groups.size(); ++f)
      if (design.groups[f].levels > design.groups[leaf_].levels) leaf_ = static_cast<int>(f);
    for (Index t = 0; t < design.n_theta(); ++t)
      entries_.push_back(entry(design.theta_row[t], design.theta_col[t]));
    number_levels();
  }

  const GroupedDesign& design() const { return design_; }
  int leaf() const { return leaf_; }
  const Group& group(int f) const { return design_.groups[f]; }
  int factors() const { return static_cast<int>(design_.groups.size()); }
  Index variances() const { return static_cast<Index>(entries_.size()); }
  const VarianceEntry& entry(Index a) const { return entries_[a]; }
  bool in_leaf(Index a) const { return entries_[a].factor == leaf_; }

  // Levels of factor f in cluster i, and the number among them of that of row j.
  int count(Index i, int f) const { return count_[i * factors() + f]; }
  int place(Index j, int f) const { return place_[j * factors() + f]; }

  // Block of Sigma's factor that belongs to factor f.
  MatrixXd Lambda(const MatrixXd& all, int f) const {
    const auto& columns = group(f).columns;
    MatrixXd out(columns.size(), columns.size());
    for (Index r = 0; r < out.rows(); ++r)
      for (Index c = 0; c < out.cols(); ++c) out(r, c) = all(columns[r], columns[c]);
    return out;
  }

 private:
  VarianceEntry entry(int row, int col) const {
    for (int f = 0; f < factors(); ++f) {
      const auto& columns = group(f).columns;
      const auto r = std::find(columns.begin(), columns.end(), row);
      const auto c = std::find(columns.begin(), columns.end(), col);
      if (r != columns.end() && c != columns.end())
        return {f, static_cast<int>(r - columns.begin()), static_cast<int>(c - columns.begin())};
    }
    throw std::invalid_argument("a covariance of effects of different factors");
  }

  void number_levels() {
    const int F = factors();
    place_.resize(design_.X.rows() * F);
    count_.assign(design_.clusters() * F, 0);
    for (int f = 0; f < F; ++f) {
      std::vector<int> number(group(f).levels, 0), seen_in(group(f).levels, -1);
      for (Index i = 0; i < design_.clusters(); ++i)
        for (Index j = design_.first(i); j < design_.first(i) + design_.size(i); ++j) {
          const int level = group(f).index[j];
          if (seen_in[level] != i) {
            seen_in[level] = static_cast<int>(i);
            number[level] = count_[i * F + f]++;
          }
          place_[j * F + f] = number[level];
        }
    }
  }

  const GroupedDesign& design_;
  int leaf_ = 0;
  std::vector<VarianceEntry> entries_;
  std::vector<int> count_, place_;
};

// E M for the levels stacked in the rows of M from `first`, E = dSigma / dv of one entry.
inline void apply_entry(const VarianceEntry& v, Index q, const MatrixXd& M, Index first,
                        Index levels, MatrixXd& out) {
  for (Index l = 0; l < levels; ++l) {
    const Index at = first + l * q;
    out.row(at + v.r) += M.row(at + v.c);
    if (v.r != v.c) out.row(at + v.c) += M.row(at + v.r);
  }
}

// tr(E M) over such levels of a square M.
inline double entry_trace(const VarianceEntry& v, Index q, const MatrixXd& M, Index first,
                          Index levels) {
  double sum = 0;
  for (Index l = 0; l < levels; ++l) {
    const Index at = first + l * q;
    sum += M(at + v.c, at + v.r);
    if (v.r != v.c) sum += M(at + v.r, at + v.c);
  }
  return sum;
}

}  // namespace margmix
