// Start values and linear mixed models: convert, call, convert back.
#include "glue_groups.h"

#include "glmm/glm.hpp"
#include "glmm/jeffreys.hpp"
#include "glmm/lmm.hpp"
#include "glmm/sparse_lmm.hpp"

using namespace margmix;

namespace {

Rcpp::List glm_list(const GlmFit& fit) {
  return Rcpp::List::create(Rcpp::_["beta"] = glue::vector(fit.beta),
                            Rcpp::_["information"] = glue::matrix(fit.information),
                            Rcpp::_["value"] = fit.value, Rcpp::_["max_abs_eta"] = fit.largest_eta,
                            Rcpp::_["converged"] = fit.converged, Rcpp::_["info_pd"] = fit.definite,
                            Rcpp::_["iterations"] = fit.iterations);
}

// `sum` is a function of R of (beta, order, clip) that returns what glm_sums_() does.
GlmSums sums_of(const Rcpp::Function& sum) {
  return [sum](const VectorXd& beta, VectorXd* gradient, MatrixXd* information, double* largest_eta,
               bool clip_W) {
    const Rcpp::List parts = sum(glue::vector(beta), information ? 2 : 0, clip_W);
    if (gradient) *gradient = VectorMap(glue::doubles(parts, "gradient", beta.size()), beta.size());
    if (information) *information = glue::matrix(parts, "information");
    if (largest_eta) *largest_eta = Rcpp::as<double>(parts["max_abs_eta"]);
    return Rcpp::as<double>(parts["value"]);
  };
}

}  // namespace

// From the mean model; `firth`: with Jeffreys' prior.
// [[Rcpp::export]]
Rcpp::List glm_start_(const Rcpp::List& design, const Rcpp::List& family, double level,
                      bool firth) {
  const Design d = glue::design(design);
  const VectorXd start = constant_start(d, level);
  return glm_list(firth ? fit_firth(d, glue::spec(family), start)
                        : fit_glm(d, *glue::family(family), start));
}

// The sums over the rows of one shard.
// [[Rcpp::export]]
Rcpp::List glm_sums_(const Rcpp::List& design, const Rcpp::List& family,
                     const Rcpp::NumericVector& beta, int order, bool clip) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  VectorXd gradient;
  MatrixXd information;
  double largest_eta;
  const double value =
      GlmObjective(d, *f)(VectorMap(beta.begin(), beta.size()), order ? &gradient : nullptr,
                          order ? &information : nullptr, &largest_eta, clip);
  return Rcpp::List::create(Rcpp::_["value"] = value, Rcpp::_["gradient"] = glue::vector(gradient),
                            Rcpp::_["information"] = glue::matrix(information),
                            Rcpp::_["max_abs_eta"] = largest_eta,
                            Rcpp::_["constant"] = order ? 0.0 : f->constant(d.response));
}

// [[Rcpp::export]]
Rcpp::List glm_search_(const Rcpp::Function& sum, const Rcpp::NumericVector& beta) {
  return glm_list(search_glm(sums_of(sum), VectorMap(beta.begin(), beta.size())));
}

// A design of one grouping factor, or of several with its plan.
// [[Rcpp::export]]
Rcpp::List lmm_objective_(const Rcpp::List& design, const Rcpp::NumericVector& theta,
                          double log_phi, bool frequency, bool reml, int threads) {
  const bool several = Rf_inherits(design, "margmix_several_factors");
  const GroupedDesign d =
      several ? glue::grouped_design(design) : GroupedDesign{glue::design(design), {}};
  if (theta.size() != d.n_theta() + d.n_rho) Rcpp::stop("internal: `theta` has the wrong length");
  const LmmResult r =
      several
          ? sparse_lmm(d, glue::plan(design["plan"]), theta.begin(), log_phi, frequency, reml, true)
          : LmmObjective(d, frequency, reml)(theta.begin(), log_phi, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["beta"] = glue::vector(r.beta), Rcpp::_["B"] = glue::matrix(r.B),
      Rcpp::_["phi"] = r.phi, Rcpp::_["status"] = glue::name(r.status));
}

// [[Rcpp::export]]
bool family_log_concave_(const Rcpp::List& family) { return glue::family(family)->log_concave(); }
