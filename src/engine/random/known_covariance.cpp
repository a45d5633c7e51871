#include "random/known_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "linalg/decompositions.hpp"
#include "linalg/null_space.hpp"
#include "linalg/products.hpp"
#include "linalg/tiled.hpp"

namespace margmix {

namespace {

constexpr double kZero = 1e-10;  // of the largest eigenvalue

// The levels of each block, in order.
std::vector<std::vector<int>> levels_by_block(const std::vector<int>& block) {
  std::map<int, std::size_t> place;
  std::vector<std::vector<int>> out;
  for (std::size_t level = 0; level < block.size(); ++level) {
    const auto at = place.emplace(block[level], out.size()).first->second;
    if (at == out.size()) out.emplace_back();
    out[at].push_back(static_cast<int>(level));
  }
  return out;
}

struct BlockInverse {
  AlignedMatrix inverse;  // K^+
  MatrixXd null_space;    // its columns
  double log_det = 0;     // of K^+, without its zeros
  bool covariance = true;
  double least = 0;  // eigenvalue, where K is no covariance
};

double largest_sum(const Eigen::Ref<const MatrixXd>& A) {
  return A.cwiseAbs().colwise().sum().maxCoeff();
}

// K^+ = (K + w UU')^-1 - UU' / w for U of the null space, n x 0 where K is regular, and a weight w.
// False where the condition number, but for these zeros, may be too large.
bool invert(const MatrixXd& K, const MatrixXd& U, int threads, BlockInverse& out) {
  const Index n = K.rows();
  const double weight = K.diagonal().mean();
  const MatrixXd UU = U.cols() > 0 ? row_products({U.data(), n, U.cols()}) : MatrixXd();
  AlignedMatrix L(K);
  if (U.cols() > 0) L.map() += weight * UU;
  const double sum = largest_sum(L.map()), variance = L.map().diagonal().maxCoeff();
  if (!tiled_cholesky(L, threads)) return false;
  const double least = L.map().diagonal().minCoeff();  // its square bounds the least eigenvalue
  if (least * least <= kZero * variance) return false;
  tiled_inverse(L, out.inverse, threads);
  if (kZero * sum * largest_sum(out.inverse.map()) >= 1) return false;
  if (U.cols() > 0) out.inverse.map() -= UU / weight;
  out.log_det =
      static_cast<double>(U.cols()) * std::log(weight) - 2 * L.map().diagonal().array().log().sum();
  out.null_space = U;
  return true;
}

// Relationships that are centred at the frequencies among the people themselves have rows that add
// up to zero, and no other zero where there are enough variants.
MatrixXd zeros_of_centring(const MatrixXd& K) {
  const double n = static_cast<double>(K.rows());
  const bool centred = K.colwise().sum().cwiseAbs().maxCoeff() <= 1e-12 * largest_sum(K);
  return MatrixXd::Constant(K.rows(), centred ? 1 : 0, 1 / std::sqrt(n));
}

BlockInverse invert_by_eigenvalues(const MatrixXd& K) {
  const SymmetricEigen eigen = symmetric_eigen(K);
  const double most = eigen.values.maxCoeff();
  if (!(most > 0) || eigen.values[0] < -1e-8 * most) return {{}, {}, 0, false, eigen.values[0]};
  const Index zeros = (eigen.values.array() <= kZero * most).count(), rest = K.rows() - zeros;
  const auto own = eigen.vectors.rightCols(rest);
  const VectorXd values = eigen.values.tail(rest);
  return {AlignedMatrix(own * values.cwiseInverse().asDiagonal() * own.transpose()),
          eigen.vectors.leftCols(zeros), -values.array().log().sum()};
}

BlockInverse block_inverse(const MatrixXd& K, Index most, int threads) {
  BlockInverse out;
  if (invert(K, zeros_of_centring(K), threads, out)) return out;
  const auto U = small_null_space(K, kZero, most, threads);
  if (!U || !invert(K, *U, threads, out)) return invert_by_eigenvalues(K);
  return out;
}

// Where a level is in its block, and in which.
struct Place {
  std::size_t block;
  int at;
};

class Blocks {
 public:
  explicit Blocks(const std::vector<int>& block)
      : levels_(levels_by_block(block)), place_(block.size()) {
    for (std::size_t b = 0; b < levels_.size(); ++b)
      for (std::size_t k = 0; k < levels_[b].size(); ++k)
        place_[levels_[b][k]] = {b, static_cast<int>(k)};
  }

  std::size_t count() const { return levels_.size(); }
  const std::vector<int>& levels(std::size_t b) const { return levels_[b]; }

