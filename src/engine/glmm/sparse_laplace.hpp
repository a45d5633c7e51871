// The Laplace approximation of the log-likelihood with several grouping factors, and its exact
// gradient.
//
//   log L = sum_j l_j(eta_j) - u'u / 2 - log|A| / 2,  eta = offset + X beta + V u,  V = Z Lambda
//
// at the mode u, where V'g = u; A = I + V'WV, W = -l'' (observed). With leverages h_j = V_j'A^-1
// V_j, T = dW/deta, t = h T / 2 and the adjoint lambda = A^-1 V't the gradient is, for a change of
// beta and of Lambda (dV = Z dLambda),
//
//   (g - t + W o V lambda)'(X dbeta + dV u) - lambda'dV'g - tr(A^-1 V'W dV),
//
// Where the precision of u is Q(rho) (SparsePrecision), u'u is u'Qu, V'g = Qu, A = Q + V'WV, log|Q|
// / 2 is added, and with dQ the change of Q the gradient in rho is
//
//   tr(Q^-1 dQ) / 2 - tr(A^-1 dQ) / 2 - u'dQ u / 2 + lambda'dQ u,
//
// so that its cost does not depend on the number of coefficients.
#pragma once

#include "core/run_context.hpp"
#include "glmm/sparse_rows.hpp"
#include "glmm/sparse_system.hpp"

namespace margmix {

struct SparseLaplace {
  double value = -kInf;
  VectorXd gradient;  // P
  MatrixXd tangents;  // du/dpsi, size x P
  MatrixXd hessian;   // where it is exact (glmm/sparse_hessian.hpp), and empty elsewhere
  MatrixXd scores;    // P x clusters: the parts of the gradient from each independent cluster
  VectorXd u;         // modes, order of elimination
  int factorisations = 0, newton_steps = 0, cg_iterations = 0;
  Status status = Status::ok;
};

// The state at the mode, from which values, gradients and variances follow.
class SparseMode {
 public:
  SparseMode(const GroupedDesign& design, const SparsePlan& plan, SparseRows& rows);
  SparseMode(const GroupedDesign& design, const SparsePlan& plan, SparseRows& rows,
             const VectorXd& psi)
      : SparseMode(design, plan, rows) {
    move(psi);
  }

  void move(const VectorXd& psi);

  // Newton steps from u, each solved by conjugate gradients, until they are of about the length
  // `accuracy` in the metric A; leaves A assembled at the mode.
  Status find(const VectorXd& start, const RunContext& context, double accuracy = 1e-7);
  // The same, from zero where a start may lead to another mode.
  Status find_any(const VectorXd& start, const RunContext& context) {
    return find(rows_.family().log_concave() ? start : VectorXd(), context);
  }

  // At `u`, with A assembled.
  Status place(const VectorXd& u, const RunContext& context);

  SparseSystem& system() { return system_; }
  const SparseSystem& system() const { return system_; }
  SparseRows& rows() const { return rows_; }
  const MatrixXd& Lambda() const { return Lambda_; }
  const VectorXd& u() const { return u_; }
  const VectorXd& x() const { return x_; }
  const VectorXd& g() const { return g_; }
  const VectorXd& W() const { return W_; }
  double rows_value() const { return rows_value_; }
  double quadratic() const { return u_.dot(Qu_); }  // u'Qu
  int newton_steps() const { return newton_steps_; }
  int cg_iterations() const { return cg_iterations_; }

 private:
  double evaluate();

  SparseRows& rows_;
  MatrixXd Lambda_;
  SparseSystem system_;
  VectorXd u_, Qu_, x_, g_, W_;  // x = V u, g and W by cell
  double rows_value_ = -kInf;
  int newton_steps_ = 0, cg_iterations_ = 0;
};

// order 0: value; 1: and gradient; 2: and tangents and Hessian. `start` holds modes to begin from
// (used where h is concave).
SparseLaplace sparse_laplace(SparseMode& mode, const VectorXd& psi, const VectorXd& start,
                             int order, const RunContext& context);

// Gradient for a central difference along e of psi: at u = mode + tangent e the formula of the
// gradient is off by what e and -e have in common.
SparseLaplace sparse_laplace_beside(SparseMode& mode, const VectorXd& psi, const VectorXd& u,
                                    const RunContext& context);

// d u / d psi at the mode: size x P; `mode` must be factored.
MatrixXd sparse_mode_tangents(const SparseMode& mode);

}  // namespace margmix
