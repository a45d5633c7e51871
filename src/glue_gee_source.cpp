// Where the sums of a marginal model come from: rows in memory, or a function of R that asks
// shards.
#include "glue_gee.h"

using namespace margmix;

namespace glue {

namespace {

const double* optional_doubles(const Rcpp::List& list, const char* name, R_xlen_t length) {
  return has(list, name) ? doubles(list, name, length) : nullptr;
}

const int* optional_integers(const Rcpp::List& list, const char* name) {
  return has(list, name) ? integers(list, name).data() : nullptr;
}

SharedFacts shared_facts(const Rcpp::List& list) {
  SharedFacts facts;
  facts.visits = integer(list, "visits");
  facts.lags = copied_integers(list, "lags");
  facts.gaps = {number(list, "unit"), number(list, "median"), flag(list, "regular"),
                flag(list, "whole")};
  return facts;
}

// Every request travels with all that it rests on: those who answer remember nothing.
class AskedSource final : public EquationSource {
 public:
  AskedSource(const Rcpp::Function& ask, Index p) : ask_(ask), p_(p) {}

  Index p() const override { return p_; }

  bool move(const VectorXd& beta, const Correlation& R, const MomentRule& rule,
            const PointAsk& ask) override {
    beta_ = beta;
    adjust_ = R_NilValue;
    slopes_ = ask.slopes;
    read_moments(answer("moments", R, rule, ask.likelihood), R);
    return true;
  }

  bool moments(const Correlation& R, const MomentRule& rule) override {
    read_moments(answer("moments", R, rule), R);
    return true;
  }

  bool adjust(const Correlation& R, const MomentRule& rule) override {
    EquationSums at;
    equations(R, nullptr, at);
    adjust_ = list({{"alpha", R.current()}, {"B", at.information}});
    return moments(R, rule);
  }

  bool equations(const Correlation& R, const MatrixXd* hat, EquationSums& out) override {
    Rcpp::List query = ask_for("equations", R, MomentRule());
    if (hat) query["hat"] = matrix(*hat);
    const Rcpp::List parts = ask_(query);
    const MatrixMap gram = matrix(parts, "gram");  // of [D~ e]
    out.information = gram.topLeftCorner(p_, p_);
    out.score = gram.col(p_).head(p_);
    out.quadratic = gram(p_, p_);
    out.adjustment = vector(parts, "adjustment", p_);
    return true;
  }

  bool products(const Correlation& R, MatrixXd& out) override {
    out = matrix(answer("products", R, MomentRule()), "products");
    return true;
  }

  bool squared_influence(const Correlation& R, const MomentRule& rule, double phi,
                         const MomentTotals& totals, VectorXd& out) override {
    Rcpp::List query = ask_for("influence", R, rule);
    query["phi"] = phi;
    query["totals"] = list(
        {{"sums", moment_list(totals.sums)}, {"slopes", totals.slopes}, {"bread", totals.bread}});
    out = vector(ask_(query), "variance", 1 + R.parameters());
    return true;
  }

  void least_squares(double level, MatrixXd& XX, VectorXd& Xy) override {
    const Rcpp::List parts = ask_(list({{"what", "least_squares"}, {"level", level}}));
    XX = matrix(parts, "XX");
    Xy = vector(parts, "Xy", p_);
  }

 private:
  Rcpp::List ask_for(const char* what, const Correlation& R, const MomentRule& rule) const {
    return list({{"what", what},
                 {"beta", beta_},
                 {"alpha", R.current()},
                 {"rule", rule_list(rule)},
                 {"adjust", adjust_},
                 {"slopes", slopes_}});
  }

  Rcpp::List answer(const char* what, const Correlation& R, const MomentRule& rule,
                    bool likelihood = false) const {
    Rcpp::List query = ask_for(what, R, rule);
    query["likelihood"] = likelihood;
    return ask_(query);
  }

  void read_moments(const Rcpp::List& parts, const Correlation& R) {
    valid_ = number(parts, "invalid") == 0;
    likelihood_ = valid_ ? number(parts, "likelihood") : -kInf;
    if (valid_) sums_ = moment_sums(parts, R.sums());
  }

  Rcpp::Function ask_;
  Index p_;
  VectorXd beta_;
  Rcpp::RObject adjust_;
  bool slopes_ = false;
};

}  // namespace

Layout layout(const Rcpp::List& design) {
  const IntegerMap start = integers(design, "start");
  const R_xlen_t n = start[start.size() - 1];
  return {start, optional_doubles(design, "time", n), optional_integers(design, "wave"),
          optional_integers(design, "inner"), optional_doubles(design, "count", start.size() - 1)};
}

MarginalData marginal_data(const Rcpp::List& design) {
  const MatrixMap X = matrix(design, "X");
  const R_xlen_t n = X.rows();
  margmix::Rows rows;
  rows.n = n;
  rows.y = doubles(design, "y", n);
  rows.size = unless_one(design, "trials", n);
  rows.weight = unless_one(design, "weights", n);
  const Layout of = layout(design);
  return {X,
          rows,
          VectorMap(by_row(design, "offset", n), n),
          of,
          optional_doubles(design, "cluster_weight", of.clusters()),
          optional_doubles(design, "score_weight", n)};
}

MomentRule moment_rule(const Rcpp::List& options) {
  MomentRule rule;
  rule.lost = number(options, "lost");
  rule.all_lags = flag(options, "all_lags");
  rule.adjusted = flag(options, "adjusted");
  return rule;
}

Rcpp::List rule_list(const MomentRule& rule) {
  return list({{"lost", rule.lost}, {"all_lags", rule.all_lags}, {"adjusted", rule.adjusted}});
}

Rcpp::List moment_list(const MomentSums& sums) {
  return list({{"squares", sums.squares},
               {"rows", sums.rows},
               {"num", sums.num},
               {"off", sums.off},
               {"den", sums.den},
               {"pairs", sums.pairs}});
}

MomentSums moment_sums(const Rcpp::List& list, Index q) {
  MomentSums sums(q);
  sums.squares = number(list, "squares");
  sums.rows = number(list, "rows");
  sums.num = vector(list, "num", q);
  sums.off = vector(list, "off", q);
  sums.den = vector(list, "den", q);
  sums.pairs = vector(list, "pairs", q);
  return sums;
}

std::unique_ptr<Correlation> correlation(const Rcpp::List& list, const Layout& layout) {
  CorrelationSpec spec;
  spec.type = text(list, "type");
  if (has(list, "lag")) spec.lag = integer(list, "lag");
  if (has(list, "R")) spec.R = matrix(list, "R");
  if (!has(list, "shared")) return make_correlation(spec, layout);
  const SharedFacts shared = shared_facts(list["shared"]);
  return make_correlation(spec, layout, &shared);
}

MarginalRows::MarginalRows(const Rcpp::List& design, const Rcpp::List& f, int threads)
    : data(marginal_data(design)),
      distribution(glue::family(f)),
      family{*distribution, variance_of(text(f, "family"))},
      context(glue::context(threads)) {}

Asked::Asked(const Rcpp::List& design, const Rcpp::List& family, int threads)
    : layout_(glue::layout(design)) {
  if (has(design, "ask")) {
    source_ = std::make_unique<AskedSource>(Rcpp::Function(design["ask"]), integer(design, "p"));
    return;
  }
  rows_ = std::make_unique<MarginalRows>(design, family, threads);
  source_ = std::make_unique<LocalSource>(rows_->data, rows_->family, rows_->context);
}

}  // namespace glue
