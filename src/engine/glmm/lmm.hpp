// Linear mixed model with one grouping factor: exact log-likelihood, ML or REML, with beta
// profiled out and, on request, sigma too.
//
// Lambda is relative to sigma here. With A_i = I + Lambda'Z_i'W_i Z_i Lambda, r = y - X beta,
//   -2 log L = sum log|A_i| + N log(2 pi phi) + rss / phi - sum log w            (N = n)
//   REML adds log|B| - p log phi and N = n - p in the constant, B = X'V^-1 X at phi = 1
// (Bates et al. 2015, eqs 34-41; Lindstrom & Bates 1988).
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"

namespace margmix {

struct LmmResult {
  double value = -kInf;  // log-likelihood or REML criterion, full constants
  VectorXd gradient;     // in theta (relative), and log phi when phi was given
  VectorXd beta;
  MatrixXd B;  // X'V^-1 X at phi = 1
  double phi = kNaN;
  Status status = Status::ok;
};

class LmmObjective {
 public:
  LmmObjective(const Design& design, bool frequency, bool reml)
      : design_(design), frequency_(frequency), reml_(reml) {}

  // `log_phi` NaN: phi is profiled out.
  LmmResult operator()(const double* theta, double log_phi, const RunContext& context) const;

 private:
  // Sums over clusters for beta: B, X'V^-1 y, y'V^-1 y, sum log|A|.
  struct Cross {
    MatrixXd M;  // (p + 1) x (p + 1): [X y]'V^-1 [X y]
    double log_det = 0;
  };
  // Z'WZ and the solves A^-1 Lambda'Z'W [X y] of one cluster.
  struct Solves {
    MatrixXd G, A_inverse, C;  // q x q, q x q, q x (p + 1)
    MatrixXd ZWD;              // q x (p + 1): Z'W [X y]
    double log_det = 0;
  };
  Solves solve(Index i, const MatrixXd& Lambda, MatrixXd& WD) const;
  auto D_rows(Index i) const;

  const Design& design_;
  const bool frequency_, reml_;
};

}  // namespace margmix
