#include "objective/totals.hpp"

#include "objective/objective.hpp"

namespace margmix {

void set_aux_columns(const MatrixXd& gradients, const VectorXd& h, MatrixXd& hessian) {
  constexpr std::array<double, 4> weights{8, -8, -1, 1};
  for (Index a = 0; a < h.size(); ++a) {
    const Index k = hessian.rows() - h.size() + a;
    VectorXd column = VectorXd::Zero(hessian.rows());
    for (Index s = 0; s < 4; ++s) column += weights[s] / (12 * h[a]) * gradients.col(4 * a + s);
    hessian.col(k) = column;
    hessian.row(k) = column.transpose();
  }
}

void ObjectiveResult::round(Index P, int order) {
  const ExactSums& sums = exact.front();
  value = sums.rounded(0);
  if (order >= 1) gradient = sums.rounded(1, P);
  if (order >= 2) hessian = from_lower(sums.rounded(1 + P, triangle_size(P)), P);
}

}  // namespace margmix
