#include "glmm/sparse_importance.hpp"

#include <cmath>

namespace margmix {

ImportanceDraws sparse_importance(const GroupedDesign& design, const SparsePlan& plan,
                                  SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                  const MatrixMap& normals, const RunContext& context) {
  ImportanceDraws out;
  SparseMode mode(design, plan, rows, psi);
  out.status = mode.find_any(start, context);
  if (out.status != Status::ok) return out;
  SparseSystem& system = mode.system();
  const VectorXd W = mode.W().cwiseMax(0.0), root = W.cwiseSqrt();
  if (!system.assemble(W.data()) || !system.factor()) {
    out.status = Status::no_mode;
    return out;
  }
  const Index n = design.X.rows();
  const SparsePrecision& Q = system.precision();
  const double h = mode.rows_value() - 0.5 * Q.quadratic(mode.u());
  out.center = h + rows.constant() - 0.5 * (system.log_det() - Q.log_det());
  out.log_weights.resize(normals.cols());
  VectorXd shift(n);
  for (Index k = 0; k < normals.cols(); ++k) {
    if (context.interrupted()) {
      out.status = Status::interrupted;
      return out;
    }
    const auto e1 = normals.col(k).head(n), e2 = normals.col(k).tail(system.size());
    const VectorXd d =
        Q.related() ? system.draw(e2) : system.solve(system.Vt(root.cwiseProduct(e1)) + e2);
    shift.setZero();
    system.add_V(d, shift);
    const double h_new = rows.value(mode.x() + shift) - 0.5 * Q.quadratic(mode.u() + d);
    out.log_weights[k] = h_new - h + 0.5 * (Q.quadratic(d) + W.dot(shift.cwiseProduct(shift)));
  }
  return out;
}

}  // namespace margmix
