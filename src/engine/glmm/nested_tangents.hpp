// Forward tangents of the adjoint sweep of a nested cluster: columns of its Hessian. A leading d is
// a tangent; direction d < p moves eta0 along a column of X, the others move one entry of Lambda.
#pragma once

#include <functional>
#include <vector>

#include "glmm/nested_mode.hpp"
#include "glmm/nested_top_adjoint.hpp"

namespace margmix {

template <int QB, int QA>
class NestedTangents {
 public:
  using Model = NestedModel<QB, QA>;
  static constexpr int Q = Model::Q;
  using Square = SquareQ<Q>;
  using Vector = VectorQ<Q>;
  using SquareA = SquareQ<QA>;
  using VectorA = VectorQ<QA>;

  NestedTangents(const Model& model, const NestedMode<QB, QA>& mode, const VectorXd& rho,
                 const TopAdjoint<QA>& adjoint)
      : model_(model), mode_(mode), rho_(rho), adjoint_(adjoint) {}

  // Adds columns from .. from + count - 1 of the Hessian in (beta, theta) to H. `nodes(i)` has G
  // and W of leaf i.
  using NodesOf = std::function<Nodes<Q>&(Index)>;
  void columns(Index from, Index count, const NodesOf& nodes, MatrixXd& H);
  std::vector<MatrixXd> of_modes();  // q x P for each leaf

 private:
  // One leaf: arrays have a column, or an element, for each direction of the batch.
  struct Part {
    Eigen::Matrix<double, Q, Dynamic> y, du;
    MatrixXd deta, dW, da, dmean;  // n, n, nodes, nodes of the cluster
    MatrixXd dG;                   // n x D (1 + q): dgbar, dGam
    std::vector<Square> dA, Y, dP, dK;
    Eigen::Matrix<double, Q, Dynamic> rhs;
    MatrixXd deb, deta0b;
    std::vector<Square> dLAb, dG2;
  };

  bool in_Lambda(Index d) const { return from_ + d >= p(); }
  Index row(Index d) const { return model_.design.theta_row[from_ + d - p()]; }
  Index column(Index d) const { return model_.design.theta_col[from_ + d - p()]; }
  Index p() const { return model_.design.flat.p(); }

  void begin(Index from, Index count);
  void mode_slopes(Index i);
  void modes(Index i);
  void weights(Index i, Nodes<Q>& nodes);
  void top_weights();
  void moments(Index i, Nodes<Q>& nodes);
  void adjoints_of_P(Index i);
  void adjoints_of_information(Index i);
  void adjoints_of_rows(Index i, MatrixXd& H);

  const Model& model_;
  const NestedMode<QB, QA>& mode_;
  const VectorXd& rho_;
  const TopAdjoint<QA>& adjoint_;
  Index from_ = 0, D_ = 0;
  std::vector<Part> parts_;
  Eigen::Matrix<double, QA, Dynamic> ya_, dua_;
  std::vector<SquareA> Yaa_, dPs_, dKaa_;
  MatrixXd da_;  // nodes of the cluster x D: tangent of log rho
};

}  // namespace margmix
