#include "glmm/cluster.hpp"

namespace margmix {

template class Cluster<Dynamic>;

}  // namespace margmix
