// The kernels of a cluster by the number of random columns.
#pragma once

#include "glmm/cluster.hpp"

namespace margmix {

// Compiled once each, in cluster_1.cpp, cluster_2.cpp and cluster_n.cpp.
extern template class Cluster<1>;
extern template class Cluster<2>;
extern template class Cluster<Dynamic>;

// Runs `call.operator()<Q>()` with the number of random columns as a constant where it is small.
template <class Call>
void dispatch_q(Index q, Call call) {
  switch (q) {
    case 1: return call(std::integral_constant<int, 1>());
    case 2: return call(std::integral_constant<int, 2>());
    default: return call(std::integral_constant<int, Dynamic>());
  }
}

}  // namespace margmix
