// Designs of several grouping factors, and relations between the levels of a factor.
#pragma once

#include "glue.h"

#include "design/groups.hpp"
#include "random/field.hpp"

namespace glue {

// A design whose list has `groups`: index of each row, columns of Z (from 1), levels and perhaps
// their relation by factor.
margmix::GroupedDesign grouped_design(const Rcpp::List& list);
margmix::SparsePlan plan(const Rcpp::List& list);

// A relation between levels: `kind`, and what it needs; NULL for independent levels.
std::shared_ptr<const margmix::Levels> relation(SEXP x);

// Places of a field: `places` (dimensions x levels), `metric` and `block` of each.
margmix::Places places(const Rcpp::List& list);

}  // namespace glue
