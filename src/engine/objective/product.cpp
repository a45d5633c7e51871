#include "glmm/dispatch.hpp"
#include "glmm/posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

// A warm start is used only where h is log-concave; elsewhere the search starts at u = 0, so that
// the value is a function of the parameters alone.
template <int Q>
class ProductKernel {
 public:
  ProductKernel(const Design& design, const Family& family, const ProductRule& rule,
                const Parameters& psi, MatrixXd& modes)
      : cluster_(design, family, rule, psi),
        warm_(family.log_concave()),
        start_(VectorQ<Q>::Zero(design.q())),
        modes_(modes) {}

  Status evaluate(Index i, int order) {
    if (warm_) start_ = modes_.col(i);
    return cluster_.evaluate(i, start_, order);
  }
  double value() const { return cluster_.value(); }
  void keep_modes(Index i) { modes_.col(i) = cluster_.mode().u; }
  void add_gradient(double* out) const { cluster_.add_gradient(out); }
  void add_hessian(MatrixXd& out) const { cluster_.add_hessian(out); }
  MatrixXd beta_hessian() const { return cluster_.beta_hessian(); }

 private:
  Cluster<Q> cluster_;
  bool warm_;
  VectorQ<Q> start_;
  MatrixXd& modes_;
};

class ProductObjective final : public Objective {
 public:
  ProductObjective(const Design& design, const FamilySpec& spec)
      : Objective(design, spec), design_(design) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    return at(psi, product_rule(K.at(0), design_.moves()), modes, ask, context);
  }

  OtherModes other_modes(const VectorXd& psi, const std::vector<int>& K,
                         const RunContext& context) override {
    return margmix::other_modes(design_, *family_, product_rule(K.at(0), design_.moves()), psi,
                                context, cluster_weights_);
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                            bool median, const RunContext& context) override {
    const Posterior p =
        margmix::posterior(design_, *family_, product_rule(K.at(0), design_.moves()), psi,
                           modes.at(0), median, context);
    return {{p}, p.status};
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    const MatrixXd variance = posterior(psi, {1}, modes, false, context).levels[0].mode_variance;
    const MatrixXd tangents = mode_tangents(design_, *family_, psi, modes.at(0), context);
    out = margmix::prediction_variance(design_, design_.Lambda(psi.data() + design_.p()), rows, V,
                                       modes.at(0), tangents, variance);
    return Status::ok;
  }

 private:
  ObjectiveResult at(const VectorXd& psi, const ProductRule& rule, const Modes& modes,
                     const ObjectiveRequest& ask, const RunContext& context);

  const Design design_;
};

ObjectiveResult ProductObjective::at(const VectorXd& psi, const ProductRule& rule,
                                     const Modes& modes, const ObjectiveRequest& ask,
                                     const RunContext& context) {
  const Parameters parameters(design_, psi.data());
  set_dispersion(design_, psi, *family_);
  ObjectiveResult out = empty_result(design_.clusters(), design_.p(), psi.size(), ask);
  out.modes = modes;
  if (out.modes.empty()) out.modes = {MatrixXd::Zero(design_.q(), design_.clusters())};
  dispatch_q(design_.q(), [&](auto q) {
    using Kernel = ProductKernel<decltype(q)::value>;
    auto make = [&](ObjectiveResult& result) {
      return Kernel(design_, *family_, rule, parameters, result.modes[0]);
    };
    const double constant = ask.exact ? 0 : constant_terms(design_, *family_, cluster_weights_);
    accumulate(design_, *family_, cluster_weights_, constant, psi.size(), ask, context, make, out);
  });
  ObjectiveRequest gradient{1};
  gradient.exact = ask.exact;
  if (wants_aux_columns(ask, *family_, out))
    fill_aux_columns(
        design_, design_.n_aux(*family_), psi,
        [&](const VectorXd& x) { return at(x, rule, out.modes, gradient, context); }, out);
  return out;
}

}  // namespace

std::unique_ptr<Objective> product_objective(const Design& design, const FamilySpec& spec) {
  return std::make_unique<ProductObjective>(design, spec);
}

}  // namespace margmix
