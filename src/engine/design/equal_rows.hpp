// Which rows are equal in every column?
#pragma once

#include <variant>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// A column of numbers, compared by value (0 equals -0), or of codes. None may be NaN.
using Column = std::variant<const double*, const int*>;

// For each of n rows the number, from 0, of the set of equal rows it is in; sets are counted in the
// order of their first rows. A hash table: time and memory are linear in n.
std::vector<int> equal_rows(const std::vector<Column>& columns, Index n);

// Positions, from 1, at which runs of equal values begin.
template <class T>
std::vector<int> run_starts(const T* x, Index n) {
  std::vector<int> starts;
  for (Index i = 0; i < n; ++i)
    if (i == 0 || x[i] != x[i - 1]) starts.push_back(static_cast<int>(i + 1));
  return starts;
}

}  // namespace margmix
