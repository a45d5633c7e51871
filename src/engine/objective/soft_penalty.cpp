#include "objective/soft_penalty.hpp"

#include <cmath>

namespace margmix {

namespace {

struct Huber {
  double h, d1, d2;
};

Huber minus_huber(double z) {
  if (std::fabs(z) <= 1) return {-0.5 * z * z, -z, -1};
  return {0.5 - std::fabs(z), z > 0 ? -1.0 : 1.0, 0};
}

class SoftObjective final : public Objective {
 public:
  SoftObjective(std::unique_ptr<Objective> model, const Design& design, const FamilySpec& spec,
                double factor)
      : Objective(design, spec), model_(std::move(model)), penalty_(design, spec, factor) {}

  ObjectiveResult evaluate(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                           const ObjectiveRequest& ask, const RunContext& context) override {
    ObjectiveResult out = model_->evaluate(psi, K, modes, ask, context);
    if (out.status == Status::ok) penalty_.add(psi, ask.order, out);
    return out;
  }

  OtherModes other_modes(const VectorXd& psi, const std::vector<int>& K,
                         const RunContext& context) override {
    return model_->other_modes(psi, K, context);
  }

  PosteriorResult posterior(const VectorXd& psi, const std::vector<int>& K, const Modes& modes,
                            bool median, const RunContext& context) override {
    return model_->posterior(psi, K, modes, median, context);
  }

  Status prediction_variance(const VectorXd& psi, const Modes& modes, const PredictionRows& rows,
                             const MatrixXd& V, const RunContext& context, VectorXd& out) override {
    return model_->prediction_variance(psi, modes, rows, V, context, out);
  }

 private:
  std::unique_ptr<Objective> model_;
  SoftPenalty penalty_;
};

}  // namespace

void SoftPenalty::add(const VectorXd& psi, int order, Totals& out) const {
  add_jeffreys(psi.head(design_.p()), order, out);
  add_huber(psi, order, out);
  if (!std::isfinite(out.value)) out.status = Status::not_finite;
}

void SoftPenalty::add_jeffreys(const VectorXd& beta, int order, Totals& out) const {
  const Index p = design_.p();
  if (p == 0) return;
  const JeffreysPrior::Value prior = prior_(beta, order);
  out.value += factor_ * prior.value;
  if (order >= 1) out.gradient.head(p) += factor_ * prior.gradient;
  if (order >= 2) out.hessian.topLeftCorner(p, p) += factor_ * prior.hessian;
}

void SoftPenalty::add_huber(const VectorXd& psi, int order, Totals& out) const {
  for (Index t = 0; t < design_.n_theta(); ++t) {
    const Index k = design_.p() + t;
    const double lambda = psi[k];
    const bool diagonal = design_.theta_row[t] == design_.theta_col[t];
    const Huber h = minus_huber(diagonal ? std::log(std::fabs(lambda)) : lambda);
    out.value += factor_ * h.h;
    if (order >= 1) out.gradient[k] += factor_ * (diagonal ? h.d1 / lambda : h.d1);
    if (order >= 2)
      out.hessian(k, k) += factor_ * (diagonal ? (h.d2 - h.d1) / (lambda * lambda) : h.d2);
  }
}

std::unique_ptr<Objective> soft_objective(std::unique_ptr<Objective> model, const Design& design,
                                          const FamilySpec& spec, double factor) {
  return std::make_unique<SoftObjective>(std::move(model), design, spec, factor);
}

}  // namespace margmix
