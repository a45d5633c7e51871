// Logistic regression given the number of successes of each cluster: effects of clusters cancel.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"

namespace margmix {

struct ConditionalLogistic {
  double value = 0;         // sum over clusters of log P(y | sum y)
  VectorXd beta;            // at the maximum
  VectorXd gradient;        // p
  MatrixXd information;     // p x p, minus the second derivative
  double criterion = kInf;  // g'I^-1 g, of which half is what the next step would add
  int iterations = 0;
  Status status = Status::ok;
};

// At one beta. Rows have successes and trials, no weights; X has no column for the intercept.
ConditionalLogistic conditional_logistic(const Design& design, const VectorXd& beta,
                                         const RunContext& context);

// The maximum, by Newton's method with step halving: the log-likelihood is concave.
ConditionalLogistic fit_conditional_logistic(const Design& design, double tolerance, int iterations,
                                             const RunContext& context);

}  // namespace margmix
