#include "gee/registry.hpp"

#include <stdexcept>

#include "gee/ar1.hpp"
#include "gee/banded.hpp"
#include "gee/decay.hpp"
#include "gee/exchangeable.hpp"
#include "gee/independence.hpp"
#include "gee/nested.hpp"
#include "gee/patterned.hpp"

namespace margmix {

std::unique_ptr<Correlation> make_correlation(const CorrelationSpec& spec, const Layout& layout,
                                              const SharedFacts* shared) {
  if (spec.type == "independence") return std::make_unique<Independence>();
  if (spec.type == "exchangeable") return std::make_unique<Exchangeable>(layout);
  if (spec.type == "ar1") return std::make_unique<AR1>(layout, shared);
  if (spec.type == "nested") return std::make_unique<NestedExchangeable>(layout);
  if (spec.type == "decay") return std::make_unique<ExponentialDecay>(layout, shared);
  if (spec.type == "mdependent") {
    const Index m = shared ? static_cast<Index>(shared->lags.size())
                           : std::min<Index>(spec.lag, layout.largest_lag());
    return std::make_unique<MDependent>(layout, m);
  }
  if (spec.type == "toeplitz") return std::make_unique<Toeplitz>(layout, shared);
  if (spec.type == "unstructured") {
    const int all = std::numeric_limits<int>::max();
    return std::make_unique<Unstructured>(layout, spec.lag > 0 ? spec.lag : all, shared);
  }
  if (spec.type == "fixed") return std::make_unique<Fixed>(layout, spec.R);
  throw std::invalid_argument("the engine has no working correlation " + spec.type);
}

}  // namespace margmix
