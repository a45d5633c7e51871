// Rows that are in shards: what their owners are asked for, and what they answer.
#pragma once

#include "glue_groups.h"

#include "objective/objective.hpp"

namespace glue {

// A design of cells has `p`, the number of columns of X, `sizes_X` and `sizes_Z`, and `ask`, a
// function of R that sums over the rows; its Z, groups and plan are those of the cells.
bool has_cells(const Rcpp::List& design);
margmix::Design cell_design(const Rcpp::List& list);

// The rows of a design, here or elsewhere.
margmix::RowsMaker rows_of(const Rcpp::List& design);

// what, psi, x, g_bar, W_bar, constant -> sums by cell of the rows of a design with `cell`, the
// cell of each row.
SEXP cell_sums(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::List& ask);

}  // namespace glue
