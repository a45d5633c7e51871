#include "glmm/dispatch.hpp"
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

}  // namespace

ObjectiveResult product_objective(const Design& design, Family& family, const ProductRule& rule,
                                  const VectorXd& psi, const Modes& modes,
                                  const ObjectiveRequest& ask, const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  const Index P = parameter_count(design, family);
  family.set_log_dispersion(parameters.log_phi);
  ObjectiveResult out = empty_result(design.clusters(), design.p(), P, ask);
  out.modes = modes;
  if (out.modes.empty()) out.modes = {MatrixXd::Zero(design.q(), design.clusters())};
  dispatch_q(design.q(), [&](auto q) {
    using Kernel = ProductKernel<decltype(q)::value>;
    auto make = [&](ObjectiveResult& result) {
      return Kernel(design, family, rule, parameters, result.modes[0]);
    };
    accumulate(design.p(), P, family.constant(design.response), ask, context, make, out);
  });
  if (ask.order < 2 || !family.has_dispersion() || ask.known_phi || out.status != Status::ok)
    return out;
  auto gradient_at = [&](const VectorXd& at) {
    return product_objective(design, family, rule, at, out.modes, {1}, context).gradient;
  };
  fill_dispersion_column(psi, gradient_at, out.hessian);
  family.set_log_dispersion(parameters.log_phi);
  return out;
}

}  // namespace margmix
