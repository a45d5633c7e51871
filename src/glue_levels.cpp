// Related levels of a factor: convert, call, convert back.
#include "glue_groups.h"

#include "glmm/sparse_log_det.hpp"

using namespace margmix;

namespace {

// Q at rho.
struct LevelsAt {
  LevelsAt(const Rcpp::List& relation, const Rcpp::List& ask) : levels(glue::relation(relation)) {
    const VectorMap rho = glue::values(ask, "rho");
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
  return Rcpp::List::create(Rcpp::_["definite"] = r.definite, Rcpp::_["log_det"] = r.log_det.sum(),
                            Rcpp::_["variance"] = glue::vector(r.variance));
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
  return Rcpp::List::create(Rcpp::_["order"] = Rcpp::wrap(r.order),
                            Rcpp::_["apart"] = glue::vector(r.apart));
}

// order, count, of, candidate -> the nearest candidates before each place of `of`, one place after
// the other
SEXP parents(const Rcpp::List& relation, const Rcpp::List& ask) {
  const auto flags = [&](const char* name) {
    const Rcpp::LogicalVector x = ask[name];
    return std::vector<char>(x.begin(), x.end());
  };
  const auto near = nearest_before(glue::places(relation), Rcpp::as<std::vector<int>>(ask["order"]),
                                   glue::integer(ask, "count"), flags("of"), flags("candidate"));
  std::vector<int> start = {0}, parent;
  for (const auto& own : near) {
    parent.insert(parent.end(), own.begin(), own.end());
    start.push_back(static_cast<int>(parent.size()));
  }
  return Rcpp::List::create(Rcpp::_["parent_start"] = Rcpp::wrap(start),
                            Rcpp::_["parent"] = Rcpp::wrap(parent));
}

constexpr glue::Piece<Rcpp::List> kPieces[] = {
    {"facts", facts}, {"draws", draws}, {"order", order}, {"parents", parents}};

}  // namespace

// What a relation between levels is asked for.
// [[Rcpp::export]]
SEXP relation_(const Rcpp::List& relation, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kPieces, piece, relation, ask);
}
