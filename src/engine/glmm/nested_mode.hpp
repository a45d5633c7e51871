// The joint conditional mode of a cluster and its leaves, and the Cholesky factor at it, leaf
// first: the joint information is an arrow,
//   A_bb = I + V_b'W V_b = R_b'R_b,  E_b = P_b'A_ba,
//   R_s'R_s = I + sum_b w_b (V_a'W V_a - E_b'E_b) over the rows and with the weight of leaf b.
#pragma once

#include "glmm/nested_leaf.hpp"
#include "linalg/small_cholesky.hpp"

namespace margmix {

template <int QB, int QA>
struct NestedMode {
  using SquareA = SquareQ<QA>;
  using VectorA = VectorQ<QA>;

  explicit NestedMode(const NestedModel<QB, QA>& m) : model(m) {}

  // Damped Newton from the u of the leaves and of the cluster, as Mode::find().
  Status find();

  const NestedModel<QB, QA>& model;
  std::vector<Leaf<QB, QA>> leaves;
  Index count = 0;  // leaves in use
  VectorA u;
  SquareA P;  // P_s
  double log_det_P = 0;
  double height() const;  // h at the mode

 private:
  void spread() {
    for (Index i = 0; i < count; ++i) model.a(leaves[i].mode.u) = u;
  }
  double evaluate();
  bool factor(bool clip);
  void newton_step();  // the step, its largest change of eta, and the Newton decrement
  double move(double t);

  SmallCholesky<SquareA> cholesky_;
  VectorA u_old_, d_;
  double longest_ = 0, decrement_ = 0;
};

template <int QB, int QA>
double NestedMode<QB, QA>::height() const {
  double h = -0.5 * u.squaredNorm();
  for (Index i = 0; i < count; ++i) {
    const auto& leaf = leaves[i];
    h += leaf.weight() * (leaf.mode.rows_value - 0.5 * model.b(leaf.mode.u).squaredNorm());
  }
  return h;
}

template <int QB, int QA>
double NestedMode<QB, QA>::evaluate() {
  double h = -0.5 * u.squaredNorm();
  for (Index i = 0; i < count; ++i) h += leaves[i].weight() * leaves[i].evaluate();
  return h;
}

template <int QB, int QA>
bool NestedMode<QB, QA>::factor(bool clip) {
  SquareA schur = SquareA::Identity(model.qa(), model.qa());
  for (Index i = 0; i < count; ++i)
    if (!leaves[i].factor(clip, schur)) return false;
  cholesky_.compute(schur);
  return cholesky_.definite();
}

template <int QB, int QA>
void NestedMode<QB, QA>::newton_step() {
  VectorA slope = -u;
  decrement_ = 0;
  for (Index i = 0; i < count; ++i) leaves[i].eliminate_slope(slope, decrement_);
  d_ = cholesky_.solve(slope);
  decrement_ += slope.dot(d_);
  longest_ = 0;
  for (Index i = 0; i < count; ++i) leaves[i].step(d_, longest_);
}

template <int QB, int QA>
double NestedMode<QB, QA>::move(double t) {
  u = u_old_ + t * d_;
  for (Index i = 0; i < count; ++i) leaves[i].move(t);
  return evaluate();
}

template <int QB, int QA>
Status NestedMode<QB, QA>::find() {
  constexpr double kDecrement = 1e-6;
  constexpr int kMostIterations = 200;
  const double longest_step = model.family.longest_step();
  spread();
  double h = evaluate();
  if (!std::isfinite(h)) {
    u.setZero();
    for (Index i = 0; i < count; ++i) leaves[i].mode.u.setZero();
    h = evaluate();
    if (!std::isfinite(h)) return Status::not_finite;
  }
  bool last = false;
  for (int iteration = 1; iteration <= kMostIterations; ++iteration) {
    const bool definite = factor(false);
    if (last) {
      if (!definite) return Status::no_mode;
      P = cholesky_.inverse_factor();
      log_det_P = P.diagonal().array().log().sum();
      for (Index i = 0; i < count; ++i) leaves[i].finish_mode(P);
      return Status::ok;
    }
    if (!definite) factor(true);
    newton_step();
    u_old_ = u;
    for (Index i = 0; i < count; ++i) leaves[i].keep();
    if (definite && std::sqrt(decrement_) < kDecrement) {
      h = move(1);
      if (!std::isfinite(h)) h = move(0);
      last = true;
      continue;
    }
    double t = longest_ > longest_step ? longest_step / longest_ : 1.0;
    // Differences of h this small are rounding.
    const bool rounding = definite && decrement_ < 1e-9 * (1 + std::fabs(h));
    for (int halvings = 0;; ++halvings) {
      const double h_new = move(t);
      if (std::isfinite(h_new) && (rounding || h_new >= h + 1e-4 * t * decrement_)) {
        h = h_new;
        break;
      }
      if (halvings == 60) return Status::no_mode;
      t *= 0.5;
    }
  }
  return Status::no_mode;
}

}  // namespace margmix
