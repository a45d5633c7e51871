#include "glmm/nested.hpp"

namespace margmix {

template class NestedCluster<1, 1>;

}  // namespace margmix
