#include "glmm/bridge_cluster.hpp"
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

}  // namespace

ObjectiveResult bridge_objective(const Design& design, const Family& family, int K,
                                 const VectorXd& psi, const ObjectiveRequest& ask,
                                 const RunContext& context) {
  const Index p = design.p();
  ObjectiveResult out = empty_result(design.clusters(), p, p + 1, ask);
  out.modes = {MatrixXd::Zero(1, design.clusters())};
  auto make = [&](ObjectiveResult&) { return BridgeKernel(design, family, K, psi.data()); };
  accumulate(p, p + 1, family.constant(design.response), ask, context, make, out);
  return out;
}

}  // namespace margmix
