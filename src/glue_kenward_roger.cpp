// Kenward and Roger: convert, call, convert back.
#include "glue_groups.h"

#include "design/dispersion.hpp"
#include "inference/kenward_roger.hpp"

using namespace margmix;

namespace {

// Square matrices side by side, each as a column.
Rcpp::NumericMatrix flat(const std::vector<MatrixXd>& x, Index p) {
  Rcpp::NumericMatrix out(p * p, x.size());
  for (std::size_t k = 0; k < x.size(); ++k)
    std::copy(x[k].data(), x[k].data() + p * p, out.begin() + p * p * k);
  return out;
}

std::vector<MatrixXd> squares(const MatrixMap& x, Index p) {
  std::vector<MatrixXd> out;
  for (Index k = 0; k < x.cols(); ++k) out.push_back(MatrixMap(x.col(k).data(), p, p));
  return out;
}

}  // namespace

// -l'' of every row at the predictor eta.
// [[Rcpp::export]]
Rcpp::NumericVector row_weights_(const Rcpp::List& design, const Rcpp::List& family,
                                 const Rcpp::NumericVector& eta, const Rcpp::NumericVector& aux) {
  const Design d = glue::design(design);
  const auto f = glue::family(family);
  if (aux.size() != d.n_aux(*f)) Rcpp::stop("internal: `aux` has the wrong length");
  set_dispersion(d, VectorMap(aux.begin(), aux.size()), *f);
  if (eta.size() != d.X.rows()) Rcpp::stop("internal: `eta` has the wrong length");
  Rcpp::NumericVector W(eta.size());
  f->rows(d.response, eta.begin(), nullptr, W.begin(), nullptr, nullptr);
  return W;
}

// [[Rcpp::export]]
Rcpp::List kenward_roger_pieces_(const Rcpp::List& design, const Rcpp::NumericVector& W,
                                 const Rcpp::NumericMatrix& Lambda, int threads) {
  const GroupedDesign d = glue::grouped_design(design);
  if (W.size() != d.X.rows()) Rcpp::stop("internal: `W` has the wrong length");
  const KenwardRogerPieces r =
      kenward_roger_pieces(d, VectorMap(W.begin(), W.size()),
                           MatrixMap(Lambda.begin(), d.q(), d.q()), glue::context(threads));
  glue::stop_if_interrupted(r.status);
  return Rcpp::List::create(Rcpp::_["M"] = glue::matrix(r.M), Rcpp::_["M_0"] = glue::matrix(r.M_0),
                            Rcpp::_["P"] = flat(r.P, d.p()), Rcpp::_["Q"] = flat(r.Q, d.p()),
                            Rcpp::_["T"] = glue::matrix(r.T), Rcpp::_["t"] = glue::vector(r.t),
                            Rcpp::_["status"] = glue::name(r.status));
}

// scale: list(v, phi, N) for a residual variance phi, otherwise empty.
// [[Rcpp::export]]
Rcpp::List kenward_roger_(const Rcpp::List& pieces, const Rcpp::List& scale) {
  const MatrixMap M = glue::matrix(pieces, "M");
  KenwardRogerPieces x;
  x.M = M;
  x.M_0 = glue::matrix(pieces, "M_0");
  x.P = squares(glue::matrix(pieces, "P"), M.rows());
  x.Q = squares(glue::matrix(pieces, "Q"), M.rows());
  x.T = glue::matrix(pieces, "T");
  x.t = VectorMap(glue::doubles(pieces, "t", x.T.rows()), x.T.rows());
  if (scale.size())
    x = with_dispersion(x, VectorMap(glue::doubles(scale, "v", x.t.size()), x.t.size()),
                        scale["phi"], scale["N"]);
  const KenwardRoger r = kenward_roger(x);
  return Rcpp::List::create(
      Rcpp::_["Phi"] = glue::matrix(r.Phi), Rcpp::_["P"] = flat(r.P, M.rows()),
      Rcpp::_["Omega"] = glue::matrix(r.Omega), Rcpp::_["correction"] = glue::matrix(r.correction),
      Rcpp::_["Phi_0"] = glue::matrix(r.Phi_0), Rcpp::_["change"] = r.change,
      Rcpp::_["definite"] = r.definite);
}

// [[Rcpp::export]]
Rcpp::NumericMatrix positive_part_(const Rcpp::NumericMatrix& R, const Rcpp::NumericMatrix& Phi) {
  return glue::matrix(positive_part(MatrixMap(R.begin(), R.nrow(), R.ncol()),
                                    MatrixMap(Phi.begin(), Phi.nrow(), Phi.ncol())));
}

// The reference of each row of C, or (joint) of all rows together.
// [[Rcpp::export]]
Rcpp::List kenward_roger_reference_(const Rcpp::List& fitted, const Rcpp::NumericMatrix& C,
                                    bool joint) {
  const MatrixXd Phi = glue::matrix(fitted, "Phi"), P = glue::matrix(fitted, "P"),
                 Omega = glue::matrix(fitted, "Omega"), Phi_0 = glue::matrix(fitted, "Phi_0");
  const KenwardRogerReference reference(Phi, P, Omega, Phi_0);
  const MatrixMap rows(C.begin(), C.nrow(), C.ncol());
  const Index tests = joint ? 1 : rows.rows();
  VectorXd df(tests), scale(tests);
  for (Index k = 0; k < tests; ++k) {
    const FReference r = joint ? reference(rows) : reference(rows.row(k));
    df[k] = r.df;
    scale[k] = r.scale;
  }
  return Rcpp::List::create(Rcpp::_["df"] = glue::vector(df),
                            Rcpp::_["scale"] = glue::vector(scale));
}
