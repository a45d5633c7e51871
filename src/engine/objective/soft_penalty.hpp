// The soft penalty of Sterzinger and Kosmidis (2023), added to the log-likelihood of a mixed model:
//
//   c { log|X'W(beta)X| / 2 + sum_r h(log |lambda_rr|) + sum_{r > s} h(lambda_rs) }
//
// W: expected weights of the model without random effects (Jeffreys' prior of it); h: minus the
// Huber loss with constant 1. It falls to -Inf wherever a coefficient or a variance runs away.
#pragma once

#include <memory>

#include "glmm/jeffreys.hpp"
#include "objective/objective.hpp"

namespace margmix {

class SoftPenalty {
 public:
  SoftPenalty(const Design& design, const FamilySpec& spec, double factor)
      : design_(design), prior_(design, spec), factor_(factor) {}

  // Adds value, gradient and Hessian in psi, as far as `order` says.
  void add(const VectorXd& psi, int order, Totals& out) const;

 private:
  void add_jeffreys(const VectorXd& beta, int order, Totals& out) const;
  void add_huber(const VectorXd& psi, int order, Totals& out) const;

  const Design design_;
  JeffreysPrior prior_;
  double factor_;
};

// `model` with the penalty; scores and information of clusters stay those of the likelihood.
std::unique_ptr<Objective> soft_objective(std::unique_ptr<Objective> model, const Design& design,
                                          const FamilySpec& spec, double factor);

}  // namespace margmix
