// What random effects imply for the population: convert, call, convert back.
#include "glue.h"

#include <tuple>

#include "glmm/effect_distribution.hpp"
#include "marginal/moments.hpp"
#include "marginal/projection.hpp"
#include "marginal/standardize.hpp"

using namespace margmix;

namespace {

// The family of the responses given the effects, and the distribution of these.
struct Law {
  explicit Law(const Rcpp::List& list)
      : spec(glue::spec(list)), effect(glue::effect_law(list)), family(make_family(spec)) {}

  const FamilySpec spec;
  const EffectLaw effect;
  const std::unique_ptr<Family> family;
};

// Is the likelihood of a row log-concave in its predictor?
SEXP log_concave(const Law& law, const Rcpp::List&) {
  return Rcpp::wrap(law.family->log_concave());
}

// The value of each row at (eta, s), under that name, and its derivatives.
template <typename At>
SEXP by_row(const Rcpp::List& ask, const char* value_name, At at) {
  const VectorMap eta = glue::vector(ask, "eta");
  const R_xlen_t n = eta.size();
  const VectorMap s = glue::vector(ask, "s", n);
  Rcpp::NumericVector value(n), d_eta(n), d_s(n);
  for (R_xlen_t j = 0; j < n; ++j) {
    if (j % 10000 == 0) Rcpp::checkUserInterrupt();
    std::tie(value[j], d_eta[j], d_s[j]) = at(eta[j], s[j]);
  }
  return glue::list({{value_name, value}, {"d_eta", d_eta}, {"d_s", d_s}});
}

// eta, s -> population means
SEXP mean(const Law& law, const Rcpp::List& ask) {
  const PopulationMeanRule rule(law.spec, *law.family, law.effect);
  return by_row(ask, "mean", [&](double eta, double s) {
    const PopulationMean m = rule(eta, s);
    return std::make_tuple(m.mean, m.d_eta, m.d_s);
  });
}

// eta, s -> variances of conditional means
SEXP between_variance(const Law& law, const Rcpp::List& ask) {
  const BetweenMoments moments(law.spec, *law.family, law.effect);
  return by_row(ask, "value", [&](double eta, double s) {
    const BetweenVariance v = moments.variance(eta, s);
    return std::make_tuple(v.value, v.d_eta, v.d_s);
  });
}

// eta, S (covariance matrix of the random parts) -> n x n covariances of conditional means
SEXP between_covariance(const Law& law, const Rcpp::List& ask) {
  const BetweenMoments moments(law.spec, *law.family, law.effect);
  const VectorMap eta = glue::vector(ask, "eta");
  const MatrixMap S = glue::matrix(ask, "S");
  const int n = static_cast<int>(eta.size());
  Rcpp::NumericMatrix out(n, n);
  for (int j = 0; j < n; ++j) {
    Rcpp::checkUserInterrupt();
    const double sj = std::sqrt(S(j, j));
    for (int k = 0; k <= j; ++k)
      out(j, k) = out(k, j) = moments.covariance(eta[j], sj, eta[k], std::sqrt(S(k, k)), S(j, k));
  }
  return out;
}

// rows: list(X, Z, offset, weight, group, groups, cluster, clusters), see TargetRows, and `exact`,
// if totals are wanted without rounding; beta, Lambda,
// theta_row, theta_col
SEXP standardize(const Law& law, const Rcpp::List& ask) {
  const PopulationMeanRule rule(law.spec, *law.family, law.effect);
  const Rcpp::List rows = glue::list(ask, "rows");
  const MatrixMap X = glue::matrix(rows, "X");
  const R_xlen_t n = X.rows();
  const TargetRows target{X,
                          glue::matrix(rows, "Z"),
                          glue::vector(rows, "offset", n),
                          glue::vector(rows, "weight", n),
                          glue::integers(rows, "group"),
                          glue::integer(rows, "groups"),
                          glue::integers(rows, "cluster"),
                          glue::integer(rows, "clusters")};
  const VectorMap beta = glue::vector(ask, "beta", X.cols());
  const MatrixMap Lambda = glue::matrix(ask, "Lambda");
  const IntegerMap theta_row = glue::integers(ask, "theta_row"),
                   theta_col = glue::integers(ask, "theta_col");
  Standardizer standardizer(target, beta, Lambda, theta_row, theta_col, rule);
  const Index G = target.groups, p = beta.size(), t = theta_row.size();
  if (glue::has(rows, "exact")) {
    ExactSums exact(G * (2 + p + t));
    const StandardizedSums sums = standardizer.run(&exact);
    return glue::list({{"weight", glue::exact(exact, 0, G)},
                       {"mean", glue::exact(exact, G, G)},
                       {"d_beta", glue::exact(exact, 2 * G, p, G)},
                       {"d_theta", glue::exact(exact, (2 + p) * G, t, G)},
                       {"cluster_weight", sums.cluster_weight},
                       {"cluster_mean", sums.cluster_mean}});
  }
  const StandardizedSums sums = standardizer.run();
  return glue::list({{"weight", sums.weight},
                     {"mean", sums.mean},
                     {"d_beta", sums.d_beta},
                     {"d_theta", sums.d_theta},
                     {"cluster_weight", sums.cluster_weight},
                     {"cluster_mean", sums.cluster_mean}});
}

// rows: list(X, offset, weight, mean, d_eta, d_theta); variance: v0, v1, v2; start
SEXP projection(const Law& law, const Rcpp::List& ask) {
  const Rcpp::List rows = glue::list(ask, "rows");
  const MatrixMap X = glue::matrix(rows, "X");
  const R_xlen_t n = X.rows();
  const ImpliedRows implied{X,
                            glue::vector(rows, "offset", n),
                            glue::vector(rows, "weight", n),
                            glue::vector(rows, "mean", n),
                            glue::vector(rows, "d_eta", n),
                            glue::matrix(rows, "d_theta")};
  const double* v = glue::doubles(ask, "variance", 3);
  const Projection r =
      MarginalProjection(implied, *law.family, {v[0], v[1], v[2]}).run(glue::vector(ask, "start"));
  return glue::list({{"gamma", r.gamma},
                     {"jacobian", r.jacobian},
                     {"converged", r.converged},
                     {"iterations", r.iterations}});
}

constexpr glue::Piece<Law> kMarginalPieces[] = {
    {"log_concave", log_concave},           {"mean", mean},
    {"between_variance", between_variance}, {"between_covariance", between_covariance},
    {"standardize", standardize},           {"projection", projection}};

}  // namespace

// What the law of responses is asked for.
// [[Rcpp::export(rng = false)]]
SEXP population_(const Rcpp::List& law, const std::string& piece, const Rcpp::List& ask) {
  return glue::piece(kMarginalPieces, piece, Law(law), ask);
}

// b and its derivatives in sigma at u, for a distribution that list(law) names.
// [[Rcpp::export(rng = false)]]
Rcpp::List effect_at_(const Rcpp::List& of, const Rcpp::NumericVector& u, double sigma) {
  const auto effect = make_effect(glue::effect_law(of), sigma);
  const R_xlen_t n = u.size();
  Rcpp::NumericVector b(n), d1(n), d2(n);
  for (R_xlen_t k = 0; k < n; ++k) {
    const EffectDistribution::Value v = effect->at(u[k]);
    b[k] = v.b;
    d1[k] = v.d1;
    d2[k] = v.d2;
  }
  return glue::list({{"b", b}, {"d1", d1}, {"d2", d2}});
}
