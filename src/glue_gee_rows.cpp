// The rows and the layout of a marginal model: convert, call, convert back.
#include "glue_gee.h"

#include "gee/deletion.hpp"
#include "gee/frechet.hpp"

using namespace margmix;

namespace {

using Shared = std::shared_ptr<Residuals>;

// A search asks several things of the same residuals. The last ones stay in the environment `kept`
// of a design that has one.
Shared residuals_of(const Rcpp::List& design, const Rcpp::List& family) {
  if (!glue::has(design, "kept")) return std::make_shared<Residuals>();
  Rcpp::Environment kept = design["kept"];
  const std::string name = glue::text(family, "family") + " " + glue::text(family, "link");
  if (!kept.exists(name))
    kept[name] = Rcpp::XPtr<Shared>(new Shared(std::make_shared<Residuals>()));
  return *Rcpp::XPtr<Shared>(SEXP(kept[name]));
}

struct Rows {
  Rows(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::List& correlation,
       int threads)
      : rows(design, family, threads),
        R(glue::correlation(correlation, rows.data.layout)),
        last(residuals_of(design, family)) {}

  LocalSource source() const { return LocalSource(rows.data, rows.family, rows.context, last); }

  const glue::MarginalRows rows;
  const std::unique_ptr<Correlation> R;
  const std::shared_ptr<Residuals> last;
};

// The residuals at the beta of a query, adjusted where it says so, and R at its alpha. Shards give
// sums without rounding, which have the same bits however clusters are split.
LocalSource source_at(const Rows& of, const Rcpp::List& query) {
  LocalSource source = of.source();
  Correlation& R = *of.R;
  const MomentRule rule = glue::moment_rule(query["rule"]);
  const bool adjusted = glue::has(query, "adjust");
  const Rcpp::List adjust = adjusted ? Rcpp::List(query["adjust"]) : query;
  R.set(glue::vector(adjust, "alpha"));
  bool finished = source.move(glue::vector(query, "beta"), R, rule,
                              {glue::flag(query, "slopes"), false, false});
  if (adjusted) {
    finished = finished && source.adjust_by(glue::matrix(adjust, "B"), R, rule);
    R.set(glue::vector(query, "alpha"));
  }
  glue::stop_unless(finished);
  return source;
}

SEXP moments(const Rows& of, const Rcpp::List& query) {
  const LocalSource source = source_at(of, query);
  const Index q = of.R->sums();
  ExactSums sums(2 + 4 * q), likelihood(1);
  if (source.valid()) {
    glue::stop_unless(source.equations().exact_moments(source.at(), *of.R,
                                                       glue::moment_rule(query["rule"]), sums));
    if (glue::has(query, "likelihood") && glue::flag(query, "likelihood"))
      glue::stop_unless(
          source.equations().exact_likelihood(glue::vector(query, "beta"), likelihood));
  }
  return glue::list({{"squares", glue::exact(sums, 0, 1)},
                     {"rows", glue::exact(sums, 1, 1)},
                     {"num", glue::exact(sums, 2, q)},
                     {"off", glue::exact(sums, 2 + q, q)},
                     {"den", glue::exact(sums, 2 + 2 * q, q)},
                     {"pairs", glue::exact(sums, 2 + 3 * q, q)},
                     {"invalid", source.valid() ? 0.0 : 1.0},
                     {"likelihood", glue::exact(likelihood, 0, 1)}});
}

SEXP equations(const Rows& of, const Rcpp::List& query) {
  const LocalSource source = source_at(of, query);
  const Index p = of.rows.data.p();
  ExactSums sums(triangle_size(p + 1) + p);
  MatrixXd hat;
  const bool adjust = glue::has(query, "hat");
  if (adjust) hat = glue::matrix(query, "hat");
  glue::stop_unless(
      source.equations().exact_sums(source.at(), *of.R, adjust ? &hat : nullptr, sums));
  return glue::list({{"gram", glue::exact_symmetric(sums, 0, p + 1)},
                     {"adjustment", glue::exact(sums, triangle_size(p + 1), p)}});
}

SEXP influence(const Rows& of, const Rcpp::List& query) {
  LocalSource source = source_at(of, query);
  const Rcpp::List totals = glue::list(query, "totals");
  const MomentTotals all{glue::moment_sums(totals["sums"], of.R->sums()),
                         glue::matrix(totals, "slopes"), glue::matrix(totals, "bread")};
  ExactSums sums(1 + of.R->parameters());
  glue::stop_unless(source.exact_influence(*of.R, glue::moment_rule(query["rule"]),
                                           glue::number(query, "phi"), all, sums));
  return glue::list({{"variance", glue::exact(sums, 0, sums.count())}});
}

SEXP products(const Rows& of, const Rcpp::List& query) {
  const LocalSource source = source_at(of, query);
  const Index q = of.R->parameters();
  ExactSums sums(3 * q);
  glue::stop_unless(source.equations().exact_products(source.at(), *of.R, sums));
  return glue::list({{"products", glue::exact(sums, 0, q, 3)}});
}

SEXP least_squares(const Rows& of, const Rcpp::List& query) {
  const Index p = of.rows.data.p();
  ExactSums sums(triangle_size(p) + p);
  const LocalSource source = of.source();
  glue::stop_unless(source.equations().exact_least_squares(glue::number(query, "level"), sums));
  return glue::list(
      {{"XX", glue::exact_symmetric(sums, 0, p)}, {"Xy", glue::exact(sums, triangle_size(p), p)}});
}

// beta, alpha, phi -> scores and information by cluster
SEXP pieces(const Rows& of, const Rcpp::List& query) {
  of.R->set(glue::vector(query, "alpha"));
  const Equations equations(of.rows.data, of.rows.family, of.rows.context);
  Residuals& at = *of.last;
  MatrixXd scores, information;
  const bool finished =
      equations.residuals(glue::vector(query, "beta"), false, at) &&
      equations.pieces(at, *of.R, glue::number(query, "phi"), scores, information);
  glue::stop_unless(finished);
  return glue::list({{"scores", scores}, {"information", information}});
}

// beta, alpha, rule, units -> estimates minus those without each cluster
SEXP deletion(const Rows& of, const Rcpp::List& query) {
  LocalSource source = of.source();
  VectorXd psi(of.rows.data.p() + of.R->parameters());
  psi << glue::vector(query, "beta"), glue::vector(query, "alpha");
  Deletion r;
  glue::stop_unless(moment_deletion(source, *of.R, glue::moment_rule(query["rule"]), psi,
                                    glue::vector(query, "units"), r));
  return glue::list({{"steps", r.steps}, {"second", r.second}});
}

// beta, alpha -> pairs of 0/1 responses that can't have their correlation
SEXP frechet(const Rows& of, const Rcpp::List& query) {
  of.R->set(glue::vector(query, "alpha"));
  const FrechetCount count = count_frechet(of.rows.data, *of.rows.distribution, *of.R,
                                           glue::vector(query, "beta"), of.rows.context.threads);
  return Rcpp::NumericVector::create(Rcpp::_["pairs"] = count.pairs,
                                     Rcpp::_["clusters"] = count.clusters,
                                     Rcpp::_["skipped"] = count.skipped);
}

constexpr glue::Piece<Rows> kOfRows[] = {{"moments", moments},
                                         {"equations", equations},
                                         {"influence", influence},
                                         {"products", products},
                                         {"least_squares", least_squares},
                                         {"pieces", pieces},
                                         {"deletion", deletion},
                                         {"frechet", frechet}};

struct LayoutOf {
  const Rcpp::List& list;
  const Rcpp::List& correlation;
};

// Clusters that stand for all, see ClusterKinds.
SEXP kinds(const LayoutOf& of, const Rcpp::List&) {
  const ClusterKinds kinds = kinds_of(glue::text(of.correlation, "type"), glue::layout(of.list));
  const auto unless_empty = [](const auto& x) { return x.empty() ? R_NilValue : Rcpp::wrap(x); };
  return glue::list({{"start", kinds.start},
                     {"time", unless_empty(kinds.time)},
                     {"wave", unless_empty(kinds.wave)},
                     {"inner", unless_empty(kinds.inner)},
                     {"count", Rcpp::wrap(kinds.count)}});
}

SEXP shared(const LayoutOf& of, const Rcpp::List&) {
  const SharedFacts facts = glue::correlation(of.correlation, glue::layout(of.list))->shared();
  return glue::list({{"visits", facts.visits},
                     {"lags", facts.lags},
                     {"unit", facts.gaps.unit},
                     {"median", facts.gaps.median},
                     {"regular", facts.gaps.regular},
                     {"whole", facts.gaps.whole}});
}

// alpha, cluster (from 0) -> R_i
SEXP correlation_matrix(const LayoutOf& of, const Rcpp::List& ask) {
  const Layout layout = glue::layout(of.list);
  const auto R = glue::correlation(of.correlation, layout);
  R->set(glue::vector(ask, "alpha"));
  const int cluster = glue::integer(ask, "cluster");
  const Index n = layout.size(cluster);
  MatrixXd out(n, n);
  for (Index j = 0; j < n; ++j)
    for (Index k = 0; k < n; ++k) out(j, k) = j == k ? 1 : R->entry(cluster, j, k);
  return glue::matrix(out);
}

constexpr glue::Piece<LayoutOf> kOfLayout[] = {
    {"kinds", kinds}, {"shared", shared}, {"correlation", correlation_matrix}};

}  // namespace

// What a search asks of rows, numbers that add up over parts of the clusters (`ask`: beta, alpha,
// rule, adjust, slopes, ..., see AskedSource), and what is asked after it.
// [[Rcpp::export(rng = false)]]
SEXP gee_rows_(const Rcpp::List& design, const Rcpp::List& family, const Rcpp::List& correlation,
               const std::string& piece, const Rcpp::List& ask, int threads) {
  return glue::piece(kOfRows, piece, {design, family, correlation, threads}, ask);
}

// What a correlation is asked of the clusters it is for. `layout`: start, time, wave, inner.
// [[Rcpp::export(rng = false)]]
SEXP gee_layout_(const Rcpp::List& layout, const Rcpp::List& correlation, const std::string& piece,
                 const Rcpp::List& ask) {
  return glue::piece(kOfLayout, piece, {layout, correlation}, ask);
}
