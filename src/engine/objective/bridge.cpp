#include <algorithm>

#include "glmm/bridge_posterior.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

class BridgeKernel {
 public:
  BridgeKernel(const Design& design, const Family& family, int K, const double* psi)
      : cluster_(design, family, K, psi), p_(design.p()) {}

  Status evaluate(Index i, int order) { return cluster_.evaluate(i, order); }
  double value() const { return cluster_.value(); }
  void keep_modes(Index) {}
  void add_gradient(double* out) const {
    Eigen::Map<VectorXd>(out, p_ + 1) += cluster_.gradient_sum();
  }
  void add_hessian(MatrixXd& out) const { out += cluster_.hessian_sum(); }
  MatrixXd beta_hessian() const { return cluster_.hessian_sum().topLeftCorner(p_, p_); }

 private:
  BridgeCluster cluster_;
  Index p_;
};

class BridgeObjective final : public Objective {
 public:
  BridgeObjective(const Design& design, const FamilySpec& spec)
      : Objective(design, spec), design_(design) {}

  // The integral needs no mode to start from.
  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes&,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    const Index p = design_.p();
    ObjectiveResult out = empty_result(design_.clusters(), p, p + 1, ask);
    out.modes = {MatrixXd::Zero(1, design_.clusters())};
    auto make = [&](ObjectiveResult&) {
      return BridgeKernel(design_, *family_, K.at(0), psi.data());
    };
    accumulate(p, p + 1, family_->constant(design_.response), ask, context, make, out);
    return out;
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes&,
                            bool median, const RunContext& context) override {
    const Posterior p = fine_posterior(psi, K.at(0), median, context);
    return {{p}, p.status};
  }

  // The joint covariance of psi and b, on the scale u = b / sigma.
  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    const BridgePosteriorResult p = fine_posterior(psi, 1, false, context);
    const double sigma = psi[design_.p()];
    MatrixXd tangents = p.tangents;
    tangents.bottomRows(1) -= modes.at(0);
    if (sigma != 0) tangents /= sigma;
    out = margmix::prediction_variance(design_, design_.Lambda(&sigma), rows, V, modes.at(0),
                                       tangents, p.mode_variance);
    return Status::ok;
  }

 private:
  BridgePosteriorResult fine_posterior(const VectorXd& psi, int K, bool median,
                                       const RunContext& context) {
    constexpr int kLeast = 101;
    return bridge_posterior(design_, *family_, std::max(K, kLeast), psi, median, context);
  }

  const Design design_;
};

}  // namespace

std::unique_ptr<Objective> bridge_objective(const Design& design, const FamilySpec& spec) {
  return std::make_unique<BridgeObjective>(design, spec);
}

}  // namespace margmix
