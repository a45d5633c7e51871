// The log-likelihood of a mixed model as a sum over independent clusters, with exact derivatives:
// what is asked for, what is answered, and the implementations by structure.
#pragma once

#include <vector>

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "glmm/nested_design.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

struct ObjectiveRequest {
  int order = 0;             // 0 value, 1 gradient, 2 Hessian
  bool scores = false;       // per-cluster gradients
  bool information = false;  // per-cluster minus Hessian in beta
  bool known_phi = false;    // leave the row and column of log phi out of the Hessian
};

// What a shard of clusters adds to the whole: totals add.
struct Totals {
  double value = 0;
  VectorXd gradient;  // P
  MatrixXd hessian;   // P x P
  Status status = Status::ok;

  void add(const Totals& other, int order) {
    value += other.value;
    if (order >= 1) gradient += other.gradient;
    if (order >= 2) hessian += other.hessian;
    status = worst(status, other.status);
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

struct ObjectiveResult : Totals {
  Modes modes;
  MatrixXd scores;       // P x clusters
  MatrixXd information;  // p * p x clusters
  VectorXd values;       // log-likelihood of each cluster, without the constant
};

// Parameters psi = (beta, theta, log phi). `modes` are starting values.

// One factor: the adaptive product rule (nodes K^q).
ObjectiveResult product_objective(const Design& design, Family& family, const ProductRule& rule,
                                  const VectorXd& psi, const Modes& modes,
                                  const ObjectiveRequest& ask, const RunContext& context);

// Two nested factors, with a rule for each.
ObjectiveResult nested_objective(const NestedDesign& design, Family& family, const NestedRule& rule,
                                 const VectorXd& psi, const Modes& modes,
                                 const ObjectiveRequest& ask, const RunContext& context);

// A random intercept of the bridge distribution, by the trapezoid rule; psi = (beta, sigma).
ObjectiveResult bridge_objective(const Design& design, const Family& family, int K,
                                 const VectorXd& psi, const ObjectiveRequest& ask,
                                 const RunContext& context);

}  // namespace margmix
