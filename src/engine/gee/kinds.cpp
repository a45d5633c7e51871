// Which clusters stand for all, by what a working correlation asks of them.
#include <map>
#include <set>

#include "gee/patterns.hpp"
#include "gee/registry.hpp"

namespace margmix {

namespace {

void close_cluster(ClusterKinds& kinds, std::size_t rows, double count) {
  kinds.start.push_back(static_cast<int>(rows));
  kinds.count.push_back(count);
}

// One of the largest.
ClusterKinds by_size(const Layout& layout) {
  ClusterKinds kinds;
  close_cluster(kinds, static_cast<std::size_t>(layout.largest()), 1);
  return kinds;
}

// One of each pattern of visits.
ClusterKinds by_pattern(const Layout& layout, bool relative) {
  const Patterns patterns(layout, relative);
  ClusterKinds kinds;
  for (Index k = 0; k < patterns.count(); ++k) {
    const auto& visits = patterns.visits(k);
    kinds.wave.insert(kinds.wave.end(), visits.begin(), visits.end());
    close_cluster(kinds, kinds.wave.size(), 1);
  }
  return kinds;
}

// Two rows for each gap that occurs, as often as it does; one row if there is no gap.
ClusterKinds by_gap(const Layout& layout) {
  if (!layout.time) return by_size(layout);
  std::map<double, double> gaps;
  for (Index i = 0; i < layout.clusters(); ++i)
    for (Index j = layout.first(i) + 1; j < layout.start[i + 1]; ++j)
      gaps[layout.time[j] - layout.time[j - 1]] += layout.count_of(i);
  ClusterKinds kinds;
  for (const auto& [gap, count] : gaps) {
    kinds.time.insert(kinds.time.end(), {0.0, gap});
    close_cluster(kinds, kinds.time.size(), count);
  }
  if (gaps.empty()) {
    kinds.time.push_back(0);
    close_cluster(kinds, 1, 1);
  }
  return kinds;
}

// One for each set of sizes of inner units.
ClusterKinds by_units(const Layout& layout) {
  std::set<std::vector<Index>> known;
  for (Index i = 0; i < layout.clusters(); ++i) {
    std::vector<Index> sizes;
    for (Index j = layout.first(i); j < layout.start[i + 1]; ++j) {
      if (j > layout.first(i) && layout.inner[j] == layout.inner[j - 1])
        ++sizes.back();
      else
        sizes.push_back(1);
    }
    std::sort(sizes.begin(), sizes.end());
    known.insert(sizes);
  }
  ClusterKinds kinds;
  for (const auto& sizes : known) {
    for (std::size_t unit = 0; unit < sizes.size(); ++unit)
      kinds.inner.insert(kinds.inner.end(), sizes[unit], static_cast<int>(unit));
    close_cluster(kinds, kinds.inner.size(), 1);
  }
  return kinds;
}

}  // namespace

Layout ClusterKinds::layout() const {
  return {IntegerMap(start.data(), static_cast<Index>(start.size())),
          time.empty() ? nullptr : time.data(), wave.empty() ? nullptr : wave.data(),
          inner.empty() ? nullptr : inner.data(), count.data()};
}

ClusterKinds kinds_of(const std::string& type, const Layout& layout) {
  if (type == "ar1" || type == "decay") return by_gap(layout);
  if (type == "nested") return by_units(layout);
  if (type == "mdependent" || type == "toeplitz") return by_pattern(layout, true);
  if (type == "unstructured" || type == "fixed") return by_pattern(layout, false);
  return by_size(layout);
}

}  // namespace margmix
