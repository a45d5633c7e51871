// Gauss-Hermite rules for the standard normal density, one-dimensional and product.
#pragma once

#include <vector>

#include "core/types.hpp"

namespace margmix {

struct HermiteRule {
  VectorXd z, log_omega;  // nodes in increasing order; sum of omega is 1
};

// Golub & Welsch (1969): nodes are the eigenvalues of the Jacobi matrix, here polished by Newton
// steps; the weights are inverse Christoffel numbers, so that the smallest keep their digits.
HermiteRule gauss_hermite(int K);

// Product rule in q dimensions, last index fastest. Corner nodes are left out when they are further
// out than the last node of an axis and of weight below e^-46 (1e-20): what they add is no more
// than what the line rule leaves out. The weight alone is no reason, since an integrand with a flat
// side can still be large there.
struct ProductRule {
  int K = 1;
  HermiteRule line;         // of K nodes; first the node of dimensions that are still, if any
  Eigen::MatrixXi index;    // q x N: position on the line
  MatrixXd z;               // q x N
  VectorXd log_weight;      // N: log omega + z'z / 2
  std::vector<Index> runs;  // lengths of runs of nodes that differ only in the last index
  Index size() const { return z.cols(); }
};

ProductRule product_rule(int K, Index q, double least_log_omega = -46.0);

// Over the dimensions that move; in the others, which integrands do not depend on but for exp(-u^2
// / 2), one node at 0 is exact.
ProductRule product_rule(int K, const std::vector<bool>& moves, double least_log_omega = -46.0);

}  // namespace margmix
