// The one place with OpenMP: a loop over blocks of clusters.
//
// The blocks depend on the data only, each block is summed in order by one thread, and the block
// totals are added in block order by the caller: the same bits at any number of threads.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <atomic>
#include <exception>
#include <vector>

#include "core/run_context.hpp"
#include "core/types.hpp"

namespace margmix {

struct Block {
  Index first, last;  // clusters first .. last - 1
};

inline std::vector<Block> cluster_blocks(Index clusters, Index most = 256) {
  const Index count = std::max<Index>(1, std::min(clusters, most));
  std::vector<Block> blocks(count);
  for (Index b = 0; b < count; ++b) blocks[b] = {b * clusters / count, (b + 1) * clusters / count};
  return blocks;
}

// Runs work(block number, block) for every block. False when the caller interrupted; an exception
// of a worker is rethrown here, in the calling thread.
template <class Work>
bool for_each_block(const std::vector<Block>& blocks, const RunContext& context, Work work) {
  std::atomic<bool> stop{false};
  std::exception_ptr failure;
  const int count = static_cast<int>(blocks.size());
  const int threads = std::max(1, std::min(context.threads, count));
  (void)threads;
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic) num_threads(threads) if (threads > 1)
#endif
  for (int b = 0; b < count; ++b) {
    if (stop.load(std::memory_order_relaxed)) continue;
#ifdef _OPENMP
    const bool caller = omp_get_thread_num() == 0;
#else
    const bool caller = true;
#endif
    try {
      work(b, blocks[b]);
      if (caller && context.interrupted()) stop = true;
    } catch (...) {
#ifdef _OPENMP
#pragma omp critical(margmix_failure)
#endif
      failure = std::current_exception();
      stop = true;
    }
  }
  if (failure) std::rethrow_exception(failure);
  return !stop;
}

}  // namespace margmix
