// The estimating equations sum_i D_i' V_i^-1 (y_i - mu_i) = 0 of Liang and Zeger (1986), with
// V_i = phi A^1/2 W^-1/2 R_i(alpha) W^-1/2 A^1/2, A the variance function and W prior weights times
// binomial sizes.
//
// With s_j = (dmu/deta) sqrt(w_j / v_j), D~ = diag(s) X and the Pearson residuals
// e_j = (y_j - mu_j) sqrt(w_j / v_j), cluster i adds D~'R^-1 e / phi to the score and
// D~'R^-1 D~ / phi to the information. Rows of L^-1 [D~ e], R = LL', give both as cross-products.
#pragma once

#include <cmath>

#include "family/family.hpp"
#include "gee/source.hpp"
#include "gee/variance.hpp"
#include "linalg/exact_sums.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

struct MarginalData {
  MatrixMap X;       // n x p, full column rank, sorted by cluster
  Rows response;     // n
  VectorMap offset;  // n
  Layout layout;
  const double* cluster_weight;  // one per cluster: its equations count so often; or null
  // n, or null: multiplies residuals in the score, sum D_i'V_i^-1 W_i e_i, and not the information.
  // Rows of weight 0 were not observed: V_i spans them, their response is not read.
  const double* score_weight = nullptr;

  Index p() const { return X.cols(); }
  Index rows() const { return X.rows(); }
  double weight_of(Index cluster) const { return cluster_weight ? cluster_weight[cluster] : 1; }
};

struct MarginalFamily {
  const Family& family;
  Variance variance;
};

// s, e by row, and the moment sums, at one beta. A mean that is rounded to the response at the end
// of its range (1 for a logit above 36) takes no part: s = e = 0.
struct Residuals {
  VectorXd beta, s, e;
  VectorXd log_slope;  // d log s / d eta, where asked for
  VectorXd adjusted;   // e~ of adjusted_residuals.hpp, where asked for
  MomentSums sums;
  bool complete = false;  // are there any yet, of all rows?
  bool valid = false;     // is every mean inside its range?
};

class Equations {
 public:
  Equations(const MarginalData& data, const MarginalFamily& family, const RunContext& context)
      : data_(data),
        family_(family),
        context_(context),
        blocks_(cluster_blocks(data.layout.clusters())) {}

  // Without sums. What `out` has of this beta is not computed again. False when the caller
  // interrupted.
  bool residuals(const VectorXd& beta, bool slopes, Residuals& out) const;

  // The moment sums of the same residuals at the alpha that is set in R; of e and e~, if there are
  // adjusted ones.
  bool moments(const Correlation& R, const MomentRule& rule, Residuals& at) const;

  // Adds up the equations at the residuals and the alpha that is set in R. With `hat`, the inverse
  // information of the last step, also the adjustment of Firth (1993).
  bool sums(const Residuals& at, const Correlation& R, const MatrixXd* hat,
            EquationSums& out) const;

  // u_i (p x m) and B_i (p * p x m), phi included. With a score weight B A^-1 u_i, A the derivative
  // of the weighted equations, so that B^-1 times it is the influence.
  bool pieces(const Residuals& at, const Correlation& R, double phi, MatrixXd& scores,
              MatrixXd& information) const;

  // The same sums, and others that a search asks for, without rounding (exact_equations.cpp).
  // False when the caller interrupted.
  //   moments: squares, rows; num, off, den, pairs, of each sum
  //   sums: the lower triangle of [D~ e]'R^-1 [D~ e]; p adjustments
  //   products: see Correlation::add_products()
  //   likelihood: that of independent rows
  //   least_squares: the lower triangle of X'X, X'(level - offset)
  bool exact_moments(const Residuals& at, const Correlation& R, const MomentRule& rule,
                     ExactSums& to) const;
  bool exact_sums(const Residuals& at, const Correlation& R, const MatrixXd* hat,
                  ExactSums& to) const;
  bool exact_products(const Residuals& at, const Correlation& R, ExactSums& to) const;
  bool exact_likelihood(const VectorXd& beta, ExactSums& to) const;
  bool exact_least_squares(double level, ExactSums& to) const;

  const MarginalData& data() const { return data_; }
  const RunContext& context() const { return context_; }

 private:
  bool block_residuals(const Block& block, const VectorXd& beta, bool slopes, Residuals& out) const;
  void fill(const Residuals& at, Index first, Index rows, Eigen::Ref<MatrixXd> buffer) const;

  static constexpr Index kChunk = 2048;  // rows of a buffer that stays in cache
  const MarginalData& data_;
  const MarginalFamily& family_;
  const RunContext& context_;
  std::vector<Block> blocks_;
};

}  // namespace margmix
