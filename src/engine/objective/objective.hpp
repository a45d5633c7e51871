// The log-likelihood of a mixed model as a sum over independent clusters, with exact derivatives:
// what is asked for, what is answered, and the implementations by structure.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "design/groups.hpp"
#include "family/registry.hpp"
#include "glmm/effect_distribution.hpp"
#include "glmm/nested_design.hpp"
#include "glmm/other_modes.hpp"
#include "glmm/posterior.hpp"
#include "glmm/sparse_rows.hpp"
#include "objective/totals.hpp"

namespace margmix {

struct ObjectiveRequest {
  int order = 0;             // 0 value, 1 gradient, 2 Hessian
  bool scores = false;       // per-cluster gradients
  bool information = false;  // per-cluster minus Hessian in beta
  bool known_phi = false;    // leave the rows and columns of aux out of the Hessian
  bool exact = false;        // totals as sums without rounding, too
};

struct ObjectiveResult : Totals {
  Modes modes;
  MatrixXd scores;       // P x clusters
  MatrixXd information;  // p * p x clusters
  VectorXd values;       // log-likelihood of each cluster, without its weight and the constant
  // If asked for: value, gradient and lower triangle of the Hessian, and then those of each step of
  // aux_steps(), of which value and gradient alone.
  std::vector<ExactSums> exact;

  // Value, gradient and Hessian from `exact`.
  void round(Index P, int order);
};

// The log-likelihood of a model, whatever its random part. psi = (beta, theta, rho, aux); K: nodes
// per dimension, for each factor that is integrated by itself; `modes`: starting values.
class Objective {
 public:
  virtual ~Objective() = default;

  virtual ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K,
                                   const Modes& modes, const ObjectiveRequest& ask,
                                   const RunContext& context) = 0;

  // Modes besides those that the rule is centred at; none where the integrand has one, or no rule.
  virtual OtherModes other_modes(const VectorXd&, const std::vector<int>& /* K */,
                                 const RunContext&) {
    return {};
  }

  virtual PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K,
                                    const Modes& modes, bool median, const RunContext& context) = 0;

  // Variance of eta-hat - eta of rows; V: covariance of psi.
  virtual Status prediction_variance(const VectorXd& psi, const Modes& modes,
                                     const PredictionRows& rows, const MatrixXd& V,
                                     const RunContext& context, VectorXd& out) = 0;

  Index parameters() const { return parameters_; }

  // Weights of the log-likelihoods of clusters; without, all are one.
  void weigh_clusters(const VectorXd& weights) { cluster_weights_ = weights; }

 protected:
  Objective(const Design& design, const FamilySpec& spec)
      : family_(make_family(spec)), parameters_(parameter_count(design, *family_)) {}

  std::unique_ptr<Family> family_;
  VectorXd cluster_weights_;

 private:
  Index parameters_;
};

// One factor: the adaptive product rule (nodes K^q).
std::unique_ptr<Objective> product_objective(const Design& design, const FamilySpec& spec);

// Two nested factors, with a rule for each.
std::unique_ptr<Objective> nested_objective(const NestedDesign& design, const FamilySpec& spec);

// Several factors of any structure: the Laplace approximation, whatever K. The rows are those of
// the design, or elsewhere, and the design is that of their cells.
using RowsMaker = std::function<std::unique_ptr<SparseRows>(const Design&, Family&)>;
std::unique_ptr<SparseRows> local_rows(const Design& design, Family& family);
std::unique_ptr<Objective> sparse_objective(const GroupedDesign& design, SparsePlan plan,
                                            const FamilySpec& spec,
                                            const RowsMaker& make_rows = local_rows);

// A random intercept of a distribution other than the normal one, by the trapezoid rule; theta is
// its standard deviation.
std::unique_ptr<Objective> effect_objective(const Design& design, const FamilySpec& spec,
                                            const EffectLaw& law);

}  // namespace margmix
