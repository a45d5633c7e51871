// Linear mixed models with several grouping factors, beta (and phi) profiled out, ML and REML: the
// formulas of lmm.hpp with A = Q + V'wV in sparse form, V = Z Lambda and Lambda relative to sigma,
// Q the precision of related levels, or I.
#pragma once

#include "core/run_context.hpp"
#include "glmm/lmm.hpp"
#include "glmm/sparse_system.hpp"

namespace margmix {

struct SparseLmm : LmmResult {
  VectorXd u;  // (A^-1 V'w (y - X beta)), order of elimination
};

// theta and rho, one after the other; log_phi NaN: phi is profiled out.
SparseLmm sparse_lmm(const GroupedDesign& design, const SparsePlan& plan, const double* theta,
                     double log_phi, bool frequency, bool reml, bool gradient);

}  // namespace margmix
