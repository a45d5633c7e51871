// Estimating equations: convert, call, convert back.
#include "glue_gee.h"

#include "gee/fit.hpp"
#include "gee/frechet.hpp"
#include "gee/moments.hpp"
#include "gee/start.hpp"

using namespace margmix;

namespace {

const char* name(GeeStatus status) {
  switch (status) {
    case GeeStatus::ok: return "ok";
    case GeeStatus::invalid_start: return "invalid_start";
    case GeeStatus::singular: return "singular";
    case GeeStatus::no_valid_step: return "no_valid_step";
    case GeeStatus::no_scale: return "no_scale";
    case GeeStatus::interrupted: return "interrupted";
  }
  return "unknown";
}

}  // namespace

// [[Rcpp::export]]
Rcpp::List gee_start_(const Rcpp::List& design, const Rcpp::List& family, double level,
                      double adjustment, int threads) {
  const glue::Asked asked(design, family, threads);
  const GlmStart start = start_gee(*asked, constant_beta(*asked, level), adjustment);
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(start.beta), Rcpp::_["decrement"] = start.decrement,
      Rcpp::_["converged"] = start.converged, Rcpp::_["info_pd"] = start.definite,
      Rcpp::_["iterations"] = start.iterations);
}

// [[Rcpp::export]]
Rcpp::List gee_fit_(const Rcpp::List& design, const Rcpp::List& family,
                    const Rcpp::List& correlation, const Rcpp::NumericVector& beta,
                    const Rcpp::List& options) {
  const glue::Asked asked(design, family, options["threads"]);
  const auto R = glue::correlation(correlation, asked.layout());
  GeeOptions o;
  o.rule = glue::moment_rule(options);
  o.fixed_phi = options["fixed_phi"];
  o.frozen_phi = options["frozen_phi"];
  o.bound_at_zero = options["bound"];
  o.bias_reduce = options["bias_reduce"];
  o.adjustment = options["adjustment"];
  o.smallest_eigenvalue = options["smallest_eigenvalue"];
  o.own_variances = options["own_variances"];
  o.tolerance = options["tolerance"];
  o.max_iterations = options["max_iterations"];
  const GeeFit fit = fit_gee(*asked, *R, glue::as_vector(beta), o);
  if (fit.status == GeeStatus::interrupted) throw Rcpp::internal::InterruptedException();
  const VectorXd reported = R->report(fit.alpha);
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(fit.beta), Rcpp::_["phi"] = fit.phi,
      Rcpp::_["alpha"] = glue::vector(reported), Rcpp::_["alpha_engine"] = glue::vector(fit.alpha),
      Rcpp::_["pairs"] = glue::vector(fit.pairs), Rcpp::_["lags"] = Rcpp::wrap(R->lags()),
      Rcpp::_["only_positive"] = R->only_positive(), Rcpp::_["criterion"] = fit.criterion,
      Rcpp::_["iterations"] = fit.iterations, Rcpp::_["halvings"] = fit.halvings,
      Rcpp::_["converged"] = fit.converged, Rcpp::_["bounded"] = fit.bounded,
      Rcpp::_["clamped"] = fit.clamped, Rcpp::_["two_step"] = fit.two_step,
      Rcpp::_["share"] = fit.share, Rcpp::_["status"] = name(fit.status));
}

// [[Rcpp::export]]
Rcpp::List gee_pieces_(const Rcpp::List& design, const Rcpp::List& family,
                       const Rcpp::List& correlation, const Rcpp::NumericVector& beta,
                       const Rcpp::NumericVector& alpha, double phi, int threads) {
  const glue::MarginalRows rows(design, family, threads);
  const auto R = glue::correlation(correlation, rows.data.layout);
  R->set(glue::as_vector(alpha));
  const Equations equations(rows.data, rows.family, rows.context);
  Residuals at;
  MatrixXd scores, information;
  const bool finished = equations.residuals(glue::as_vector(beta), *R, MomentRule(), false, at) &&
                        equations.pieces(at, *R, phi, scores, information);
  if (!finished) throw Rcpp::internal::InterruptedException();
  return Rcpp::List::create(Rcpp::_["scores"] = glue::matrix(scores),
                            Rcpp::_["information"] = glue::matrix(information));
}

// R_i of one cluster (from 0).
// [[Rcpp::export]]
Rcpp::NumericMatrix gee_correlation_(const Rcpp::List& design, const Rcpp::List& correlation,
                                     const Rcpp::NumericVector& alpha, int cluster) {
  const Layout layout = glue::layout(design);
  const auto R = glue::correlation(correlation, layout);
  R->set(glue::as_vector(alpha));
  const Index n = layout.size(cluster);
  MatrixXd out(n, n);
  for (Index j = 0; j < n; ++j)
    for (Index k = 0; k < n; ++k) out(j, k) = j == k ? 1 : R->entry(cluster, j, k);
  return glue::matrix(out);
}

// [[Rcpp::export]]
Rcpp::NumericVector gee_frechet_(const Rcpp::List& design, const Rcpp::List& family,
                                 const Rcpp::List& correlation, const Rcpp::NumericVector& beta,
                                 const Rcpp::NumericVector& alpha) {
  const MarginalData data = glue::marginal_data(design);
  const auto R = glue::correlation(correlation, data.layout);
  R->set(glue::as_vector(alpha));
  const FrechetCount count = count_frechet(data, *glue::family(family), *R, glue::as_vector(beta));
  return Rcpp::NumericVector::create(Rcpp::_["pairs"] = count.pairs,
                                     Rcpp::_["clusters"] = count.clusters,
                                     Rcpp::_["skipped"] = count.skipped);
}

// [[Rcpp::export]]
Rcpp::NumericVector gee_moment_variance_(const Rcpp::List& design, const Rcpp::List& family,
                                         const Rcpp::List& correlation,
                                         const Rcpp::NumericVector& beta,
                                         const Rcpp::NumericVector& alpha, double phi,
                                         const Rcpp::List& options) {
  const glue::Asked asked(design, family, options["threads"]);
  const auto R = glue::correlation(correlation, asked.layout());
  R->set(glue::as_vector(alpha));
  VectorXd variance;
  if (!moment_variance(*asked, *R, glue::as_vector(beta), phi, glue::moment_rule(options),
                       variance))
    throw Rcpp::internal::InterruptedException();
  return glue::vector(variance);
}
