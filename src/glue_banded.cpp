// Linear models in rotated rows: convert, call, convert back.
#include "glmm/banded_lmm.hpp"
#include "glue_groups.h"

using namespace margmix;

namespace {

// A design with `banded`, the rotated rows: band, D, rows, log_weights.
BandedRows banded(const Rcpp::List& design) {
  const Rcpp::List list = glue::list(design, "banded");
  return {glue::matrix(list, "band"), glue::matrix(list, "D"), glue::number(list, "rows"),
          glue::number(list, "log_weights")};
}

// K, frequency
SEXP rows(const Rcpp::List& design, const Rcpp::List& ask) {
  const BandedRows r = banded_rows(glue::grouped_design(design), glue::matrix(ask, "K"),
                                   glue::flag(ask, "frequency"));
  return glue::list(
      {{"band", r.band}, {"D", r.D}, {"rows", r.rows}, {"log_weights", r.log_weights}});
}

// theta, log_phi, reml
SEXP profile(const Rcpp::List& design, const Rcpp::List& ask) {
  const LmmResult r = banded_lmm(banded(design), glue::number(ask, "theta"),
                                 glue::number(ask, "log_phi"), glue::flag(ask, "reml"));
  return glue::list({{"value", r.value},
                     {"gradient", r.gradient},
                     {"beta", r.beta},
                     {"B", r.B},
                     {"phi", r.phi},
                     {"status", r.status}});
}

// psi, order
SEXP likelihood(const Rcpp::List& design, const Rcpp::List& ask) {
  const BandedLikelihood r =
      banded_likelihood(banded(design), glue::vector(ask, "psi"), glue::integer(ask, "order"));
  return glue::list(
      {{"value", r.value}, {"gradient", r.gradient}, {"hessian", r.hessian}, {"status", r.status}});
}

constexpr glue::Piece<Rcpp::List> kBandedPieces[] = {
    {"rows", rows}, {"profile", profile}, {"likelihood", likelihood}};

}  // namespace

// What a linear model with one effect of a dense covariance is asked for.
// [[Rcpp::export(rng = false)]]
SEXP banded_(const Rcpp::List& design, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kBandedPieces, piece, design, ask);
}
