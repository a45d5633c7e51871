// Covariances: convert, call, convert back.
#include "glue_sums.h"

#include "inference/hotelling.hpp"
#include "inference/influence.hpp"
#include "inference/joint_reference.hpp"
#include "inference/sandwich.hpp"
#include "inference/score_test.hpp"

using namespace margmix;

namespace {

MatrixMap map(const Rcpp::NumericMatrix& x) { return MatrixMap(x.begin(), x.nrow(), x.ncol()); }

DfRule df_rule(const std::string& name) {
  if (name == "none") return DfRule::none;
  if (name == "satterthwaite") return DfRule::satterthwaite;
  if (name == "pan-wall") return DfRule::pan_wall;
  if (name == "fay-graubard") return DfRule::fay_graubard;
  throw std::invalid_argument("unknown rule for degrees of freedom: " + name);
}

SandwichRequest request(const Rcpp::List& ask) {
  return {Rcpp::as<std::string>(ask["type"]), glue::matrix(ask, "contrasts"),
          df_rule(Rcpp::as<std::string>(ask["rule"])), Rcpp::as<double>(ask["rows"])};
}

Rcpp::List sandwich_list(const Sandwich& r) {
  return Rcpp::List::create(Rcpp::_["vcov"] = glue::matrix(r.vcov),
                            Rcpp::_["leverage"] = glue::vector(r.leverage),
                            Rcpp::_["df"] = glue::vector(r.df));
}

}  // namespace

// ask: list(type, contrasts, rule, rows)
// [[Rcpp::export]]
Rcpp::List sandwich_(const Rcpp::NumericMatrix& scores, const Rcpp::NumericMatrix& information,
                     const Rcpp::List& ask) {
  return sandwich_list(sandwich(ClusterPieces(map(scores), map(information)), request(ask)));
}

// Of some clusters; B is the information of all.
// [[Rcpp::export]]
Rcpp::List sandwich_sums_(const Rcpp::NumericMatrix& scores, const Rcpp::NumericMatrix& information,
                          const Rcpp::NumericMatrix& B, const Rcpp::List& ask) {
  const SandwichSums r =
      sandwich_sums(ClusterPieces(map(scores), map(information), map(B)), request(ask));
  return Rcpp::List::create(Rcpp::_["meat"] = glue::matrix(r.meat),
                            Rcpp::_["satterthwaite"] = glue::satterthwaite(r.satterthwaite),
                            Rcpp::_["lost_rows"] = glue::counts(r.lost_rows),
                            Rcpp::_["lost"] = glue::counts(r.lost),
                            Rcpp::_["leverage"] = glue::vector(r.leverage));
}

// Sums of sandwich_sums_() over all clusters, of which there are so many.
// [[Rcpp::export]]
Rcpp::List sandwich_of_sums_(const Rcpp::List& sums, const Rcpp::NumericMatrix& B, int clusters,
                             const Rcpp::List& ask) {
  const MatrixMap none(nullptr, B.nrow(), 0);
  const SandwichSums all{glue::matrix(sums, "meat"),
                         glue::satterthwaite(Rcpp::List(sums["satterthwaite"])),
                         glue::flags(sums, "lost_rows"), glue::flags(sums, "lost"), VectorXd(0)};
  return sandwich_list(
      sandwich_of_sums(ClusterPieces(none, none, map(B)), request(ask), all, clusters));
}

// [[Rcpp::export]]
Rcpp::NumericVector satterthwaite_df_(const Rcpp::List& sums) {
  return glue::vector(satterthwaite_df(glue::satterthwaite(sums)));
}

// [[Rcpp::export]]
Rcpp::List corrected_scores_(const Rcpp::NumericMatrix& scores,
                             const Rcpp::NumericMatrix& information, const std::string& type) {
  const Corrections parts = corrections_of(type);
  if (parts.size() != 1) throw std::invalid_argument("no single correction: " + type);
  const CorrectedScores r =
      corrected_scores(ClusterPieces(map(scores), map(information)), parts.front());
  return Rcpp::List::create(Rcpp::_["scores"] = glue::matrix(r.scores),
                            Rcpp::_["bread"] = glue::matrix(r.B_inverse),
                            Rcpp::_["leverage"] = glue::vector(r.leverage));
}

// [[Rcpp::export]]
double hotelling_eta_(const Rcpp::NumericMatrix& scores, const Rcpp::NumericMatrix& information,
                      const std::string& type, const Rcpp::NumericMatrix& C) {
  const ClusterPieces pieces(map(scores), map(information));
  if (!pieces.definite()) return kNaN;
  return ApproximateHotelling(pieces, corrections_of(type), map(C)).eta();
}

// draws: list(z, b, u)
// [[Rcpp::export]]
Rcpp::NumericVector joint_tails_(const Rcpp::NumericMatrix& scores,
                                 const Rcpp::NumericMatrix& information, const std::string& type,
                                 const Rcpp::NumericMatrix& C, const Rcpp::NumericVector& shift,
                                 double Q, const Rcpp::List& draws) {
  const ClusterPieces pieces(map(scores), map(information));
  const MatrixMap z = glue::matrix(draws, "z");
  if (!pieces.definite()) return glue::vector(VectorXd::Constant(z.cols(), kNaN));
  const JointReference reference(pieces, corrections_of(type), map(C),
                                 VectorMap(shift.begin(), shift.size()));
  const VectorMap u(glue::doubles(draws, "u", z.cols()), z.cols());
  return glue::vector(reference.tails(Q, {z, glue::matrix(draws, "b"), u}));
}

// [[Rcpp::export]]
double score_statistic_(const Rcpp::NumericMatrix& scores, const Rcpp::NumericMatrix& information,
                        const Rcpp::NumericMatrix& C) {
  return score_statistic(ClusterPieces(map(scores), map(information)), map(C));
}

// [[Rcpp::export]]
Rcpp::List influence_(const Rcpp::NumericMatrix& scores, const Rcpp::NumericMatrix& information) {
  const Influence r = influence(ClusterPieces(map(scores), map(information)));
  return Rcpp::List::create(Rcpp::_["dfbeta"] = glue::matrix(r.dfbeta),
                            Rcpp::_["cooks_distance"] = glue::vector(r.cooks_distance),
                            Rcpp::_["leverage"] = glue::vector(r.leverage));
}
