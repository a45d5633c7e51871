// Structured covariances of random effects: convert, call, convert back.
#include "glue.h"

#include "random/covariance.hpp"

using namespace margmix;

namespace {

// tau; g, the gradient in the entries, for what their second derivatives add to a Hessian
SEXP entries(const Covariance& covariance, const Rcpp::List& ask) {
  const VectorXd at = glue::vector(ask, "tau");
  if (at.size() != covariance.parameters()) Rcpp::stop("internal: `tau` has the wrong length");
  const VectorXd entries = covariance.entries(at);
  const VectorMap g = glue::vector(ask, "g", entries.size());
  return glue::list({{"entries", entries},
                     {"jacobian", covariance.jacobian(at)},
                     {"bend", covariance.bend(at, g)}});
}

// entries
SEXP parameters(const Covariance& covariance, const Rcpp::List& ask) {
  return glue::vector(covariance.parameters_of(glue::vector(ask, "entries")));
}

constexpr glue::Piece<Covariance> kCovariancePieces[] = {{"entries", entries},
                                                         {"parameters", parameters}};

}  // namespace

// What a structured covariance of q effects is asked for.
// [[Rcpp::export(rng = false)]]
SEXP covariance_(const std::string& kind, int q, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kCovariancePieces, piece, *make_covariance(kind, q), ask);
}
