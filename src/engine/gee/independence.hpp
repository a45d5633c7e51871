// R = I.
#pragma once

#include "gee/correlation.hpp"

namespace margmix {

class Independence final : public Correlation {
 public:
  Index parameters() const override { return 0; }
  void assign(const VectorXd&) override {}
  VectorXd feasible(const VectorXd& alpha, double) const override { return alpha; }
  void whiten(Index, RowsRef) const override {}
  void whiten_transposed(Index, RowsRef) const override {}
  double log_determinant(Index) const override { return 0; }
  double entry(Index, Index j, Index k) const override { return j == k; }
  void add_moments(Index, const double*, const MomentRule&, MomentSums&) const override {}
};

}  // namespace margmix
