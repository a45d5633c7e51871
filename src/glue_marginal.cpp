// Population means and standardization: convert, call, convert back.
#include "glue_sums.h"

#include "marginal/corrected_influence.hpp"
#include "marginal/standardize.hpp"

using namespace margmix;

// [[Rcpp::export]]
Rcpp::List population_mean_(const Rcpp::NumericVector& eta, const Rcpp::NumericVector& s,
                            const Rcpp::List& family) {
  const auto f = glue::family(family);
  const PopulationMeanRule rule(glue::spec(family), *f);
  const R_xlen_t n = eta.size();
  Rcpp::NumericVector mean(n), d_eta(n), d_s(n);
  for (R_xlen_t j = 0; j < n; ++j) {
    if (j % 10000 == 0) Rcpp::checkUserInterrupt();
    const PopulationMean m = rule(eta[j], s[j]);
    mean[j] = m.mean;
    d_eta[j] = m.d_eta;
    d_s[j] = m.d_s;
  }
  return Rcpp::List::create(Rcpp::_["mean"] = mean, Rcpp::_["d_eta"] = d_eta, Rcpp::_["d_s"] = d_s);
}

// rows: X, Z, offset, weight, group, groups, cluster, clusters (see TargetRows);
// parameters: beta, Lambda, theta_row, theta_col.
// [[Rcpp::export]]
Rcpp::List standardize_(const Rcpp::List& rows, const Rcpp::List& parameters,
                        const Rcpp::List& family) {
  const auto f = glue::family(family);
  const PopulationMeanRule rule(glue::spec(family), *f);
  const MatrixMap X = glue::matrix(rows, "X");
  const R_xlen_t n = X.rows();
  const TargetRows target{X,
                          glue::matrix(rows, "Z"),
                          VectorMap(glue::doubles(rows, "offset", n), n),
                          VectorMap(glue::doubles(rows, "weight", n), n),
                          glue::integers(rows, "group"),
                          Rcpp::as<int>(rows["groups"]),
                          glue::integers(rows, "cluster"),
                          Rcpp::as<int>(rows["clusters"])};
  const VectorMap beta(glue::doubles(parameters, "beta", X.cols()), X.cols());
  const MatrixMap Lambda = glue::matrix(parameters, "Lambda");
  const IntegerMap theta_row = glue::integers(parameters, "theta_row"),
                   theta_col = glue::integers(parameters, "theta_col");
  const StandardizedSums sums =
      Standardizer(target, beta, Lambda, theta_row, theta_col, rule).run();
  return Rcpp::List::create(Rcpp::_["weight"] = glue::vector(sums.weight),
                            Rcpp::_["mean"] = glue::vector(sums.mean),
                            Rcpp::_["d_beta"] = glue::matrix(sums.d_beta),
                            Rcpp::_["d_theta"] = glue::matrix(sums.d_theta),
                            Rcpp::_["cluster_weight"] = glue::matrix(sums.cluster_weight),
                            Rcpp::_["cluster_mean"] = glue::matrix(sums.cluster_mean));
}

// pieces: list(scores (p x m), information (p^2 x m)) of some or all of the clusters; B: the
// information of all.
// [[Rcpp::export]]
Rcpp::List corrected_influence_(const Rcpp::List& pieces, const Rcpp::NumericMatrix& B,
                                const std::string& type, const Rcpp::NumericMatrix& directions) {
  const CorrectedInfluence r = corrected_influence(
      ClusterPieces(glue::matrix(pieces, "scores"), glue::matrix(pieces, "information"),
                    MatrixMap(B.begin(), B.nrow(), B.ncol())),
      corrections_of(type).front(),
      MatrixMap(directions.begin(), directions.nrow(), directions.ncol()));
  return Rcpp::List::create(
      Rcpp::_["scores"] = glue::matrix(r.scores), Rcpp::_["leverage"] = glue::vector(r.leverage),
      Rcpp::_["sums"] = glue::satterthwaite(r.sums), Rcpp::_["lost"] = glue::counts(r.lost));
}
