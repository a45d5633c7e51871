#include "glmm/cluster.hpp"

namespace margmix {

template class Cluster<1>;

}  // namespace margmix
