// Sums over clusters without rounding: what each cluster adds is computed from the cluster alone,
// so that the total is the same however the clusters are split into blocks, shards or threads.
#pragma once

#include <mutex>

#include "linalg/exact_sums.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

// Blocks of at least 500 clusters, which pay for totals of their own: the result does not depend on
// the blocks.
inline std::vector<Block> exact_blocks(Index clusters) {
  return cluster_blocks(clusters, std::max<Index>(1, std::min<Index>(256, clusters / 500)));
}

// `make()` gives the work of a block, add(i, sums), which adds cluster i to its sums. False when
// the caller interrupted.
template <class Make>
bool sum_exactly(Index clusters, const RunContext& context, Make make, ExactSums& to) {
  std::mutex adding;
  return for_each_block(exact_blocks(clusters), context, [&](int, const Block& block) {
    ExactSums own(to.count());
    auto add = make();
    for (Index i = block.first; i < block.last; ++i) add(i, own);
    const std::lock_guard<std::mutex> lock(adding);
    to.add(own);
  });
}

// Rows of a buffer whose columns all begin where Eigen's loops over pairs of doubles begin: what
// they give does not depend on the clusters that were in the buffer before.
inline Index padded(Index rows) { return (rows + 7) / 8 * 8; }

}  // namespace margmix