  // All pairs of levels of a block.
  Pattern pattern() const {
    Pattern out;
    out.start.assign(1, 0);
    for (const Place& place : place_) {
      const auto& own = levels_[place.block];
      out.row.insert(out.row.end(), own.begin() + place.at + 1, own.end());
      out.start.push_back(static_cast<int>(out.row.size()));
    }
    return out;
  }

  MatrixXd matrix(std::size_t b, const Pattern& pattern, const VectorXd& diagonal,
                  const VectorXd& below) const {
    const auto& own = levels_[b];
    const Index n = static_cast<Index>(own.size());
    MatrixXd K = MatrixXd::Zero(n, n);
    for (Index k = 0; k < n; ++k) {
      K(k, k) = diagonal[own[k]];
      for (int e = pattern.start[own[k]]; e < pattern.start[own[k] + 1]; ++e)
        K(place_[pattern.row[e]].at, k) = K(k, place_[pattern.row[e]].at) = below[e];
    }
    return K;
  }

 private:
  std::vector<std::vector<int>> levels_;
  std::vector<Place> place_;
};

struct NullSpace {
  std::size_t block;
  MatrixXd columns;
};

Constraint constraint_of(const std::vector<NullSpace>& null_spaces, const Blocks& blocks,
                         Index levels, Index zeros, double weight) {
  Constraint out{MatrixXd::Zero(levels, zeros), {}, VectorXd::Constant(zeros, weight)};
  Index first = 0;
  for (const auto& [block, columns] : null_spaces) {
    const auto& own = blocks.levels(block);
    for (Index k = 0; k < columns.rows(); ++k)
      out.C.row(own[k]).segment(first, columns.cols()) = columns.row(k);
    // as many levels whose effects follow from those of the others
    for (const int k : pivoted_columns(columns.transpose(), columns.cols()))
      out.anchor.push_back(own[k]);
    first += columns.cols();
  }
  return out;
}

}  // namespace

PrecisionOfCovariance precision_of_covariance(const Pattern& pattern, const VectorXd& diagonal,
                                              const VectorXd& below, const std::vector<int>& block,
                                              Index most, int threads) {
  const Blocks blocks(block);
  PrecisionOfCovariance out;
  out.pattern = blocks.pattern();
  out.diagonal.resize(diagonal.size());
  out.below.resize(static_cast<Index>(out.pattern.row.size()));
  std::vector<NullSpace> null_spaces;
  for (std::size_t b = 0; b < blocks.count(); ++b) {
    const auto& own = blocks.levels(b);
    BlockInverse found = block_inverse(blocks.matrix(b, pattern, diagonal, below), most, threads);
    if (!found.covariance) {
      out.indefinite = own;
      out.least = found.least;
      return out;
    }
    const Index n = found.inverse.size();
    for (Index k = 0; k < n; ++k) {
      out.diagonal[own[k]] = found.inverse(k, k);
      out.below.segment(out.pattern.start[own[k]], n - 1 - k) =
          found.inverse.map().col(k).tail(n - 1 - k);
    }
    out.log_det += found.log_det;
    out.zeros += found.null_space.cols();
    if (found.null_space.cols() > 0) null_spaces.push_back({b, std::move(found.null_space)});
  }
  if (out.zeros > 0 && out.zeros <= most)
    out.constraint =
        constraint_of(null_spaces, blocks, diagonal.size(), out.zeros, 1 / diagonal.mean());
  return out;
}

// By tiles, of which two fit into the nearest cache.
LowerTriangle lower_triangle(const MatrixMap& A) {
  constexpr Index kTile = 32;
  const Index n = A.rows();
  LowerTriangle out;
  out.diagonal = A.diagonal();
  if (!A.allFinite()) {
    out.largest = kNaN;
    return out;
  }
  out.largest = A.cwiseAbs().maxCoeff();
  for (Index j = 0; j < n; j += kTile)
    for (Index i = j; i < n; i += kTile) {
      const Index rows = std::min(kTile, n - i), columns = std::min(kTile, n - j);
      const double worst = (A.block(i, j, rows, columns) - A.block(j, i, columns, rows).transpose())
                               .cwiseAbs()
                               .maxCoeff();
      out.asymmetry = std::max(out.asymmetry, worst);
    }
  out.pattern.start.assign(1, 0);
  for (Index j = 0; j < n; ++j) {
    for (Index i = j + 1; i < n; ++i) {
      if (A(i, j) == 0) continue;
      out.pattern.row.push_back(static_cast<int>(i));
      out.below.push_back(A(i, j));
    }
    out.pattern.start.push_back(static_cast<int>(out.pattern.row.size()));
  }
  return out;
}

}  // namespace margmix
