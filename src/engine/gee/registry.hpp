// The working correlations by name. A new one is one class and one line here.
#pragma once

#include <stdexcept>
#include <string>

#include "gee/ar1.hpp"
#include "gee/exchangeable.hpp"
#include "gee/independence.hpp"

namespace margmix {

struct CorrelationSpec {
  std::string type;
};

inline std::unique_ptr<Correlation> make_correlation(const CorrelationSpec& spec,
                                                     const Layout& layout) {
  if (spec.type == "independence") return std::make_unique<Independence>();
  if (spec.type == "exchangeable") return std::make_unique<Exchangeable>(layout);
  if (spec.type == "ar1") return std::make_unique<AR1>(layout);
  throw std::invalid_argument("the engine has no working correlation " + spec.type);
}

}  // namespace margmix
