// X b where each row has the same bits whatever the rows beside it: products of Eigen or of a BLAS
// take the rows in groups that depend on where these are in memory.
#pragma once

#include "core/types.hpp"

namespace margmix {

template <class X, class B, class Out>
void add_products_by_row(const X& x, const B& b, Out&& to) {
  for (Index c = 0; c < x.cols(); ++c) to += b[c] * x.col(c);
}

}  // namespace margmix
