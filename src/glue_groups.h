// Designs of several grouping factors. No mathematics.
#pragma once

#include "glue.h"

#include "design/groups.hpp"
#include "random/field.hpp"

namespace glue {

inline margmix::VectorXd copied(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return margmix::VectorMap(x.begin(), x.size());
}

inline margmix::Pattern pattern(const Rcpp::List& list) {
  return {Rcpp::as<std::vector<int>>(list["start"]), Rcpp::as<std::vector<int>>(list["row"])};
}

// Places of a field: `places` (dimensions x levels), `metric` and `block` of each.
inline margmix::Places places(const Rcpp::List& list) {
  const Rcpp::NumericMatrix at = list["places"];
  return {margmix::MatrixMap(at.begin(), at.nrow(), at.ncol()), list["metric"],
          Rcpp::as<std::vector<int>>(list["block"])};
}

inline margmix::FieldSpec field(const Rcpp::List& list) {
  margmix::FieldSpec out{list["correlation"],
                         list["nugget"],
                         places(list),
                         Rcpp::as<std::vector<int>>(list["role"]),
                         {}};
  const auto start = Rcpp::as<std::vector<int>>(list["parent_start"]);
  const auto parent = Rcpp::as<std::vector<int>>(list["parent"]);
  for (std::size_t i = 0; i + 1 < start.size(); ++i)
    out.parents.emplace_back(parent.begin() + start[i], parent.begin() + start[i + 1]);
  return out;
}

// `constraint` (levels x r), `anchor` (from 0) and its `weight`; nothing where Q is not singular.
inline margmix::Constraint constraint(const Rcpp::List& list) {
  if (!list.containsElementNamed("constraint")) return {};
  const Rcpp::NumericMatrix C = list["constraint"];
  return {margmix::MatrixMap(C.begin(), C.nrow(), C.ncol()),
          Rcpp::as<std::vector<int>>(list["anchor"]), copied(list, "weight")};
}

// A relation between levels: `kind`, and what it needs; NULL for independent levels.
inline std::shared_ptr<const margmix::Levels> relation(SEXP x) {
  using margmix::Autoregression;
  if (Rf_isNull(x)) return nullptr;
  const Rcpp::List list(x);
  const std::string kind = list["kind"];
  if (kind == "precision")
    return std::make_shared<margmix::KnownPrecision>(
        pattern(list),
        margmix::Precision{copied(list, "diagonal"), copied(list, "below"),
                           copied(list, "log_det")},
        constraint(list));
  if (kind == "bym2")
    return std::make_shared<margmix::SharedAreas>(pattern(list), copied(list, "diagonal"),
                                                  copied(list, "below"), list["log_det"],
                                                  constraint(list));
  if (kind == "car")
    return std::make_shared<margmix::ConditionalAutoregression>(pattern(list),
                                                                copied(list, "below"));
  if (kind == "field") return std::make_shared<margmix::Field>(field(list));
  return std::make_shared<Autoregression>(
      kind == "ar1" ? Autoregression::Kind::ar1 : Autoregression::Kind::ou,
      Rcpp::as<std::vector<double>>(list["gap"]));
}

// A design whose list has `groups`: index of each row, columns of Z (from 1), levels and perhaps
// their relation by factor.
inline margmix::GroupedDesign grouped_design(const Rcpp::List& list) {
  margmix::GroupedDesign d{design(list), {}};
  const Rcpp::List groups = list["groups"];
  for (R_xlen_t k = 0; k < groups.size(); ++k) {
    const Rcpp::List group = groups[k];
    margmix::Group g{integers(group, "index"), {}, Rf_xlength(group["levels"])};
    for (int c : Rcpp::as<std::vector<int>>(group["columns"])) g.columns.push_back(c - 1);
    if (g.index.size() != d.X.rows()) Rcpp::stop("internal: `index` has the wrong length");
    if (group.containsElementNamed("relation")) g.relation = relation(group["relation"]);
    if (g.relation) {
      if (g.relation->size() != g.levels) Rcpp::stop("internal: a relation of other levels");
      d.n_rho += g.relation->n_rho();
      if (group.containsElementNamed("cluster"))
        g.cluster = Rcpp::as<std::vector<int>>(group["cluster"]);
    }
    d.groups.push_back(std::move(g));
  }
  if (list.containsElementNamed("theta_span"))
    d.span = Rcpp::as<std::vector<int>>(list["theta_span"]);
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
  if (list.containsElementNamed("Q_below")) {  // fits of older versions have none
    const Rcpp::List Q_below = list["Q_below"];
    for (R_xlen_t k = 0; k < Q_below.size(); ++k)
      p.Q_below.push_back(Rcpp::as<std::vector<int>>(Q_below[k]));
  }
  p.cholesky.size = p.size2();
  p.cholesky.head = Rcpp::as<int>(list["head"]);
  p.cholesky.L = {ints("L_start"), ints("L_row")};
  p.exact = list["exact"];
  p.flops = list["flops"];
  return p;
}

}  // namespace glue
