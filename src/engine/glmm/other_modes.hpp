// Modes of integrands besides those that the rule is centred at.
#pragma once

#include "core/run_context.hpp"
#include "design/design.hpp"
#include "parallel/blocks.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

struct OtherModes {
  Index better = 0;   // clusters with a clearly higher mode than the one from u = 0
  double missed = 0;  // what the rule lacks of the log-likelihood, or has too much
};

OtherModes other_modes(const Design& design, Family& family, const ProductRule& rule,
                       const VectorXd& psi, const RunContext& context,
                       const VectorXd& cluster_weights = {});

// Sums what shard(block, found) adds for each block of clusters.
template <class Shard>
OtherModes sum_other_modes(Index clusters, const RunContext& context, Shard shard) {
  const auto blocks = cluster_blocks(clusters);
  std::vector<OtherModes> found(blocks.size());
  for_each_block(blocks, context, [&](int b, const Block& block) { shard(block, found[b]); });
  OtherModes total;
  for (const OtherModes& part : found) {
    total.better += part.better;
    total.missed += part.missed;
  }
  return total;
}

}  // namespace margmix
