#include <algorithm>

#include "glmm/effect_posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

class EffectKernel {
 public:
  EffectKernel(const Design& design, const Family& family, const EffectLaw& law, int K,
               const double* psi)
      : cluster_(design, family, law, K, psi), p_(design.p()), aux_(design.n_aux(family)) {}

  Status evaluate(Index i, int order) { return cluster_.evaluate(i, order); }
  double value() const { return cluster_.value(); }
  void keep_modes(Index) {}
  void add_gradient(double* out) const {
    Eigen::Map<VectorXd>(out, p_ + 1) += cluster_.gradient_sum();
    if (aux_ > 0) Eigen::Map<VectorXd>(out + p_ + 1, aux_) += cluster_.aux_gradient();
  }
  void add_hessian(MatrixXd& out) const {
    out.topLeftCorner(p_ + 1, p_ + 1) += cluster_.hessian_sum();
  }
  MatrixXd beta_hessian() const { return cluster_.hessian_sum().topLeftCorner(p_, p_); }

 private:
  EffectCluster cluster_;
  Index p_, aux_;
};

class EffectObjective final : public Objective {
 public:
  EffectObjective(const Design& design, const FamilySpec& spec, EffectLaw law)
      : Objective(design, spec), design_(design), law_(std::move(law)) {}

  // The integral needs no mode to start from.
  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes&,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    return at(psi, K.at(0), ask, context);
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes&,
                            bool median, const RunContext& context) override {
    const Posterior p = fine_posterior(psi, K.at(0), median, context);
    return {{p}, p.status};
  }

  // The joint covariance of psi and b, on the scale u = b / sigma.
  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    const EffectPosteriorResult p = fine_posterior(psi, 1, false, context);
    const double sigma = psi[design_.p()];
    MatrixXd tangents = p.tangents;
    tangents.row(design_.p()) -= modes.at(0);
    if (sigma != 0) tangents /= sigma;
    out = margmix::prediction_variance(design_, design_.Lambda(&sigma), rows, V, modes.at(0),
                                       tangents, p.mode_variance);
    return Status::ok;
  }

 private:
  ObjectiveResult at(const VectorXd& psi, int K, const ObjectiveRequest& ask,
                     const RunContext& context);

  EffectPosteriorResult fine_posterior(const VectorXd& psi, int K, bool median,
                                       const RunContext& context) {
    constexpr int kLeast = 101;
    return effect_posterior(design_, *family_, law_, std::max(K, kLeast), psi, median, context);
  }

  const Design design_;
  const EffectLaw law_;
};

ObjectiveResult EffectObjective::at(const VectorXd& psi, int K, const ObjectiveRequest& ask,
                                    const RunContext& context) {
  const Index p = design_.p(), P = psi.size();
  set_dispersion(design_, psi, *family_);
  ObjectiveResult out = empty_result(design_.clusters(), p, P, ask);
  out.modes = {MatrixXd::Zero(1, design_.clusters())};
  auto make = [&](ObjectiveResult&) {
    return EffectKernel(design_, *family_, law_, K, psi.data());
  };
  const double constant = constant_terms(design_, *family_, cluster_weights_);
  accumulate(design_, *family_, cluster_weights_, constant, P, ask, context, make, out);
  if (wants_aux_columns(ask, *family_, out))
    fill_aux_columns(
        design_, design_.n_aux(*family_), psi,
        [&](const VectorXd& x) { return at(x, K, {1}, context); }, out);
  return out;
}

}  // namespace

std::unique_ptr<Objective> effect_objective(const Design& design, const FamilySpec& spec,
                                            const EffectLaw& law) {
  return std::make_unique<EffectObjective>(design, spec, law);
}

}  // namespace margmix
