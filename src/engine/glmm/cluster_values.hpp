// The log-likelihood of each cluster by itself: by a rule, and by importance sampling from a
// heavy-tailed density around its mode.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

// Points t (q x N) drawn from a density q0, with log q0 at each. u = u~ + P t has the density
// q0 / |P|, and the integral over u is the mean of exp{h(u)} (2 pi)^(-q / 2) |P| / q0.
struct ImportancePoints {
  MatrixMap t;
  VectorMap log_q0;
};

struct ClusterValues {
  VectorXd quadrature, importance;  // clusters
  Status status = Status::ok;
};

// Constants of the densities are not included. No importance points: no such estimate.
ClusterValues cluster_values(const Design& design, Family& family, const ProductRule& rule,
                             const VectorXd& psi, const MatrixXd& modes,
                             const ImportancePoints& points, const RunContext& context);

}  // namespace margmix
