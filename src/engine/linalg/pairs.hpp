// Two doubles at a time, in the vector registers that every x86-64 and ARM64 processor has. Eigen
// chooses the instructions, so that no compiler flag and no optimisation level has to.
#pragma once

#include <type_traits>

#include "core/types.hpp"

namespace margmix {

using Pair = Eigen::Array2d;

// The same code for pairs and for the single double that may be left over.
template <class T>
T read(const double* at) {
  if constexpr (std::is_same_v<T, double>)
    return *at;
  else
    return Eigen::Map<const Pair>(at);
}
template <class T>
void write(const T& value, double* at) {
  if constexpr (std::is_same_v<T, double>)
    *at = value;
  else
    Eigen::Map<Pair>{at} = value;
}

}  // namespace margmix
