// The covariance of a few levels of a factor at unit scale, K = Q(rho)^-1, by dense algebra, and
// its derivatives -K Q_r K in the entries of rho.
#pragma once

#include <vector>

#include "random/levels.hpp"

namespace margmix {

class LevelCovariance {
 public:
  // At rho; `slopes` are the entries of rho whose derivatives are wanted.
  LevelCovariance(const Levels& levels, const double* rho, const std::vector<Index>& slopes);

  // Of `wanted` levels, which are among those of a `block` that is related to no other level: K and
  // then the derivatives. Empty where Q is not positive definite. Cubic in the size of the block.
  std::vector<MatrixXd> of(const std::vector<int>& block, const std::vector<int>& wanted) const;

 private:
  MatrixXd dense(const Precision& Q, const std::vector<int>& block) const;
  bool constrain(const std::vector<int>& block, MatrixXd& K) const;

  const Levels& levels_;
  Precision Q_;
  std::vector<Precision> slopes_;
  mutable std::vector<int> place_;  // of a level in the block
};

}  // namespace margmix
