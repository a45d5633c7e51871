// Rows without random effects, and linear mixed models: convert, call, convert back.
#include "glue_cells.h"

#include "design/dispersion.hpp"
#include "glmm/conditional_logistic.hpp"
#include "glmm/glm.hpp"
#include "glmm/jeffreys.hpp"
#include "glmm/lmm.hpp"
#include "glmm/sparse_lmm.hpp"

using namespace margmix;

namespace {

Rcpp::List glm_list(const GlmFit& fit) {
  return glue::list({{"beta", fit.beta},
                     {"information", fit.information},
                     {"value", fit.value},
                     {"max_abs_eta", fit.largest_eta},
                     {"converged", fit.converged},
                     {"info_pd", fit.definite},
                     {"iterations", fit.iterations}});
}

// `sum` is a function of R of (beta, order, clip) that returns what sums() does.
GlmSums sums_of(const Rcpp::Function& sum) {
  return [sum](const VectorXd& beta, VectorXd* gradient, MatrixXd* information, double* largest_eta,
               bool clip_W) {
    const Rcpp::List parts = sum(glue::vector(beta), information ? 2 : 0, clip_W);
    if (gradient) *gradient = glue::vector(parts, "gradient", beta.size());
    if (information) *information = glue::matrix(parts, "information");
    if (largest_eta) *largest_eta = glue::number(parts, "max_abs_eta");
    return glue::number(parts, "value");
  };
}

struct RowsOf {
  const Rcpp::List& design;
  const Rcpp::List& family;
};

// level, threads -> a fit that starts at the mean model
SEXP fit(const RowsOf& rows, const Rcpp::List& ask) {
  const Design d = glue::design(rows.design);
  const VectorXd start = constant_start(d, glue::number(ask, "level"));
  const int threads = glue::context(glue::integer(ask, "threads")).threads;
  return glm_list(fit_glm(d, *glue::family(rows.family), start, threads));
}

// level -> the same with Jeffreys' prior
SEXP firth(const RowsOf& rows, const Rcpp::List& ask) {
  const Design d = glue::design(rows.design);
  const VectorXd start = constant_start(d, glue::number(ask, "level"));
  return glm_list(fit_firth(d, glue::spec(rows.family), start));
}

// sum, beta -> a fit to rows that are elsewhere
SEXP search(const RowsOf&, const Rcpp::List& ask) {
  const Rcpp::Function sum = ask["sum"];
  return glm_list(search_glm(sums_of(sum), glue::vector(ask, "beta")));
}

// beta, order, clip -> what a search sums, over clusters and without rounding
SEXP sums(const RowsOf& rows, const Rcpp::List& ask) {
  const Design d = glue::design(rows.design);
  const auto f = glue::family(rows.family);
  const bool derivatives = glue::integer(ask, "order") > 0;
  const Index p = d.p();
  ExactSums sums(1 + p + triangle_size(p)), constant(1);
  const double largest = GlmObjective(d, *f).add_exactly(glue::vector(ask, "beta"), derivatives,
                                                         glue::flag(ask, "clip"), sums);
  for (Index i = 0; i < d.clusters() && !derivatives; ++i)
    constant.add(0, f->constant(d.response.part(d.first(i), d.size(i))));
  return glue::list({{"value", glue::exact(sums, 0, 1)},
                     {"gradient", glue::exact(sums, 1, p)},
                     {"information", glue::exact_symmetric(sums, 1 + p, p)},
                     {"max_abs_eta", largest},
                     {"constant", glue::exact(constant, 0, 1)}});
}

// eta, aux -> -l'' of every row
SEXP weights(const RowsOf& rows, const Rcpp::List& ask) {
  const Design d = glue::design(rows.design);
  const auto f = glue::family(rows.family);
  const VectorMap aux = glue::vector(ask, "aux", d.n_aux(*f));
  set_dispersion(d, aux, *f);
  Rcpp::NumericVector W(d.X.rows());
  f->rows(d.response, glue::doubles(ask, "eta", W.size()), nullptr, W.begin(), nullptr, nullptr);
  return W;
}

// tolerance, iterations, threads -> logistic regression given the successes of clusters
SEXP conditional_logistic(const RowsOf& rows, const Rcpp::List& ask) {
  const ConditionalLogistic r = fit_conditional_logistic(
      glue::design(rows.design), glue::number(ask, "tolerance"), glue::integer(ask, "iterations"),
      glue::context(glue::integer(ask, "threads")));
  glue::stop_if_interrupted(r.status);
  return glue::list({{"beta", r.beta},
                     {"value", r.value},
                     {"information", r.information},
                     {"criterion", r.criterion},
                     {"iterations", r.iterations},
                     {"status", r.status}});
}

SEXP cell_sums(const RowsOf& rows, const Rcpp::List& ask) {
  return glue::cell_sums(rows.design, rows.family, ask);
}

constexpr glue::Piece<RowsOf> kRowPieces[] = {{"fit", fit},
                                              {"firth", firth},
                                              {"search", search},
                                              {"sums", sums},
                                              {"cell_sums", cell_sums},
                                              {"weights", weights},
                                              {"conditional_logistic", conditional_logistic}};

}  // namespace

// What rows without random effects are asked for. `design` may be empty for a search.
// [[Rcpp::export(rng = false)]]
SEXP glm_(const Rcpp::List& design, const Rcpp::List& family, const std::string& piece,
          const Rcpp::List& ask) {
  return glue::piece(kRowPieces, piece, {design, family}, ask);
}

// A design of one grouping factor, or of several with its plan.
// [[Rcpp::export(rng = false)]]
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
  return glue::list({{"value", r.value},
                     {"gradient", r.gradient},
                     {"beta", r.beta},
                     {"B", r.B},
                     {"phi", r.phi},
                     {"status", r.status}});
}
