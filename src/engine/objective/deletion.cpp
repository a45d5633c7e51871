#include "objective/deletion.hpp"

namespace margmix {

Deletion score_deletion(Objective& model, const VectorXd& psi, const std::vector<int>& K,
                        const Modes& modes, const VectorXd& units, const RunContext& context,
                        Status& status) {
  const Index P = psi.size();
  ObjectiveRequest ask;
  ask.order = 1;
  ask.scores = true;
  const ObjectiveResult here = model.evaluate(psi, K, modes, ask, context);
  status = here.status;
  DeletionSums sums{here.scores, std::vector<MatrixXd>(P), MatrixXd::Zero(P, pair_at(0, P))};
  std::vector<MatrixXd> third(P, MatrixXd::Zero(P, P));  // d3 l / dpsi dpsi' dpsi_k
  ask.order = 2;
  for (Index k = 0; k < P && status == Status::ok; ++k) {
    if (units[k] == 0) continue;
    const VectorXd e = units[k] * VectorXd::Unit(P, k);
    const ObjectiveResult above = model.evaluate(psi + e, K, here.modes, ask, context);
    const ObjectiveResult below = model.evaluate(psi - e, K, here.modes, ask, context);
    status = worst(above.status, below.status);
    if (status != Status::ok) break;
    sums.slopes[k] = (above.scores - below.scores) / (2 * units[k]);
    third[k] = (above.hessian - below.hessian) / (2 * units[k]);
  }
  if (status != Status::ok) return {MatrixXd(), VectorXd()};
  for (Index k = 0; k < P; ++k)
    for (Index j = 0; j <= k; ++j)
      sums.curvature.col(pair_at(j, k)) = 0.5 * (third[k].col(j) + third[j].col(k));
  return deletion(
      sums, [](Index, const VectorXd& scores, const VectorXd&) { return scores; }, units);
}

}  // namespace margmix
