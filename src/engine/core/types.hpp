// Shared types of the engine. No R, no globals, no I/O.
#pragma once

#include <limits>

#include "core/eigen_kernels.hpp"

namespace margmix {

using Eigen::Dynamic;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using VectorMap = Eigen::Map<const VectorXd>;
using MatrixMap = Eigen::Map<const MatrixXd>;
using IntegerMap = Eigen::Map<const Eigen::VectorXi>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Numerical failure is a status; misuse is an exception.
enum class Status {
  ok = 0,
  not_finite = 1,   // the objective has no finite value at these parameters
  no_mode = 2,      // a conditional mode was not found
  interrupted = 3,  // the caller asked to stop
};

inline Status worst(Status a, Status b) { return a > b ? a : b; }

}  // namespace margmix
