#include "design/columns.hpp"

#include <vector>

#include "linalg/products.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

constexpr Index kChunk = 1024;

// Sums over some rows of the deviations d = x - x_first, and of their squares.
struct Sums {
  VectorXd d, d2;
  MatrixXd gram;
};

void add_rows(const MatrixMap& X, Index first, Index count, Sums& to) {
  const auto rows = X.middleRows(first, count);
  for (Index j = 0; j < X.cols(); ++j) {
    const auto d = rows.col(j).array() - X(0, j);
    to.d[j] += d.sum();
    to.d2[j] += d.square().sum();
  }
  if (to.gram.size()) add_transposed_multiply(rows, rows, to.gram);
}

}  // namespace

ColumnFacts column_facts(const MatrixMap& X, bool with_gram, int threads) {
  const Index n = X.rows(), p = X.cols(), p_gram = with_gram ? p : 0;
  Sums all{VectorXd::Zero(p), VectorXd::Zero(p), MatrixXd::Zero(p_gram, p_gram)};
  const std::vector<Block> blocks = cluster_blocks((n + kChunk - 1) / kChunk);
  std::vector<Sums> parts(blocks.size(), all);
  for_each_block(blocks, RunContext{threads}, [&](int b, const Block& chunks) {
    for (Index k = chunks.first; k < chunks.last; ++k)
      add_rows(X, k * kChunk, std::min(kChunk, n - k * kChunk), parts[b]);
  });
  for (const Sums& part : parts) {
    all.d += part.d;
    all.d2 += part.d2;
    all.gram += part.gram;
  }
  const VectorXd mean_d = all.d / static_cast<double>(n);
  ColumnFacts facts;
  facts.mean = n ? VectorXd(X.row(0).transpose() + mean_d) : VectorXd::Constant(p, kNaN);
  facts.about = (all.d2 - all.d.cwiseProduct(mean_d)).cwiseMax(0.0);
  facts.gram = std::move(all.gram);
  return facts;
}

ExactSums exact_column_sums(const MatrixMap& X, const VectorMap& shift, const IntegerMap& start) {
  const Index p = X.cols();
  ExactSums sums(2 * p + triangle_size(p));
  VectorXd d(p), d2(p);
  MatrixXd gram(p, p);
  for (Index i = 0; i + 1 < start.size(); ++i) {
    d.setZero(), d2.setZero(), gram.setZero();
    for (Index c = 0; c < p; ++c)
      for (Index j = start[i]; j < start[i + 1]; ++j) {
        const double x = X(j, c) - shift[c];
        d[c] += x;
        d2[c] += x * x;
      }
    for (Index c = 0; c < p; ++c)
      for (Index r = c; r < p; ++r)
        for (Index j = start[i]; j < start[i + 1]; ++j) gram(r, c) += X(j, r) * X(j, c);
    sums.add(0, d.data(), p);
    sums.add(p, d2.data(), p);
    sums.add_lower(2 * p, gram);
  }
  return sums;
}

}  // namespace margmix
