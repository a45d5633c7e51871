// Views of the data: fixed part, random terms, clusters. Nothing is copied.
#pragma once

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

  Index clusters() const { return start.size() - 1; }
  Index first(Index i) const { return start[i]; }
  Index size(Index i) const { return start[i + 1] - start[i]; }
  Index p() const { return X.cols(); }
  Index q() const { return Z.cols(); }
  Index n_theta() const { return theta_row.size(); }
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

inline Index parameter_count(const Design& design, const Family& family) {
  return design.p() + design.n_theta() + design.n_rho + (family.has_dispersion() ? 1 : 0);
}

// Modes of the spherical random effects u by factor, the coarser first: q_k x levels each.
using Modes = std::vector<MatrixXd>;

// psi = (beta, theta, rho, log phi): one vector cut into its parts.
struct Parameters {
  VectorXd beta, rho;
  MatrixXd Lambda;
  double log_phi = 0;

  Parameters(const Design& design, const double* psi, bool dispersion)
      : beta(VectorMap(psi, design.p())),
        rho(VectorMap(psi + design.p() + design.n_theta(), design.n_rho)),
        Lambda(design.Lambda(psi + design.p())) {
    if (dispersion) log_phi = psi[design.p() + design.n_theta() + design.n_rho];
  }
};

}  // namespace margmix
