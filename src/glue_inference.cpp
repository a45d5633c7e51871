// What follows from scores and information of clusters: convert, call, convert back.
#include "glue.h"

#include "inference/correction.hpp"
#include "inference/hotelling.hpp"
#include "inference/influence.hpp"
#include "inference/joint_reference.hpp"
#include "inference/sandwich.hpp"
#include "inference/satterthwaite.hpp"
#include "inference/score_test.hpp"
#include "marginal/corrected_influence.hpp"

using namespace margmix;

namespace {

Rcpp::NumericVector counts(const LostContrasts::Flags& lost) {
  return glue::vector(VectorXd(lost.cast<double>()));
}

LostContrasts::Flags flags(const Rcpp::List& list, const char* name) {
  const Rcpp::NumericVector x = list[name];
  return VectorMap(x.begin(), x.size()).array() > 0;
}

Rcpp::List satterthwaite(const SatterthwaiteSums& sums) {
  return glue::list({{"trace", sums.trace}, {"square", sums.square}, {"T", sums.T}});
}

SatterthwaiteSums satterthwaite(const Rcpp::List& list) {
  const MatrixMap T = glue::matrix(list, "T");
  const R_xlen_t k = T.rows();
  return {glue::vector(list, "trace", k), glue::vector(list, "square", k), T};
}

DfRule df_rule(const std::string& name) {
  if (name == "none") return DfRule::none;
  if (name == "satterthwaite") return DfRule::satterthwaite;
  if (name == "pan-wall") return DfRule::pan_wall;
  if (name == "fay-graubard") return DfRule::fay_graubard;
  throw std::invalid_argument("unknown rule for degrees of freedom: " + name);
}

SandwichRequest request(const Rcpp::List& ask) {
  return {glue::text(ask, "type"), glue::matrix(ask, "contrasts"), df_rule(glue::text(ask, "rule")),
          glue::number(ask, "rows")};
}

Rcpp::List sandwich_list(const Sandwich& r) {
  return glue::list({{"vcov", r.vcov}, {"leverage", r.leverage}, {"df", r.df}});
}

std::vector<Correction> corrections(const Rcpp::List& ask) {
  return corrections_of(glue::text(ask, "type"));
}

// type, contrasts, rule, rows
SEXP sandwich_of(const ClusterPieces& pieces, const Rcpp::List& ask) {
  return sandwich_list(sandwich(pieces, request(ask)));
}

Rcpp::List satterthwaite(const ExactSums& sums, Index first, Index k, Index triangle) {
  return glue::list({{"trace", glue::exact(sums, first, k)},
                     {"square", glue::exact(sums, first + k, k)},
                     {"T", glue::exact(sums, first + 2 * k, k, triangle)}});
}

// The same -> sums over some of the clusters.
SEXP sums(const ClusterPieces& pieces, const Rcpp::List& ask) {
  const SandwichRequest wanted = request(ask);
  const ExactSandwichSums r = exact_sandwich_sums(pieces, wanted);
  const Index p = pieces.p(), meat = triangle_size(p);
  return glue::list({{"meat", glue::exact_symmetric(r.exact, 0, p)},
                     {"satterthwaite", satterthwaite(r.exact, meat, wanted.contrasts.cols(), meat)},
                     {"lost_rows", counts(r.rest.lost_rows)},
                     {"lost", counts(r.rest.lost)},
                     {"leverage", r.rest.leverage}});
}

// The same, sums added over all clusters, and how many these are. There are no pieces but B.
SEXP sandwich_of_all(const ClusterPieces& pieces, const Rcpp::List& ask) {
  const Rcpp::List sums = glue::list(ask, "sums");
  const SandwichSums all{glue::matrix(sums, "meat"),
                         satterthwaite(Rcpp::List(sums["satterthwaite"])), flags(sums, "lost_rows"),
                         flags(sums, "lost"), VectorXd(0)};
  return sandwich_list(sandwich_of_sums(pieces, request(ask), all, glue::integer(ask, "clusters")));
}

// type
SEXP corrected(const ClusterPieces& pieces, const Rcpp::List& ask) {
  const std::vector<Correction> parts = corrections(ask);
  if (parts.size() != 1) throw std::invalid_argument("not a single correction");
  const CorrectedScores r = corrected_scores(pieces, parts.front());
  return glue::list({{"scores", r.scores}, {"bread", r.B_inverse}, {"leverage", r.leverage}});
}

// type, directions; exact, are the sums wanted without rounding?
SEXP corrected_directions(const ClusterPieces& pieces, const Rcpp::List& ask) {
  const MatrixMap directions = glue::matrix(ask, "directions");
  const Correction type = corrections(ask).front();
  if (glue::has(ask, "exact")) {
    const Index k = directions.cols(), triangle = triangle_size(pieces.p());
    ExactSums sums(k * (2 + triangle));
    const CorrectedInfluence r = corrected_influence(pieces, type, directions, &sums);
    return glue::list({{"scores", r.scores},
                       {"leverage", r.leverage},
                       {"sums", satterthwaite(sums, 0, k, triangle)},
                       {"lost", counts(r.lost)}});
  }
  const CorrectedInfluence r = corrected_influence(pieces, type, directions);
  return glue::list({{"scores", r.scores},
                     {"leverage", r.leverage},
                     {"sums", satterthwaite(r.sums)},
                     {"lost", counts(r.lost)}});
}

// type, C
SEXP hotelling_eta(const ClusterPieces& pieces, const Rcpp::List& ask) {
  if (!pieces.definite()) return Rcpp::wrap(kNaN);
  return Rcpp::wrap(ApproximateHotelling(pieces, corrections(ask), glue::matrix(ask, "C")).eta());
}

// type, C, shift, Q, and draws z, b, u
SEXP joint_tails(const ClusterPieces& pieces, const Rcpp::List& ask) {
  const MatrixMap z = glue::matrix(ask, "z");
  if (!pieces.definite()) return glue::vector(VectorXd::Constant(z.cols(), kNaN));
  const JointReference reference(pieces, corrections(ask), glue::matrix(ask, "C"),
                                 glue::vector(ask, "shift"));
  const VectorMap u = glue::vector(ask, "u", z.cols());
  return glue::vector(reference.tails(glue::number(ask, "Q"), {z, glue::matrix(ask, "b"), u}));
}

// C
SEXP score_test(const ClusterPieces& pieces, const Rcpp::List& ask) {
  return Rcpp::wrap(score_statistic(pieces, glue::matrix(ask, "C")));
}

SEXP influence_of(const ClusterPieces& pieces, const Rcpp::List&) {
  const Influence r = influence(pieces);
  return glue::list(
      {{"dfbeta", r.dfbeta}, {"cooks_distance", r.cooks_distance}, {"leverage", r.leverage}});
}

constexpr glue::Piece<ClusterPieces> kInferencePieces[] = {
    {"sandwich", sandwich_of},
    {"sums", sums},
    {"sandwich_of_all", sandwich_of_all},
    {"corrected", corrected},
    {"corrected_directions", corrected_directions},
    {"hotelling_eta", hotelling_eta},
    {"joint_tails", joint_tails},
    {"score_test", score_test},
    {"influence", influence_of}};

// scores (p x m), information (p^2 x m), and B of all clusters where these are not all.
ClusterPieces cluster_pieces(const Rcpp::List& list) {
  const MatrixMap scores = glue::matrix(list, "scores"),
                  information = glue::matrix(list, "information");
  if (!glue::has(list, "B")) return ClusterPieces(scores, information);
  return ClusterPieces(scores, information, glue::matrix(list, "B"));
}

}  // namespace

// What the pieces of clusters are asked for.
// [[Rcpp::export(rng = false)]]
SEXP inference_(const Rcpp::List& pieces, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kInferencePieces, piece, cluster_pieces(pieces), ask);
}

// [[Rcpp::export(rng = false)]]
Rcpp::NumericVector satterthwaite_df_(const Rcpp::List& sums) {
  return glue::vector(satterthwaite_df(satterthwaite(sums)));
}
