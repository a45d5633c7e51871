// Kenward and Roger: convert, call, convert back.
#include "glue_groups.h"

#include "inference/kenward_roger.hpp"
#include "inference/related_pieces.hpp"

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

// Of a design: W, Lambda, threads; and where levels are related rho and the entries of it, from 0,
// that count as estimated.
KenwardRogerPieces pieces_of(const GroupedDesign& d, const Rcpp::List& ask) {
  const VectorXd W = glue::vector(ask, "W", d.X.rows());
  const MatrixXd Lambda = MatrixMap(glue::doubles(ask, "Lambda", d.q() * d.q()), d.q(), d.q());
  const RunContext context = glue::context(glue::integer(ask, "threads"));
  if (!d.related()) return kenward_roger_pieces(d, W, Lambda, context);
  return related_pieces(d, W, Lambda, glue::vector(ask, "rho", d.n_rho),
                        glue::copied_integers(ask, "slopes"), context);
}

SEXP pieces(const Rcpp::List& design, const Rcpp::List& ask) {
  const GroupedDesign d = glue::grouped_design(design);
  const KenwardRogerPieces r = pieces_of(d, ask);
  glue::stop_if_interrupted(r.status);
  return glue::list({{"M", r.M},
                     {"M_0", r.M_0},
                     {"P", flat(r.P, d.p())},
                     {"Q", flat(r.Q, d.p())},
                     {"T", r.T},
                     {"t", r.t},
                     {"status", r.status}});
}

// Of pieces: v, phi, N for a residual variance phi, otherwise nothing.
SEXP covariance(const Rcpp::List& of, const Rcpp::List& ask) {
  const MatrixMap M = glue::matrix(of, "M");
  KenwardRogerPieces x;
  x.M = M;
  x.M_0 = glue::matrix(of, "M_0");
  x.P = squares(glue::matrix(of, "P"), M.rows());
  x.Q = squares(glue::matrix(of, "Q"), M.rows());
  x.T = glue::matrix(of, "T");
  x.t = glue::vector(of, "t", x.T.rows());
  if (ask.size())
    x = with_dispersion(x, glue::vector(ask, "v", x.t.size()), glue::number(ask, "phi"),
                        glue::number(ask, "N"));
  const KenwardRoger r = kenward_roger(x);
  return glue::list({{"Phi", r.Phi},
                     {"P", flat(r.P, M.rows())},
                     {"Omega", r.Omega},
                     {"correction", r.correction},
                     {"Phi_0", r.Phi_0},
                     {"change", r.change},
                     {"definite", r.definite}});
}

// Of a covariance, R: the part of R that adds to Phi.
SEXP added(const Rcpp::List& of, const Rcpp::List& ask) {
  return glue::matrix(positive_part(glue::matrix(ask, "R"), glue::matrix(of, "Phi")));
}

// Of a covariance, C and joint: the reference of each row of C, or of all rows together.
SEXP reference(const Rcpp::List& of, const Rcpp::List& ask) {
  const MatrixXd Phi = glue::matrix(of, "Phi"), P = glue::matrix(of, "P"),
                 Omega = glue::matrix(of, "Omega"), Phi_0 = glue::matrix(of, "Phi_0");
  const KenwardRogerReference reference(Phi, P, Omega, Phi_0);
  const MatrixMap rows = glue::matrix(ask, "C");
  const bool joint = glue::flag(ask, "joint");
  const Index tests = joint ? 1 : rows.rows();
  VectorXd df(tests), scale(tests);
  for (Index k = 0; k < tests; ++k) {
    const FReference r = joint ? reference(rows) : reference(rows.row(k));
    df[k] = r.df;
    scale[k] = r.scale;
  }
  return glue::list({{"df", df}, {"scale", scale}});
}

constexpr glue::Piece<Rcpp::List> kKenwardRogerPieces[] = {
    {"pieces", pieces}, {"covariance", covariance}, {"added", added}, {"reference", reference}};

}  // namespace

// One stage after the other: `of` is a design, its pieces, or the covariance they give.
// [[Rcpp::export(rng = false)]]
SEXP kenward_roger_(const Rcpp::List& of, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kKenwardRogerPieces, piece, of, ask);
}
