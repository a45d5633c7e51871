// Totals of the log-likelihood and its derivatives over clusters: in doubles, or without rounding.
#pragma once

#include <array>
#include <vector>

#include "core/types.hpp"
#include "linalg/exact_sums.hpp"

namespace margmix {

// What a shard of clusters adds to the whole: totals add.
struct Totals {
  double value = 0;
  VectorXd gradient;  // P
  MatrixXd hessian;   // P x P
  Status status = Status::ok;

  void add(const Totals& other, int order) {
    value += other.value;
    add_derivatives(other, order);
    status = worst(status, other.status);
  }

  void add_derivatives(const Totals& other, int order) {
    if (order >= 1) gradient += other.gradient;
    if (order >= 2) hessian += other.hessian;
  }

  // The sum of `parts` and a constant; interrupted unless they are `finished`.
  void collect(const std::vector<Totals>& parts, double constant, Index P, int order,
               bool finished) {
    value = constant;
    status = finished ? Status::ok : Status::interrupted;
    if (order >= 1) gradient = VectorXd::Zero(P);
    if (order >= 2) hessian = MatrixXd::Zero(P, P);
    for (const Totals& part : parts)
      if (finished) add(part, order);
  }
};

// How many exact totals there are: the value, P of the gradient, the triangle of the Hessian.
inline Index exact_count(Index P, int order) {
  return 1 + (order >= 1 ? P : 0) + (order >= 2 ? triangle_size(P) : 0);
}

// The columns of the Hessian in aux are central differences, error O(h^4), of the exact gradient,
// by steps of h, which move log phi by about 1e-4.
constexpr double kLogPhiStep = 1e-4;
constexpr std::array<double, 4> kSteps{1, -1, 2, -2};

// `gradients`: P x 4 aux, at the steps of each parameter; h: aux.
void set_aux_columns(const MatrixXd& gradients, const VectorXd& h, MatrixXd& hessian);

}  // namespace margmix
