#include "glmm/nested_dispatch.hpp"
#include "objective/accumulate.hpp"

namespace margmix {

namespace {

// As the kernel of the product rule, with modes of both levels.
template <int QB, int QA>
class NestedKernel {
 public:
  NestedKernel(const NestedDesign& design, const Family& family, const NestedRule& rule,
               const VectorXd& psi, const Modes& zero, Modes& modes)
      : cluster_(design, family, rule, psi),
        start_(family.log_concave() ? modes : zero),
        modes_(modes) {}

  Status evaluate(Index i, int order) { return cluster_.evaluate(i, start_[0], start_[1], order); }
  double value() const { return cluster_.value(); }
  void keep_modes(Index i) { cluster_.store_modes(i, modes_[0], modes_[1]); }
  void add_gradient(double* out) const { cluster_.add_gradient(out); }
  void add_hessian(MatrixXd& out) { cluster_.add_hessian(out); }
  MatrixXd beta_hessian() { return cluster_.beta_hessian(); }

 private:
  NestedCluster<QB, QA> cluster_;
  const Modes& start_;
  Modes& modes_;
};

}  // namespace

ObjectiveResult nested_objective(const NestedDesign& design, Family& family, const NestedRule& rule,
                                 const VectorXd& psi, const Modes& modes,
                                 const ObjectiveRequest& ask, const RunContext& context) {
  const Index P = parameter_count(design.flat, family), p = design.flat.p();
  if (family.has_dispersion()) family.set_log_dispersion(psi[P - 1]);
  ObjectiveResult out = empty_result(design.clusters(), p, P, ask);
  const Modes zero = zero_modes(design);
  out.modes = modes.empty() ? zero : modes;
  dispatch_nested(design, [&](auto QB, auto QA) {
    using Kernel = NestedKernel<decltype(QB)::value, decltype(QA)::value>;
    auto make = [&](ObjectiveResult& result) {
      return Kernel(design, family, rule, psi, zero, result.modes);
    };
    accumulate(p, P, family.constant(design.flat.response), ask, context, make, out);
  });
  if (ask.order < 2 || !family.has_dispersion() || ask.known_phi || out.status != Status::ok)
    return out;
  auto gradient_at = [&](const VectorXd& at) {
    return nested_objective(design, family, rule, at, out.modes, {1}, context).gradient;
  };
  fill_dispersion_column(psi, gradient_at, out.hessian);
  family.set_log_dispersion(psi[P - 1]);
  return out;
}

}  // namespace margmix
