// Related levels of a factor: convert, call, convert back.
#include "glue_groups.h"

#include "glmm/sparse_log_det.hpp"
#include "random/known_covariance.hpp"

using namespace margmix;

namespace glue {

Places places(const Rcpp::List& list) {
  const Rcpp::NumericMatrix at = list["places"];
  return {MatrixMap(at.begin(), at.nrow(), at.ncol()), text(list, "metric"),
          copied_integers(list, "block")};
}

namespace {

VectorXd copied(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return VectorMap(x.begin(), x.size());
}

Pattern pattern(const Rcpp::List& list) {
  return {copied_integers(list, "start"), copied_integers(list, "row")};
}

FieldSpec field(const Rcpp::List& list) {
  FieldSpec out{text(list, "correlation"),
                number(list, "nugget"),
                places(list),
                copied_integers(list, "role"),
                {}};
  const auto start = copied_integers(list, "parent_start");
  const auto parent = copied_integers(list, "parent");
  for (std::size_t i = 0; i + 1 < start.size(); ++i)
    out.parents.emplace_back(parent.begin() + start[i], parent.begin() + start[i + 1]);
  return out;
}

// `constraint` (levels x r), `anchor` (from 0) and its `weight`; nothing where Q is not singular.
Constraint constraint(const Rcpp::List& list) {
  if (!has(list, "constraint")) return {};
  const Rcpp::NumericMatrix C = list["constraint"];
  return {MatrixMap(C.begin(), C.nrow(), C.ncol()), copied_integers(list, "anchor"),
          copied(list, "weight")};
}

}  // namespace

std::shared_ptr<const Levels> relation(SEXP x) {
  if (Rf_isNull(x)) return nullptr;
  const Rcpp::List list(x);
  const std::string kind = text(list, "kind");
  if (kind == "precision")
    return std::make_shared<KnownPrecision>(
        pattern(list),
        Precision{copied(list, "diagonal"), copied(list, "below"), copied(list, "log_det")},
        constraint(list));
  if (kind == "bym2")
    return std::make_shared<SharedAreas>(pattern(list), copied(list, "diagonal"),
                                         copied(list, "below"), number(list, "log_det"),
                                         constraint(list));
  if (kind == "car")
    return std::make_shared<ConditionalAutoregression>(pattern(list), copied(list, "below"));
  if (kind == "field") return std::make_shared<Field>(field(list));
  return std::make_shared<Autoregression>(
      kind == "ar1" ? Autoregression::Kind::ar1 : Autoregression::Kind::ou,
      Rcpp::as<std::vector<double>>(list["gap"]));
}

}  // namespace glue

namespace {

// Q at rho.
struct LevelsAt {
  LevelsAt(const Rcpp::List& relation, const Rcpp::List& ask) : levels(glue::relation(relation)) {
    const VectorMap rho = glue::vector(ask, "rho");
    if (rho.size() != levels->n_rho()) Rcpp::stop("internal: `rho` has the wrong length");
    Q = levels->at(rho.data());
  }

  const std::shared_ptr<const Levels> levels;
  Precision Q;
};

// rho -> what follows from the precision alone: is it definite, log|Q| and the diagonal of its
// inverse
SEXP facts(const Rcpp::List& relation, const Rcpp::List& ask) {
  const LevelsAt at(relation, ask);
  const PrecisionFacts r =
      precision_facts(at.levels->pattern(), at.Q.diagonal, at.Q.below, at.levels->constraint());
  return glue::list(
      {{"definite", r.definite}, {"log_det", r.log_det.sum()}, {"variance", r.variance}});
}

// rho, normals -> draws with the covariance of related levels, by column of independent ones
SEXP draws(const Rcpp::List& relation, const Rcpp::List& ask) {
  const LevelsAt at(relation, ask);
  const MatrixMap normals = glue::matrix(ask, "normals");
  if (normals.rows() != at.levels->size()) Rcpp::stop("internal: draws of other levels");
  return glue::matrix(related_draws(at.levels->pattern(), at.Q, normals, at.levels->constraint()));
}

// Places in maximin order, and how far each is from those before it.
SEXP order(const Rcpp::List& relation, const Rcpp::List&) {
  const MaximinOrder r = maximin_order(glue::places(relation));
  return glue::list({{"order", r.order}, {"apart", r.apart}});
}

// order, count, of, candidate -> the nearest candidates before each place of `of`, one place after
// the other
SEXP parents(const Rcpp::List& relation, const Rcpp::List& ask) {
  const auto flags = [&](const char* name) {
    const Rcpp::LogicalVector x = ask[name];
    return std::vector<char>(x.begin(), x.end());
  };
  const auto near = nearest_before(glue::places(relation), glue::copied_integers(ask, "order"),
                                   glue::integer(ask, "count"), flags("of"), flags("candidate"));
  std::vector<int> start = {0}, parent;
  for (const auto& own : near) {
    parent.insert(parent.end(), own.begin(), own.end());
    start.push_back(static_cast<int>(parent.size()));
  }
  return glue::list({{"parent_start", start}, {"parent", parent}});
}

// most, threads -> the precision of a known covariance, whose entries and components `relation` has
SEXP inverse(const Rcpp::List& relation, const Rcpp::List& ask) {
  const PrecisionOfCovariance r = precision_of_covariance(
      glue::pattern(relation), glue::copied(relation, "diagonal"), glue::copied(relation, "below"),
      glue::copied_integers(relation, "together"), glue::integer(ask, "most"),
      glue::context(glue::integer(ask, "threads")).threads);
  return glue::list({{"start", r.pattern.start},
                     {"row", r.pattern.row},
                     {"diagonal", r.diagonal},
                     {"below", r.below},
                     {"log_det", r.log_det},
                     {"constraint", r.constraint.C},
                     {"anchor", r.constraint.anchor},
                     {"weight", r.constraint.weight},
                     {"zeros", static_cast<int>(r.zeros)},
                     {"indefinite", r.indefinite},
                     {"least", r.least}});
}

// A matrix `x` of doubles -> its lower triangle by column
SEXP lower(const Rcpp::List& relation, const Rcpp::List&) {
  const LowerTriangle r = lower_triangle(glue::matrix(relation, "x"));
  return glue::list({{"start", r.pattern.start},
                     {"row", r.pattern.row},
                     {"diagonal", r.diagonal},
                     {"below", VectorXd(VectorMap(r.below.data(), r.below.size()))},
                     {"largest", r.largest},
                     {"asymmetry", r.asymmetry}});
}

constexpr glue::Piece<Rcpp::List> kLevelPieces[] = {{"facts", facts}, {"lower", lower},
                                                    {"draws", draws}, {"inverse", inverse},
                                                    {"order", order}, {"parents", parents}};

}  // namespace

// What a relation between levels is asked for.
// [[Rcpp::export(rng = false)]]
SEXP relation_(const Rcpp::List& relation, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kLevelPieces, piece, relation, ask);
}
