// Mixed models: convert, call, convert back.
#include "glue_objective.h"

#include "glmm/glm.hpp"
#include "glmm/lmm.hpp"
#include "glmm/posterior.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List glmm_objective_(const Rcpp::List& design, const Rcpp::List& family,
                           const Rcpp::NumericVector& psi, int K, const Rcpp::List& modes,
                           const Rcpp::List& ask, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (psi.size() != parameter_count(d, *f)) Rcpp::stop("internal: `psi` has the wrong length");
  const ObjectiveRequest request = glue::objective_request(ask);
  const ObjectiveResult r =
      product_objective(d, *f, product_rule(K, d.q()), VectorMap(psi.begin(), psi.size()),
                        glue::modes(modes), request, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return glue::objective_list(r);
}

// [[Rcpp::export]]
Rcpp::List glm_start_(const Rcpp::List& design, const Rcpp::List& family, double level) {
  const Design d = glue::design(design);
  const GlmFit fit = fit_glm(d, *glue::family(family), constant_start(d, level));
  return Rcpp::List::create(Rcpp::_["beta"] = glue::vector(fit.beta),
                            Rcpp::_["information"] = glue::matrix(fit.information),
                            Rcpp::_["value"] = fit.value, Rcpp::_["max_abs_eta"] = fit.largest_eta,
                            Rcpp::_["converged"] = fit.converged, Rcpp::_["info_pd"] = fit.definite,
                            Rcpp::_["iterations"] = fit.iterations);
}

// [[Rcpp::export]]
Rcpp::List lmm_objective_(const Rcpp::List& design, const Rcpp::NumericVector& theta,
                          double log_phi, bool frequency, bool reml, int threads) {
  const Design d = glue::design(design);
  if (theta.size() != d.n_theta()) Rcpp::stop("internal: `theta` has the wrong length");
  const LmmResult r =
      LmmObjective(d, frequency, reml)(theta.begin(), log_phi, glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(
      Rcpp::_["value"] = r.value, Rcpp::_["gradient"] = glue::vector(r.gradient),
      Rcpp::_["beta"] = glue::vector(r.beta), Rcpp::_["B"] = glue::matrix(r.B),
      Rcpp::_["phi"] = r.phi, Rcpp::_["status"] = glue::name(r.status));
}

// [[Rcpp::export]]
Rcpp::List glmm_posterior_(const Rcpp::List& design, const Rcpp::List& family,
                           const Rcpp::NumericVector& psi, int K, const Rcpp::NumericMatrix& modes,
                           bool median, int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  const Posterior r = posterior(d, *f, product_rule(K, d.q()), VectorMap(psi.begin(), psi.size()),
                                MatrixMap(modes.begin(), modes.nrow(), modes.ncol()), median,
                                glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["mode"] = glue::matrix(r.mode),
                            Rcpp::_["mean"] = glue::matrix(r.mean),
                            Rcpp::_["median"] = glue::matrix(r.median),
                            Rcpp::_["mode_variance"] = glue::matrix(r.mode_variance),
                            Rcpp::_["variance"] = glue::matrix(r.variance));
}

// [[Rcpp::export]]
Rcpp::NumericVector glmm_prediction_variance_(const Rcpp::List& design, const Rcpp::List& family,
                                              const Rcpp::NumericVector& psi,
                                              const Rcpp::NumericMatrix& modes,
                                              const Rcpp::NumericMatrix& mode_variance,
                                              const Rcpp::List& rows, const Rcpp::NumericMatrix& V,
                                              int threads) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  const MatrixXd tangents =
      mode_tangents(d, *f, VectorMap(psi.begin(), psi.size()),
                    MatrixMap(modes.begin(), modes.nrow(), modes.ncol()), glue::context(threads));
  return glue::vector(prediction_variance(
      d, d.Lambda(psi.begin() + d.p()), glue::matrix(rows, "X"), glue::matrix(rows, "Z"),
      glue::integers(rows, "cluster"), MatrixMap(V.begin(), V.nrow(), V.ncol()),
      MatrixMap(modes.begin(), modes.nrow(), modes.ncol()),
      MatrixMap(tangents.data(), tangents.rows(), tangents.cols()),
      MatrixMap(mode_variance.begin(), mode_variance.nrow(), mode_variance.ncol())));
}

// [[Rcpp::export]]
bool family_log_concave_(const Rcpp::List& family) { return glue::family(family)->log_concave(); }

// [[Rcpp::export]]
Rcpp::List glmm_other_modes_(const Rcpp::List& design, const Rcpp::List& family,
                             const Rcpp::NumericVector& psi, int K, int threads) {
  const Design d = glue::design(design);
  return glue::other_modes(other_modes(d, *glue::family(family), product_rule(K, d.q()),
                                       VectorMap(psi.begin(), psi.size()), glue::context(threads)));
}
