// One cluster with two nested levels of random effects: what is asked of it, in matrices of any
// size. Its body (nested.hpp) is compiled for one random column at each level and for any number.
#pragma once

#include <memory>
#include <vector>

#include "design/design.hpp"
#include "glmm/nested_design.hpp"

namespace margmix {

class NestedCluster {
 public:
  // Of u_a, or of (u_b, u_a) of a leaf.
  struct Mode {
    VectorXd u;
    MatrixXd P;  // A^-1 = P P'
  };
  struct Moments {
    VectorXd mean;
    MatrixXd covariance;
  };
  // Rows of a leaf, eta = eta0 + V (u_b, u_a), and the weight of its log-integral.
  struct LeafRows {
    Rows rows;
    VectorXd eta0;
    MatrixXd V;
    double weight;
  };

  virtual ~NestedCluster() = default;

  // order 0: value; 1: gradient; 2: gradient and Hessian. `top` (q_a x clusters) and `leaf`
  // (q_b x levels of the finer factor) are guesses of the mode.
  virtual Status evaluate(Index i, const MatrixXd& top, const MatrixXd& leaf, int order) = 0;

  virtual double value() const = 0;
  virtual void add_gradient(double* out) const = 0;  // P entries
  virtual void add_hessian(MatrixXd& H) const = 0;   // without log phi
  virtual MatrixXd beta_hessian() const = 0;         // p x p

  // The joint mode; leaf l of the cluster.
  virtual double height() const = 0;  // h at the mode
  virtual Mode top_mode() const = 0;
  virtual Mode leaf_mode(Index l) const = 0;
  virtual LeafRows leaf_rows(Index l) const = 0;
  virtual void store_modes(Index i, MatrixXd& top, MatrixXd& leaf) const = 0;
  // d (u_b, u_a) / d psi (q x P) of each leaf, after evaluate() of any order.
  virtual std::vector<MatrixXd> mode_tangents() = 0;

  // Mean and covariance of u given the responses.
  virtual Moments top_moments() const = 0;
  virtual Moments leaf_moments(Index l) const = 0;
};

std::unique_ptr<NestedCluster> nested_cluster(const NestedDesign& design, const Family& family,
                                              const NestedRule& rule, const VectorXd& psi);

// Modes of u by level of zeros: q_a x clusters, q_b x levels of the finer factor.
Modes zero_modes(const NestedDesign& design);

}  // namespace margmix
