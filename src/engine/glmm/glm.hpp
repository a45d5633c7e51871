// A generalized linear model without random effects by damped Newton steps with the observed
// information: starting values, and a certificate that the fixed effects do not separate.
#pragma once

#include <cmath>
#include <functional>

#include "design/design.hpp"
#include "linalg/exact_sums.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

struct GlmFit {
  VectorXd beta;
  MatrixXd information;  // p x p, observed
  double value = -kInf;  // log-likelihood with constants
  double largest_eta = kInf;
  bool converged = false, definite = false;
  int iterations = 0;
};

// Sum of l, X'g and X'WX in one pass over chunks of rows that stay in cache.
class GlmObjective {
 public:
  GlmObjective(const Design& design, const Family& family, int threads = 1)
      : design_(design), family_(family), threads_(threads) {}

  double operator()(const VectorXd& beta, VectorXd* gradient, MatrixXd* information,
                    double* largest_eta, bool clip_W = false) const;

  // The same sums over clusters without rounding: value, gradient and lower triangle of the
  // information, or the value alone. Returns the largest |eta|.
  double add_exactly(const VectorXd& beta, bool derivatives, bool clip_W, ExactSums& to) const;

 private:
  struct Sums {
    double value = 0, largest = 0;
    VectorXd gradient;
    MatrixXd information;
  };
  void add_chunks(const Block& chunks, const VectorXd& beta, bool clip_W, Sums& to) const;

  static constexpr Index kChunk = 1024;
  const Design& design_;
  const Family& family_;
  int threads_;
};

// Least squares for X beta = level in every row: the mean model, where X holds a constant.
VectorXd constant_start(const Design& design, double level);

// GlmObjective's sums, wherever the rows are: in memory, or in shards that each give a part.
using GlmSums = std::function<double(const VectorXd& beta, VectorXd* gradient,
                                     MatrixXd* information, double* largest_eta, bool clip_W)>;

// The value lacks the constant of the densities.
GlmFit search_glm(const GlmSums& sums, VectorXd beta);

GlmFit fit_glm(const Design& design, const Family& family, VectorXd beta, int threads = 1);

}  // namespace margmix
