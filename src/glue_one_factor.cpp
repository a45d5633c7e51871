// Clusters of one factor, each by itself: convert, call, convert back.
#include "glue_objective.h"

#include "glmm/cluster_values.hpp"
#include "glmm/effect_posterior.hpp"
#include "glmm/mass_points.hpp"
#include "glmm/posterior_density.hpp"

using namespace margmix;

namespace {

// K, modes (q x m), t, log_q0 -> the log-likelihood of each cluster, by quadrature and by points
// drawn around the mode
SEXP values(const glue::ModelAt& model, const Rcpp::List& ask) {
  const Design d = glue::design(model.design);
  const auto f = model.family();
  if (model.psi.size() != parameter_count(d, *f))
    Rcpp::stop("internal: `psi` has the wrong length");
  const ImportancePoints points{glue::matrix(ask, "t"), glue::vector(ask, "log_q0")};
  const ClusterValues r =
      cluster_values(d, *f, product_rule(glue::integer(ask, "K"), d.moves()), model.psi,
                     glue::matrix(ask, "modes"), points, model.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"quadrature", r.quadrature},
                     {"importance", r.importance},
                     {"constant", f->constant(d.response)},
                     {"status", r.status}});
}

// coordinate (from 0), K, mean and sd by cluster, t -> log-density of an effect, points x clusters
SEXP posterior_density(const glue::ModelAt& model, const Rcpp::List& ask) {
  const Design d = glue::design(model.design);
  const R_xlen_t m = d.clusters();
  return glue::matrix(
      posterior_log_density(d, *model.family(), model.psi, glue::integer(ask, "coordinate"),
                            glue::integer(ask, "K"), glue::vector(ask, "mean", m),
                            glue::vector(ask, "sd", m), glue::vector(ask, "t"), model.context));
}

// points -> the same for the variable u of an intercept that is not normal
SEXP score_density(const glue::ModelAt& model, const Rcpp::List& ask) {
  const ScoreDensity r = margmix::score_density(glue::design(model.design), *model.family(),
                                                glue::effect_law(model.design), model.psi,
                                                glue::integer(ask, "points"), model.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"low", r.low}, {"high", r.high}, {"log_density", r.log_density}});
}

// Of psi = beta: b, log_phi -> log-density of each cluster's responses, effects x clusters
SEXP conditional_density(const glue::ModelAt& model, const Rcpp::List& ask) {
  const VectorMap beta(model.psi.data(), model.psi.size());
  const ConditionalDensity r =
      conditional_log_density(glue::design(model.design), *model.family(), beta,
                              glue::number(ask, "log_phi"), glue::vector(ask, "b"), model.context);
  glue::stop_if_interrupted(r.status);
  return glue::matrix(r.log_density);
}

// Of psi = (beta, locations, logarithms of masses): order
SEXP mass_points(const glue::ModelAt& model, const Rcpp::List& ask) {
  const MassPointTotals r =
      mass_point_likelihood(glue::design(model.design), *model.family(), model.psi,
                            glue::integer(ask, "order"), model.context);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"value", r.value},
                     {"gradient", r.gradient},
                     {"hessian", r.hessian},
                     {"posterior", r.posterior},
                     {"status", r.status}});
}

constexpr glue::Piece<glue::ModelAt> kOneFactorPieces[] = {
    {"values", values},
    {"posterior_density", posterior_density},
    {"score_density", score_density},
    {"conditional_density", conditional_density},
    {"mass_points", mass_points}};

}  // namespace

// What the clusters of one factor are asked for, one by one.
// [[Rcpp::export(rng = false)]]
SEXP clusters_(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::NumericVector& psi,
               const std::string& piece, const Rcpp::List& ask, int threads) {
  return glue::piece(kOneFactorPieces, piece, {design, family, psi, threads}, ask);
}
