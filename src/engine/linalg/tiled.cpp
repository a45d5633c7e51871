#include "linalg/tiled.hpp"

#include <algorithm>

#include "linalg/dense_kernels.hpp"
#include "linalg/tile_kernels.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// Calls work(first, size) for the tiles of n rows that begin at `from` and later, in any order.
template <class Work>
void for_each_tile(Index from, Index n, Index size, int threads, Work work) {
  if (from >= n) return;
  RunContext context;
  context.threads = threads;
  std::vector<Block> tiles;
  for (Index i = from; i < n; i += size) tiles.push_back({i, std::min(i + size, n)});
  for_each_block(tiles, context,
                 [&](int, const Block& tile) { work(tile.first, tile.last - tile.first); });
}

// M = L^-1; tiles above the diagonal are left as they are. Columns of tiles are independent:
//   M_JJ = L_JJ^-1,  M_IJ = -L_II^-1 sum_{J <= K < I} L_IK M_KJ.
void invert_lower_tiles(const AlignedMatrix& L, AlignedMatrix& M, Index size, int threads) {
  const Index n = L.size();
  const TileKernels& tiles = tile_kernels();
  for_each_tile(0, n, size, threads,
                [&](Index j, Index w) { tiles.invert(L.at(j, j), M.at(j, j), w, n); });
  for_each_tile(0, n, size, threads, [&](Index j, Index w) {
    for (Index i = j + w; i < n; i += size) {
      const Index h = std::min(size, n - i);
      tiles.multiply(L.at(i, j), M.at(j, j), M.at(i, j), h, w, i - j, n);
      tiles.subtract_triangular(M.at(i, i), M.at(i, j), h, w, n);
    }
  });
}

}  // namespace

// By columns of tiles: what is left of them is subtracted, the tile on the diagonal is factored,
// and those below it follow.
bool tiled_cholesky(AlignedMatrix& A, int threads, const Tiling& tiling) {
  const Index n = A.size(), size = tiling.size;
  if (n < tiling.smallest) return dense_cholesky(A.data(), n);
  const TileKernels& tiles = tile_kernels();
  for (Index j = 0; j < n; j += size) {
    const Index w = std::min(size, n - j);
    if (j > 0) tiles.subtract_outer(A.at(j, 0), A.at(j, 0), A.at(j, j), w, w, j, n);
    if (!tiles.cholesky(A.at(j, j), w, n)) return false;
    for_each_tile(j + w, n, size, threads, [&](Index i, Index h) {
      if (j > 0) tiles.subtract_outer(A.at(i, 0), A.at(j, 0), A.at(i, j), h, w, j, n);
      tiles.solve_right(A.at(j, j), A.at(i, j), h, w, n);
    });
  }
  return true;
}

void tiled_inverse(const AlignedMatrix& L, AlignedMatrix& inverse, int threads,
                   const Tiling& tiling) {
  const Index n = L.size(), size = tiling.size;
  inverse.resize(n);
  if (n < tiling.smallest) return dense_inverse(L.data(), n, inverse.data());
  AlignedMatrix M;
  M.resize(n);
  invert_lower_tiles(L, M, size, threads);
  const TileKernels& tiles = tile_kernels();
  for_each_tile(0, n, size, threads, [&](Index j, Index w) {
    for (Index i = j; i < n; i += size)
      tiles.multiply_inner(M.at(i, i), M.at(i, j), inverse.at(i, j), std::min(size, n - i), w,
                           n - i, n);
  });
  for_each_tile(0, n, size, threads, [&](Index j, Index w) {
    for (Index c = j; c < j + w; ++c)
      for (Index r = 0; r < c; ++r) inverse(r, c) = inverse(c, r);
  });
}

}  // namespace margmix
