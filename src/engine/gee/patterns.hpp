// Clusters with the same visits share one correlation matrix and one factor of it.
#pragma once

#include <unordered_map>

#include "gee/correlation.hpp"

namespace margmix {

class Patterns {
 public:
  // With `relative`, only the differences between visits count.
  Patterns(const Layout& layout, bool relative) : of_(layout.clusters()) {
    std::unordered_map<std::vector<int>, Index, Hash> known;
    std::vector<int> visits;
    for (Index i = 0; i < layout.clusters(); ++i) {
      const Index first = layout.first(i), n = layout.size(i);
      const int origin = relative ? layout.wave_of(first, first) : 0;
      visits.resize(n);
      for (Index j = 0; j < n; ++j) visits[j] = layout.wave_of(first + j, first) - origin;
      if (i > 0 && visits == list_[of_[i - 1]]) {
        of_[i] = of_[i - 1];
        continue;
      }
      const auto [place, is_new] = known.emplace(visits, count());
      if (is_new) list_.push_back(visits);
      of_[i] = place->second;
    }
  }

  Index count() const { return static_cast<Index>(list_.size()); }
  Index of(Index cluster) const { return of_[cluster]; }
  const std::vector<int>& visits(Index pattern) const { return list_[pattern]; }

  int largest_visit() const {
    int most = 0;
    for (const auto& visits : list_)
      for (int v : visits) most = std::max(most, v);
    return most;
  }

 private:
  struct Hash {
    std::size_t operator()(const std::vector<int>& visits) const {
      std::size_t h = 1469598103934665603ULL;
      for (int v : visits) h = (h ^ static_cast<std::size_t>(v)) * 1099511628211ULL;
      return h;
    }
  };

  std::vector<Index> of_;
  std::vector<std::vector<int>> list_;
};

}  // namespace margmix
