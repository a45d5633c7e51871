// The gradient of the Laplace approximation without a factorisation: the entries of A^-1 that it
// needs are estimated with fixed random signs z on block 2 (Hutchinson 1990),
//
//   S^-1 ~ mean of (x z' + z x') / 2,  S x = z by conjugate gradients,
//
// and everything else is as in sparse_laplace.hpp. With the same z at all parameters it is a smooth
// function of them. It comes with a model of the information: for beta X'V^-1 X, for theta, rho and
// a Gaussian log phi the average information f_a'P f_b / 2, f_a = dV_a V^-1 (y - X beta) (Gilmour,
// Thompson & Cullis 1995), both for the working response of the weights W.
#pragma once

#include "glmm/sparse_laplace.hpp"

namespace margmix {

struct StochasticStep {
  VectorXd gradient;     // P
  MatrixXd information;  // P x P, if asked for
  VectorXd u;            // modes
  MatrixXd probes;       // those that the gradient is by, where they are others
  int cg_iterations = 0;
  Status status = Status::ok;
};

// probes: size2 x m, entries -1 and 1; `tolerance` of the solutions. With blocks (glmm/
// sparse_blocks.hpp) and the information, the directions of with_least_directions() are found anew.
StochasticStep sparse_stochastic(const GroupedDesign& design, const SparsePlan& plan,
                                 SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                 const MatrixMap& probes, double tolerance, bool information,
                                 const RunContext& context);

struct StochasticHessian {
  VectorXd psi;       // where it ends
  VectorXd gradient;  // P, there
  MatrixXd hessian;   // P x P, minus the second derivatives, where it begins
  VectorXd u;         // modes
  int steps = 0;
  Status status = Status::ok;
};

// The Hessian by forward differences of the stochastic gradient with the same probes, each of
// which begins with the solutions at psi. With `linear` (Gaussian response, identity link) they
// are needed for theta only. With a positive `enough`, and a Hessian H that is definite, steps of
// Newton follow until the gradient g has g'H^-1 g below it, ten at most.
StochasticHessian sparse_stochastic_hessian(const GroupedDesign& design, const SparsePlan& plan,
                                            SparseRows& rows, const VectorXd& psi,
                                            const VectorXd& start, const MatrixMap& probes,
                                            double tolerance, const VectorXd& steps, bool linear,
                                            double enough, const RunContext& context);

}  // namespace margmix
