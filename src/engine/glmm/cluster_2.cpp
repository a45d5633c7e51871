#include "glmm/cluster.hpp"

namespace margmix {

template class Cluster<2>;

}  // namespace margmix
