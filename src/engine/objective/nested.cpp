#include "design/dispersion.hpp"
#include "glmm/nested_cluster.hpp"
#include "glmm/nested_modes.hpp"
#include "glmm/nested_posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

// As constant_terms(), with the weights of leaves.
double nested_constant(const NestedDesign& design, const Family& family, const VectorXd& weights) {
  if (!design.level_weight.size()) return constant_terms(design.flat, family, weights);
  double sum = 0;
  for (Index i = 0; i < design.clusters(); ++i)
    for (Index l = design.first_leaf[i]; l < design.first_leaf[i + 1]; ++l)
      sum += (weights.size() ? weights[i] : 1.0) * design.weight(l) *
             family.constant(design.flat.response.part(design.leaf_start[l], design.leaf_size(l)));
  return sum;
}

// As the kernel of the product rule, with modes of both levels.
class NestedModesKernel {
 public:
  NestedModesKernel(const NestedDesign& design, const Family& family, const NestedRule& rule,
                    const VectorXd& psi, const Modes& zero, Modes& modes)
      : cluster_(nested_cluster(design, family, rule, psi)),
        start_(family.log_concave() ? modes : zero),
        modes_(modes) {}

  Status evaluate(Index i, int order) { return cluster_->evaluate(i, start_[0], start_[1], order); }
  double value() const { return cluster_->value(); }
  void keep_modes(Index i) { cluster_->store_modes(i, modes_[0], modes_[1]); }
  void add_gradient(double* out) const { cluster_->add_gradient(out); }
  void add_hessian(MatrixXd& out) { cluster_->add_hessian(out); }
  MatrixXd beta_hessian() { return cluster_->beta_hessian(); }

 private:
  std::unique_ptr<NestedCluster> cluster_;
  const Modes& start_;
  Modes& modes_;
};

class NestedObjective final : public Objective {
 public:
  NestedObjective(const NestedDesign& design, const FamilySpec& spec)
      : Objective(design.flat, spec), design_(design) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    return at(psi, rule(K), modes, ask, context);
  }

  OtherModes other_modes(const VectorXd& psi, const std::vector<int>& K,
                         const RunContext& context) override {
    return nested_other_modes(design_, *family_, rule(K), psi, context, cluster_weights_);
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                            bool median, const RunContext& context) override {
    const NestedPosterior p =
        nested_posterior(design_, *family_, rule(K), psi, modes, median, context);
    return {{p.top, p.leaf}, p.status};
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    out = NestedPredictionVariance(design_, *family_, psi, modes, V, context)(rows);
    return Status::ok;
  }

 private:
  NestedRule rule(const std::vector<int>& K) const {
    return nested_rule(K.front(), K.back(), design_.qa, design_.qb);
  }
  ObjectiveResult at(const VectorXd& psi, const NestedRule& rule, const Modes& modes,
                     const ObjectiveRequest& ask, const RunContext& context);

  const NestedDesign design_;
};

ObjectiveResult NestedObjective::at(const VectorXd& psi, const NestedRule& rule, const Modes& modes,
                                    const ObjectiveRequest& ask, const RunContext& context) {
  const Index p = design_.flat.p();
  set_dispersion(design_.flat, psi, *family_);
  ObjectiveResult out = empty_result(design_.clusters(), p, psi.size(), ask);
  const Modes zero = zero_modes(design_);
  out.modes = modes.empty() ? zero : modes;
  auto make = [&](ObjectiveResult& result) {
    return NestedModesKernel(design_, *family_, rule, psi, zero, result.modes);
  };
  const double constant = ask.exact ? 0 : nested_constant(design_, *family_, cluster_weights_);
  accumulate(design_.flat, *family_, cluster_weights_, constant, psi.size(), ask, context, make,
             out);
  ObjectiveRequest gradient{1};
  gradient.exact = ask.exact;
  if (wants_aux_columns(ask, *family_, out))
    fill_aux_columns(
        design_.flat, design_.flat.n_aux(*family_), psi,
        [&](const VectorXd& x) { return at(x, rule, out.modes, gradient, context); }, out);
  return out;
}

}  // namespace

std::unique_ptr<Objective> nested_objective(const NestedDesign& design, const FamilySpec& spec) {
  return std::make_unique<NestedObjective>(design, spec);
}

}  // namespace margmix
