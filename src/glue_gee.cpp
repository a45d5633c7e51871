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
  return glue::list({{"beta", start.beta},
                     {"decrement", start.decrement},
                     {"converged", start.converged},
                     {"info_pd", start.definite},
                     {"iterations", start.iterations}});
}

// beta, and settings
SEXP fit(const Equation& of, const Rcpp::List& ask) {
  GeeOptions o;
  o.rule = glue::moment_rule(ask);
  o.fixed_phi = glue::number(ask, "fixed_phi");
  o.frozen_phi = glue::flag(ask, "frozen_phi");
  o.bound_at_zero = glue::flag(ask, "bound");
  o.bias_reduce = glue::flag(ask, "bias_reduce");
  o.adjustment = glue::number(ask, "adjustment");
  o.smallest_eigenvalue = glue::number(ask, "smallest_eigenvalue");
  o.own_variances = glue::flag(ask, "own_variances");
  o.tolerance = glue::number(ask, "tolerance");
  o.max_iterations = glue::integer(ask, "max_iterations");
  const GeeFit fit = fit_gee(*of.asked, *of.R, glue::vector(ask, "beta"), o);
  glue::stop_unless(fit.status != GeeStatus::interrupted);
  const VectorXd reported = of.R->report(fit.alpha);
  return glue::list({{"beta", fit.beta},
                     {"phi", fit.phi},
                     {"alpha", reported},
                     {"alpha_engine", fit.alpha},
                     {"pairs", fit.pairs},
                     {"lags", of.R->lags()},
                     {"only_positive", of.R->only_positive()},
                     {"criterion", fit.criterion},
                     {"iterations", fit.iterations},
                     {"halvings", fit.halvings},
                     {"converged", fit.converged},
                     {"bounded", fit.bounded},
                     {"clamped", fit.clamped},
                     {"two_step", fit.two_step},
                     {"share", fit.share},
                     {"status", name(fit.status)}});
}

// beta, alpha, phi, and settings -> variances of phi and alpha
SEXP variance(const Equation& of, const Rcpp::List& ask) {
  of.R->set(glue::vector(ask, "alpha"));
  VectorXd variance;
  glue::stop_unless(moment_variance(*of.asked, *of.R, glue::vector(ask, "beta"),
                                    glue::number(ask, "phi"), glue::moment_rule(ask), variance));
  return glue::vector(variance);
}

constexpr glue::Piece<Equation> kEquationPieces[] = {
    {"start", start}, {"fit", fit}, {"variance", variance}};

}  // namespace

// What estimating equations are asked for; the rows may be elsewhere, see Asked. `ask` has the
// number of threads.
// [[Rcpp::export(rng = false)]]
SEXP gee_(const Rcpp::List& source, const Rcpp::List& family, const Rcpp::List& correlation,
          const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kEquationPieces, piece, {source, family, correlation, ask}, ask);
}
