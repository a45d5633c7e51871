// The part that some of the clusters have in a marginal fit: convert, call, convert back.
#include "glue_gee.h"

using namespace margmix;

namespace {

// The residuals at the beta of a query, adjusted where it says so, and R at its alpha.
void go_to(const Rcpp::List& query, LocalSource& source, Correlation& R) {
  const MomentRule rule = glue::moment_rule(query["rule"]);
  const bool likelihood =
      query.containsElementNamed("likelihood") && Rcpp::as<bool>(query["likelihood"]);
  const bool adjusted = !Rf_isNull(query["adjust"]);
  const Rcpp::List adjust = adjusted ? Rcpp::List(query["adjust"]) : query;
  R.set(glue::as_vector(adjust["alpha"]));
  bool finished = source.move(glue::as_vector(query["beta"]), R, rule,
                              {Rcpp::as<bool>(query["slopes"]), likelihood});
  if (adjusted) {
    finished = finished && source.adjust_by(glue::matrix(adjust, "B"), R, rule);
    R.set(glue::as_vector(query["alpha"]));
    finished = finished && source.moments(R, rule);
  }
  if (!finished) throw Rcpp::internal::InterruptedException();
}

Rcpp::List moments(const LocalSource& source) {
  Rcpp::List out = glue::moment_list(source.sums());
  out["invalid"] = source.valid() ? 0.0 : 1.0;
  out["likelihood"] = source.likelihood();
  return out;
}

Rcpp::List equations(const Rcpp::List& query, LocalSource& source, const Correlation& R) {
  EquationSums sums;
  MatrixXd hat;
  const bool adjust = query.containsElementNamed("hat");
  if (adjust) hat = glue::matrix(query, "hat");
  if (!source.equations(R, adjust ? &hat : nullptr, sums))
    throw Rcpp::internal::InterruptedException();
  return Rcpp::List::create(Rcpp::_["information"] = glue::matrix(sums.information),
                            Rcpp::_["score"] = glue::vector(sums.score),
                            Rcpp::_["adjustment"] = glue::vector(sums.adjustment),
                            Rcpp::_["quadratic"] = sums.quadratic);
}

Rcpp::List influence(const Rcpp::List& query, LocalSource& source, const Correlation& R) {
  const Rcpp::List totals = query["totals"];
  const MomentTotals all{glue::moment_sums(totals["sums"], R.sums()),
                         glue::matrix(totals, "slopes"), glue::matrix(totals, "bread")};
  VectorXd variance;
  if (!source.squared_influence(R, glue::moment_rule(query["rule"]), Rcpp::as<double>(query["phi"]),
                                all, variance))
    throw Rcpp::internal::InterruptedException();
  return Rcpp::List::create(Rcpp::_["variance"] = glue::vector(variance));
}

Rcpp::List least_squares(const Rcpp::List& query, LocalSource& source) {
  MatrixXd XX;
  VectorXd Xy;
  source.least_squares(Rcpp::as<double>(query["level"]), XX, Xy);
  return Rcpp::List::create(Rcpp::_["XX"] = glue::matrix(XX), Rcpp::_["Xy"] = glue::vector(Xy));
}

}  // namespace

// What a search asks of the rows of a design, numbers that add up over parts of the clusters.
// query: list(what, beta, alpha, rule, adjust, slopes, ...), see AskedSource.
// [[Rcpp::export]]
Rcpp::List gee_sums_(const Rcpp::List& design, const Rcpp::List& family,
                     const Rcpp::List& correlation, const Rcpp::List& query, int threads) {
  const glue::MarginalRows rows(design, family, threads);
  LocalSource source(rows.data, rows.family, rows.context);
  const std::string what = Rcpp::as<std::string>(query["what"]);
  if (what == "least_squares") return least_squares(query, source);
  const auto R = glue::correlation(correlation, rows.data.layout);
  go_to(query, source, *R);
  if (what == "moments") return moments(source);
  if (what == "equations") return equations(query, source, *R);
  if (what == "influence") return influence(query, source, *R);
  if (what != "products") Rcpp::stop("internal: no sums `%s`", what);
  MatrixXd products;
  source.products(*R, products);
  return Rcpp::List::create(Rcpp::_["products"] = glue::matrix(products));
}

// Clusters that stand for those of a design, see ClusterKinds.
// [[Rcpp::export]]
Rcpp::List gee_kinds_(const Rcpp::List& design, const Rcpp::List& correlation) {
  const ClusterKinds kinds =
      kinds_of(Rcpp::as<std::string>(correlation["type"]), glue::layout(design));
  const auto unless_empty = [](const auto& x) { return x.empty() ? R_NilValue : Rcpp::wrap(x); };
  return Rcpp::List::create(
      Rcpp::_["start"] = Rcpp::wrap(kinds.start), Rcpp::_["time"] = unless_empty(kinds.time),
      Rcpp::_["wave"] = unless_empty(kinds.wave), Rcpp::_["inner"] = unless_empty(kinds.inner),
      Rcpp::_["count"] = Rcpp::wrap(kinds.count));
}

// [[Rcpp::export]]
Rcpp::List gee_shared_(const Rcpp::List& kinds, const Rcpp::List& correlation) {
  const SharedFacts facts = glue::correlation(correlation, glue::layout(kinds))->shared();
  return Rcpp::List::create(
      Rcpp::_["visits"] = facts.visits, Rcpp::_["lags"] = Rcpp::wrap(facts.lags),
      Rcpp::_["unit"] = facts.gaps.unit, Rcpp::_["median"] = facts.gaps.median,
      Rcpp::_["regular"] = facts.gaps.regular, Rcpp::_["whole"] = facts.gaps.whole);
}
