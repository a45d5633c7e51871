// Views of the data: fixed part, random terms, clusters. Nothing is copied.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/types.hpp"
#include "family/family.hpp"

namespace margmix {

// Rows are sorted by cluster: cluster i has rows start[i] .. start[i + 1] - 1.
struct Design {
  MatrixMap X;                      // n x p, full column rank
  MatrixMap Z;                      // n x q, columns of all random terms
  Rows response;                    // n rows
  VectorMap offset;                 // n
  IntegerMap start;                 // clusters + 1
  IntegerMap theta_row, theta_col;  // free entries of the lower-triangular Lambda (q x q)
  Index n_rho = 0;                  // parameters of relations between levels
  MatrixMap D{nullptr, 0, 0};       // n x aux, log phi = D gamma; no columns: one phi for all rows

  Index clusters() const { return start.size() - 1; }
  Index first(Index i) const { return start[i]; }
  Index size(Index i) const { return start[i + 1] - start[i]; }
  Index p() const { return X.cols(); }
  Index q() const { return Z.cols(); }
  Index n_theta() const { return theta_row.size(); }
  Index n_aux(const Family& family) const {
    return family.has_dispersion() ? std::max<Index>(1, D.cols()) : 0;
  }
  // Has a column of Lambda free entries? Of a term of reduced rank only the first have.
  std::vector<bool> moves() const {
    std::vector<bool> out(q(), false);
    for (Index t = 0; t < n_theta(); ++t) out[theta_col[t]] = true;
    return out;
  }
  Index largest_cluster() const {
    Index most = 0;
    for (Index i = 0; i < clusters(); ++i) most = std::max(most, size(i));
    return most;
  }

  MatrixXd Lambda(const double* theta) const {
    MatrixXd L = MatrixXd::Zero(q(), q());
    for (Index t = 0; t < n_theta(); ++t) L(theta_row[t], theta_col[t]) = theta[t];
    return L;
  }
};

// Of a column; 1 where it is zero.
inline double root_mean_square(const VectorXd& x) {
  const double rms = std::sqrt(x.squaredNorm() / static_cast<double>(x.size()));
  return rms > 0 ? rms : 1.0;
}

inline Index parameter_count(const Design& design, const Family& family) {
  return design.p() + design.n_theta() + design.n_rho + design.n_aux(family);
}

// Modes of the spherical random effects u by factor, the coarser first: q_k x levels each.
using Modes = std::vector<MatrixXd>;

// psi = (beta, theta, rho, aux), aux = log phi or gamma: one vector cut into its parts.
struct Parameters {
  VectorXd beta, rho;
  MatrixXd Lambda;

  Parameters(const Design& design, const double* psi)
      : beta(VectorMap(psi, design.p())),
        rho(VectorMap(psi + design.p() + design.n_theta(), design.n_rho)),
        Lambda(design.Lambda(psi + design.p())) {}
};

}  // namespace margmix
