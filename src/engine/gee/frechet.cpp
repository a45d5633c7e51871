#include "gee/frechet.hpp"

namespace margmix {

namespace {

FrechetCount count_block(const Block& block, const MarginalData& data, const Family& family,
                         const Correlation& R, const VectorXd& beta) {
  constexpr Index kLargest = 5000;
  const Layout& layout = data.layout;
  FrechetCount count;
  VectorXd root, r;
  for (Index i = block.first; i < block.last; ++i) {
    const Index first = layout.first(i), n = layout.size(i);
    if (n > kLargest) {
      ++count.skipped;
      continue;
    }
    VectorXd eta = data.offset.segment(first, n);
    eta.noalias() += data.X.middleRows(first, n) * beta;
    root.resize(n);
    r.resize(n);
    for (Index j = 0; j < n; ++j) {
      const double mu = family.mean(eta[j]).mu;
      root[j] = std::sqrt(mu / (1 - mu));
    }
    // No pair of the cluster has a narrower bound than this.
    const double low = root.minCoeff(), high = root.maxCoeff();
    const double least = std::min(low / high, std::min(low * low, 1 / (high * high)));
    double outside = 0;
    for (Index j = 0; j + 1 < n; ++j) {
      const Index known = R.correlations_after(i, j, n, least, r.data());
      for (Index k = 0; k < known; ++k) {
        const double a = root[j], b = root[j + 1 + k];
        outside += r[k] >= 0 ? std::min(a, b) < r[k] * std::max(a, b)
                             : std::min(a * b, 1 / (a * b)) < -r[k];
      }
    }
    count.pairs += outside;
    count.clusters += outside > 0;
  }
  return count;
}

}  // namespace

FrechetCount count_frechet(const MarginalData& data, const Family& family, const Correlation& R,
                           const VectorXd& beta, int threads) {
  const std::vector<Block> blocks = cluster_blocks(data.layout.clusters());
  std::vector<FrechetCount> parts(blocks.size());
  for_each_block(blocks, RunContext{threads}, [&](int b, const Block& block) {
    parts[b] = count_block(block, data, family, R, beta);
  });
  FrechetCount count;
  for (const FrechetCount& part : parts) {
    count.pairs += part.pairs;
    count.clusters += part.clusters;
    count.skipped += part.skipped;
  }
  return count;
}

}  // namespace margmix
