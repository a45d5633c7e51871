// log|S| without a factorisation, with its Monte Carlo error.
//
// With D = diag S and E = I - D^-1/2 S D^-1/2, log|S| = log|D| + tr log(I - E). The trace is
// estimated by Lanczos quadrature from probes (Ubaru, Chen & Saad 2017). Two things make the error
// small: the leading eigenvector v of E is treated exactly and projected out of the probes, and the
// first two terms of the series, -E - E^2 / 2, are taken off per probe and added back by their
// exact traces, tr E = 0 and tr E^2 = |E|_F^2. With blocks (glmm/sparse_blocks.hpp) that is log|P|
// + tr log M, and the eight leading directions are treated exactly.
#pragma once

#include "glmm/sparse_laplace.hpp"

namespace margmix {

struct LogDet {
  double value = kNaN, sd = kNaN;  // sd of `value` by the probes
};

// probes: size2 x m, entries -1 and 1.
LogDet estimate_log_det(const SparseSystem& system, const MatrixMap& probes);

// With blocks: whitened probes of mean product I, the eight directions in which the factors are
// told apart least and, of random signs, what is orthogonal to these. They make most of the error
// of a trace by signs alone.
MatrixXd with_least_directions(const SparseSystem& system, const MatrixMap& signs);

struct SparseEstimate {
  double value = -kInf, sd = kNaN;  // log-likelihood by Laplace
  VectorXd u;
  Status status = Status::ok;
};

SparseEstimate sparse_laplace_estimate(const GroupedDesign& design, const SparsePlan& plan,
                                       SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                       const MatrixMap& probes, const RunContext& context);

}  // namespace margmix
