// Estimating equations: convert, call, convert back.
#include "glue_gee.h"

#include "gee/fit.hpp"
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

// What a search asks of all clusters.
struct Equation {
  Equation(const Rcpp::List& source, const Rcpp::List& family, const Rcpp::List& correlation,
           const Rcpp::List& options)
      : asked(source, family, glue::integer(options, "threads")),
        R(glue::correlation(correlation, asked.layout())) {}

  const glue::Asked asked;
  const std::unique_ptr<Correlation> R;
};

// level, adjustment -> independent rows
SEXP start(const Equation& of, const Rcpp::List& ask) {
  const GlmStart start = start_gee(*of.asked, constant_beta(*of.asked, glue::number(ask, "level")),
                                   glue::number(ask, "adjustment"));
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(start.beta), Rcpp::_["decrement"] = start.decrement,
      Rcpp::_["converged"] = start.converged, Rcpp::_["info_pd"] = start.definite,
      Rcpp::_["iterations"] = start.iterations);
}

// beta, and settings
SEXP fit(const Equation& of, const Rcpp::List& ask) {
  GeeOptions o;
  o.rule = glue::moment_rule(ask);
  o.fixed_phi = ask["fixed_phi"];
  o.frozen_phi = ask["frozen_phi"];
  o.bound_at_zero = ask["bound"];
  o.bias_reduce = ask["bias_reduce"];
  o.adjustment = ask["adjustment"];
  o.smallest_eigenvalue = ask["smallest_eigenvalue"];
  o.own_variances = ask["own_variances"];
  o.tolerance = ask["tolerance"];
  o.max_iterations = ask["max_iterations"];
  const GeeFit fit = fit_gee(*of.asked, *of.R, glue::values(ask, "beta"), o);
  if (fit.status == GeeStatus::interrupted) throw Rcpp::internal::InterruptedException();
  const VectorXd reported = of.R->report(fit.alpha);
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(fit.beta), Rcpp::_["phi"] = fit.phi,
      Rcpp::_["alpha"] = glue::vector(reported), Rcpp::_["alpha_engine"] = glue::vector(fit.alpha),
      Rcpp::_["pairs"] = glue::vector(fit.pairs), Rcpp::_["lags"] = Rcpp::wrap(of.R->lags()),
      Rcpp::_["only_positive"] = of.R->only_positive(), Rcpp::_["criterion"] = fit.criterion,
      Rcpp::_["iterations"] = fit.iterations, Rcpp::_["halvings"] = fit.halvings,
      Rcpp::_["converged"] = fit.converged, Rcpp::_["bounded"] = fit.bounded,
      Rcpp::_["clamped"] = fit.clamped, Rcpp::_["two_step"] = fit.two_step,
      Rcpp::_["share"] = fit.share, Rcpp::_["status"] = name(fit.status));
}

// beta, alpha, phi, and settings -> variances of phi and alpha
SEXP variance(const Equation& of, const Rcpp::List& ask) {
  of.R->set(glue::values(ask, "alpha"));
  VectorXd variance;
  if (!moment_variance(*of.asked, *of.R, glue::values(ask, "beta"), glue::number(ask, "phi"),
                       glue::moment_rule(ask), variance))
    throw Rcpp::internal::InterruptedException();
  return glue::vector(variance);
}

constexpr glue::Piece<Equation> kPieces[] = {
    {"start", start}, {"fit", fit}, {"variance", variance}};

}  // namespace

// What estimating equations are asked for; the rows may be elsewhere, see Asked. `ask` has the
// number of threads.
// [[Rcpp::export]]
SEXP gee_(const Rcpp::List& source, const Rcpp::List& family, const Rcpp::List& correlation,
          const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kPieces, piece, {source, family, correlation, ask}, ask);
}
