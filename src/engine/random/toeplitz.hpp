// A Toeplitz covariance of ordered effects, with a standard deviation for each.
#pragma once

#include <memory>

#include "random/covariance.hpp"

namespace margmix {

std::unique_ptr<Covariance> make_toeplitz(Index q);

}  // namespace margmix
