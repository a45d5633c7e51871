// Designs of several grouping factors. No mathematics.
#pragma once

#include "glue.h"

#include "design/groups.hpp"

namespace glue {

// A design whose list has `groups`: index of each row, columns of Z (from 1) and levels by factor.
inline margmix::GroupedDesign grouped_design(const Rcpp::List& list) {
  margmix::GroupedDesign d{design(list), {}};
  const Rcpp::List groups = list["groups"];
  for (R_xlen_t k = 0; k < groups.size(); ++k) {
    const Rcpp::List group = groups[k];
    margmix::Group g{integers(group, "index"), {}, Rf_xlength(group["levels"])};
    for (int c : Rcpp::as<std::vector<int>>(group["columns"])) g.columns.push_back(c - 1);
    if (g.index.size() != d.X.rows()) Rcpp::stop("internal: `index` has the wrong length");
    d.groups.push_back(std::move(g));
  }
  return d;
}

}  // namespace glue
