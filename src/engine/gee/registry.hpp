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

// `shared`: what the parameters mean, where the clusters of `layout` are some of the data; null
// where they are all.
std::unique_ptr<Correlation> make_correlation(const CorrelationSpec& spec, const Layout& layout,
                                              const SharedFacts* shared = nullptr);

// Clusters that stand for all those of a layout: what correlations ask of clusters together (which
// patterns of visits there are, the gaps, the largest one) has the same answers. Those of parts of
// the clusters, side by side, stand for all.
struct ClusterKinds {
  std::vector<int> start{0}, wave, inner;
  std::vector<double> time, count;

  Layout layout() const;
};

ClusterKinds kinds_of(const std::string& type, const Layout& layout);

}  // namespace margmix
