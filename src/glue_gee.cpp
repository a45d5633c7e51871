// Estimating equations: convert, call, convert back.
#include "glue.h"

#include "gee/fit.hpp"
#include "gee/frechet.hpp"
#include "gee/moments.hpp"
#include "gee/registry.hpp"
#include "gee/start.hpp"

using namespace margmix;

namespace {

const double* optional_doubles(const Rcpp::List& list, const char* name, R_xlen_t length) {
  if (!list.containsElementNamed(name) || Rf_isNull(list[name])) return nullptr;
  return glue::doubles(list, name, length);
}

const int* optional_integers(const Rcpp::List& list, const char* name) {
  if (!list.containsElementNamed(name) || Rf_isNull(list[name])) return nullptr;
  return glue::integers(list, name).data();
}

MarginalData marginal_data(const Rcpp::List& design) {
  const MatrixMap X = glue::matrix(design, "X");
  const R_xlen_t n = X.rows();
  Rows rows;
  rows.n = n;
  rows.y = glue::doubles(design, "y", n);
  rows.size = glue::unless_one(glue::by_row(design, "trials", n), n);
  rows.weight = glue::unless_one(glue::by_row(design, "weights", n), n);
  const Layout layout{glue::integers(design, "start"), optional_doubles(design, "time", n),
                      optional_integers(design, "wave"), optional_integers(design, "inner")};
  return {X,
          rows,
          VectorMap(glue::by_row(design, "offset", n), n),
          layout,
          optional_doubles(design, "cluster_weight", layout.clusters()),
          optional_doubles(design, "score_weight", n)};
}

CorrelationSpec correlation_spec(const Rcpp::List& list) {
  CorrelationSpec spec;
  spec.type = Rcpp::as<std::string>(list["type"]);
  if (list.containsElementNamed("lag")) spec.lag = Rcpp::as<int>(list["lag"]);
  if (list.containsElementNamed("R")) spec.R = glue::matrix(list, "R");
  return spec;
}

MomentRule moment_rule(const Rcpp::List& options) {
  MomentRule rule;
  rule.lost = options["lost"];
  rule.all_lags = options["all_lags"];
  rule.adjusted = options["adjusted"];
  return rule;
}

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

VectorXd as_vector(const Rcpp::NumericVector& x) { return VectorMap(x.begin(), x.size()); }

}  // namespace

// [[Rcpp::export]]
Rcpp::List gee_start_(const Rcpp::List& design, const Rcpp::List& family, double level,
                      double adjustment, int threads) {
  const MarginalData data = marginal_data(design);
  const auto f = glue::family(family);
  const MarginalFamily marginal{*f, variance_of(Rcpp::as<std::string>(family["family"]))};
  const GlmStart start =
      start_gee(data, marginal, constant_beta(data, level), adjustment, glue::context(threads));
  return Rcpp::List::create(
      Rcpp::_["beta"] = glue::vector(start.beta), Rcpp::_["decrement"] = start.decrement,
      Rcpp::_["converged"] = start.converged, Rcpp::_["info_pd"] = start.definite,
      Rcpp::_["iterations"] = start.iterations);
}

// [[Rcpp::export]]
Rcpp::List gee_fit_(const Rcpp::List& design, const Rcpp::List& family,
                    const Rcpp::List& correlation, const Rcpp::NumericVector& beta,
                    const Rcpp::List& options) {
  const MarginalData data = marginal_data(design);
  const auto f = glue::family(family);
  const MarginalFamily marginal{*f, variance_of(Rcpp::as<std::string>(family["family"]))};
  const auto R = make_correlation(correlation_spec(correlation), data.layout);
  GeeOptions o;
  o.rule = moment_rule(options);
  o.fixed_phi = options["fixed_phi"];
  o.frozen_phi = options["frozen_phi"];
  o.bound_at_zero = options["bound"];
  o.bias_reduce = options["bias_reduce"];
  o.adjustment = options["adjustment"];
  o.smallest_eigenvalue = options["smallest_eigenvalue"];
  o.own_variances = options["own_variances"];
  o.tolerance = options["tolerance"];
  o.max_iterations = options["max_iterations"];
  const GeeFit fit =
      fit_gee(data, marginal, *R, as_vector(beta), o, glue::context(options["threads"]));
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
  const MarginalData data = marginal_data(design);
  const auto f = glue::family(family);
  const MarginalFamily marginal{*f, variance_of(Rcpp::as<std::string>(family["family"]))};
  const auto R = make_correlation(correlation_spec(correlation), data.layout);
  R->set(as_vector(alpha));
  const RunContext context = glue::context(threads);
  const Equations equations(data, marginal, context);
  Residuals at;
  MatrixXd scores, information;
  const bool finished = equations.residuals(as_vector(beta), *R, MomentRule(), false, at) &&
                        equations.pieces(at, *R, phi, scores, information);
  if (!finished) throw Rcpp::internal::InterruptedException();
  return Rcpp::List::create(Rcpp::_["scores"] = glue::matrix(scores),
                            Rcpp::_["information"] = glue::matrix(information));
}

// R_i of one cluster (from 0).
// [[Rcpp::export]]
Rcpp::NumericMatrix gee_correlation_(const Rcpp::List& design, const Rcpp::List& correlation,
                                     const Rcpp::NumericVector& alpha, int cluster) {
  const MarginalData data = marginal_data(design);
  const auto R = make_correlation(correlation_spec(correlation), data.layout);
  R->set(as_vector(alpha));
  const Index n = data.layout.size(cluster);
  MatrixXd out(n, n);
  for (Index j = 0; j < n; ++j)
    for (Index k = 0; k < n; ++k) out(j, k) = j == k ? 1 : R->entry(cluster, j, k);
  return glue::matrix(out);
}

// [[Rcpp::export]]
Rcpp::NumericVector gee_frechet_(const Rcpp::List& design, const Rcpp::List& family,
                                 const Rcpp::List& correlation, const Rcpp::NumericVector& beta,
                                 const Rcpp::NumericVector& alpha) {
  const MarginalData data = marginal_data(design);
  const auto R = make_correlation(correlation_spec(correlation), data.layout);
  R->set(as_vector(alpha));
  const FrechetCount count = count_frechet(data, *glue::family(family), *R, as_vector(beta));
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
  const MarginalData data = marginal_data(design);
  const auto f = glue::family(family);
  const MarginalFamily marginal{*f, variance_of(Rcpp::as<std::string>(family["family"]))};
  const auto R = make_correlation(correlation_spec(correlation), data.layout);
  R->set(as_vector(alpha));
  const RunContext context = glue::context(options["threads"]);
  const Equations equations(data, marginal, context);
  VectorXd variance;
  if (!moment_variance(equations, *R, as_vector(beta), as_vector(alpha), phi, moment_rule(options),
                       variance))
    throw Rcpp::internal::InterruptedException();
  return glue::vector(variance);
}
