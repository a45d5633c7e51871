// Sums by cell, asked for and answered: convert, call, convert back.
#include "glue_cells.h"

using namespace margmix;

namespace glue {

bool has_cells(const Rcpp::List& design) { return has(design, "ask"); }

Design cell_design(const Rcpp::List& list) {
  const MatrixMap Z = matrix(list, "Z");
  Rows none;
  none.n = Z.rows();
  return {MatrixMap(nullptr, Z.rows(), integer(list, "p")),
          Z,
          none,
          VectorMap(nullptr, 0),
          integers(list, "start"),
          integers(list, "theta_row"),
          integers(list, "theta_col")};
}

namespace {

// Every request travels with all that it rests on: those who answer remember nothing.
class AskedRows final : public SparseRows {
 public:
  AskedRows(const Rcpp::List& design, Family& family)
      : SparseRows(family),
        ask_(Rcpp::as<Rcpp::Function>(design["ask"])),
        sizes_X_(glue::vector(design, "sizes_X")),
        sizes_Z_(glue::vector(design, "sizes_Z")) {}

  void move(const VectorXd& psi) override {
    psi_ = psi;
    constant_ = kNaN;
  }

  // The constant comes with the first of them.
  double terms(const VectorXd& x, VectorXd& g, VectorXd& W) override {
    Rcpp::List query = ask_for("terms", x);
    query["constant"] = std::isnan(constant_);
    const Rcpp::List sums = ask_(query);
    g = glue::vector(sums, "g", x.size());
    W = glue::vector(sums, "W", x.size());
    if (std::isnan(constant_)) constant_ = number(sums, "constant");
    return number(sums, "value");
  }

  double value(const VectorXd& x) override {
    VectorXd g, W;
    return terms(x, g, W);
  }

  double constant() override { return constant_; }

  VectorXd third(const VectorXd& x) override {
    return glue::vector(answer(ask_for("third", x)), "T", x.size());
  }

  MatrixXd gradient(const VectorXd& x, const VectorXd& g_bar, const VectorXd& W_bar) override {
    Rcpp::List query = ask_for("gradient", x);
    query["g_bar"] = vector(g_bar);
    query["W_bar"] = vector(W_bar);
    return matrix(answer(query), "gradient");
  }

  WorkingSums working(const VectorXd& x) override {
    const Rcpp::List sums = answer(ask_for("working", x));
    return {matrix(sums, "WF"), matrix(sums, "gram")};
  }

  void visit_WX(const VectorXd& x,
                const std::function<void(Index, const VectorXd&)>& visit) override {
    const MatrixXd WF = working(x).WF;
    for (Index k = 0; k + 1 < WF.cols(); ++k) visit(k, WF.col(k));
  }

  MatrixXd aux_slopes(const VectorXd& x) override {
    return matrix(answer(ask_for("aux_slopes", x)), "slopes");
  }

  VectorXd sizes_X() override { return sizes_X_; }
  VectorXd sizes_Z() override { return sizes_Z_; }

 private:
  Rcpp::List ask_for(const char* what, const VectorXd& x) const {
    return list({{"what", what}, {"psi", psi_}, {"x", x}});
  }
  Rcpp::List answer(const Rcpp::List& query) const { return ask_(query); }

  Rcpp::Function ask_;
  const VectorXd sizes_X_, sizes_Z_;
  VectorXd psi_;
  double constant_ = kNaN;
};

SEXP terms(LocalRows& rows, const VectorXd& x, const Rcpp::List& ask) {
  VectorXd g, W;
  const double value = rows.terms(x, g, W);
  const double constant = flag(ask, "constant") ? rows.constant() : 0;
  return list({{"value", value}, {"g", g}, {"W", W}, {"constant", constant}});
}

SEXP third(LocalRows& rows, const VectorXd& x, const Rcpp::List&) {
  return list({{"T", rows.third(x)}});
}

SEXP gradient(LocalRows& rows, const VectorXd& x, const Rcpp::List& ask) {
  const MatrixXd by_cluster =
      rows.gradient(x, vector(ask, "g_bar", x.size()), vector(ask, "W_bar", x.size()));
  return list({{"gradient", MatrixXd(by_cluster.rowwise().sum())}});
}

SEXP working(LocalRows& rows, const VectorXd& x, const Rcpp::List&) {
  const WorkingSums sums = rows.working(x);
  return list({{"WF", sums.WF}, {"gram", sums.gram}});
}

SEXP aux_slopes(LocalRows& rows, const VectorXd& x, const Rcpp::List&) {
  return list({{"slopes", rows.aux_slopes(x)}});
}

struct Sums {
  const char* name;
  SEXP (*of)(LocalRows& rows, const VectorXd& x, const Rcpp::List& ask);
};

constexpr Sums kSums[] = {{"terms", terms},
                          {"third", third},
                          {"gradient", gradient},
                          {"working", working},
                          {"aux_slopes", aux_slopes}};

}  // namespace

RowsMaker rows_of(const Rcpp::List& design) {
  if (!has_cells(design)) return local_rows;
  return [design](const Design&, Family& family) -> std::unique_ptr<SparseRows> {
    return std::make_unique<AskedRows>(design, family);
  };
}

SEXP cell_sums(const Rcpp::List& list, const Rcpp::List& family_list, const Rcpp::List& ask) {
  const Design d = design(list);
  const auto f = family(family_list);
  const VectorMap x = vector(ask, "x");
  const IntegerMap cell = integers(list, "cell");
  if (cell.size() != d.X.rows()) Rcpp::stop("internal: `cell` has the wrong length");
  LocalRows rows(d, *f, cell.data(), x.size());
  rows.move(vector(ask, "psi"));
  const std::string what = text(ask, "what");
  for (const Sums& known : kSums)
    if (what == known.name) return known.of(rows, x, ask);
  Rcpp::stop("internal: no sums `%s`", what);
}

}  // namespace glue
