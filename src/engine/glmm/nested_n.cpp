#include "glmm/nested.hpp"

namespace margmix {

template class NestedCluster<Dynamic, Dynamic>;

}  // namespace margmix
