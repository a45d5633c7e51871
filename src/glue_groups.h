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

inline margmix::SparsePlan plan(const Rcpp::List& list) {
  auto ints = [&](const char* name) { return Rcpp::as<std::vector<int>>(list[name]); };
  margmix::SparsePlan p;
  p.big = list["big"];
  p.columns1 = ints("columns1");
  p.columns2 = ints("columns2");
  p.run_start = ints("run_start");
  p.run_level = ints("run_level");
  p.near_start = ints("near_start");
  p.near = ints("near");
  p.local = ints("local");
  p.position = ints("position");
  p.owner_start = ints("owner_start");
  p.owner_run = ints("owner_run");
  p.owner_local = ints("owner_local");
  const Rcpp::List places = list["places"];
  for (R_xlen_t k = 0; k < places.size(); ++k)
    p.places.push_back(Rcpp::as<std::vector<int>>(places[k]));
  p.A22 = {ints("A22_start"), ints("A22_row")};
  p.pair = ints("pair");
  p.cholesky.size = p.size2();
  p.cholesky.head = Rcpp::as<int>(list["head"]);
  p.cholesky.L = {ints("L_start"), ints("L_row")};
  p.exact = list["exact"];
  p.flops = list["flops"];
  return p;
}

}  // namespace glue
