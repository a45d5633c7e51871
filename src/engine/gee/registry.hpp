// The working correlations by name. A new one is one class and one line here.
#pragma once

#include <memory>
#include <string>

#include "gee/correlation.hpp"

namespace margmix {

struct CorrelationSpec {
  std::string type;
  int lag = 0;  // m-dependence: the largest lag that is correlated
  MatrixXd R;   // fixed: by visit
};

std::unique_ptr<Correlation> make_correlation(const CorrelationSpec& spec, const Layout& layout);

}  // namespace margmix
