#include "random/known_covariance.hpp"

#include <map>

#include "linalg/decompositions.hpp"

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
  MatrixXd inverse;     // K^+
  MatrixXd null_space;  // its columns
  bool covariance = true;
  double least = 0;  // eigenvalue, where K is no covariance
};

BlockInverse block_inverse(const MatrixXd& K) {
  const Cholesky cholesky(K);
  if (cholesky.definite() && cholesky.rcond() > kZero) return {cholesky.inverse(), {}};
  const SymmetricEigen eigen = symmetric_eigen(K);
  const double most = eigen.values.maxCoeff();
  if (!(most > 0) || eigen.values[0] < -1e-8 * most) return {{}, {}, false, eigen.values[0]};
  const Index zeros = (eigen.values.array() <= kZero * most).count(), rest = K.rows() - zeros;
  const auto own = eigen.vectors.rightCols(rest);
  return {own * eigen.values.tail(rest).cwiseInverse().asDiagonal() * own.transpose(),
          eigen.vectors.leftCols(zeros)};
}

// Where a level is in its block, and in which.
struct Place {
  std::size_t block;
  int at;
};

}  // namespace

PrecisionOfCovariance precision_of_covariance(const Pattern& pattern, const VectorXd& diagonal,
                                              const VectorXd& below, const std::vector<int>& block,
                                              Index most) {
  const Index m = pattern.size();
  const auto levels = levels_by_block(block);
  std::vector<Place> place(m);
  for (std::size_t b = 0; b < levels.size(); ++b)
    for (std::size_t k = 0; k < levels[b].size(); ++k)
      place[levels[b][k]] = {b, static_cast<int>(k)};

  PrecisionOfCovariance out;
  out.diagonal.resize(m);
  out.pattern.start.assign(1, 0);
  for (Index j = 0; j < m; ++j) {
    const auto& own = levels[place[j].block];
    out.pattern.row.insert(out.pattern.row.end(), own.begin() + place[j].at + 1, own.end());
    out.pattern.start.push_back(static_cast<int>(out.pattern.row.size()));
  }
  out.below.resize(static_cast<Index>(out.pattern.row.size()));

  std::vector<std::pair<std::size_t, MatrixXd>> null_spaces;
  for (std::size_t b = 0; b < levels.size(); ++b) {
    const auto& own = levels[b];
    const Index n = static_cast<Index>(own.size());
    MatrixXd K = MatrixXd::Zero(n, n);
    for (Index k = 0; k < n; ++k) {
      K(k, k) = diagonal[own[k]];
      for (int e = pattern.start[own[k]]; e < pattern.start[own[k] + 1]; ++e)
        K(place[pattern.row[e]].at, k) = K(k, place[pattern.row[e]].at) = below[e];
    }
    const BlockInverse inverse = block_inverse(K);
    if (!inverse.covariance) {
      out.indefinite = own;
      out.least = inverse.least;
      return out;
    }
    for (Index k = 0; k < n; ++k) {
      out.diagonal[own[k]] = inverse.inverse(k, k);
      out.below.segment(out.pattern.start[own[k]], n - 1 - k) =
          inverse.inverse.col(k).tail(n - 1 - k);
    }
    if (inverse.null_space.cols() == 0) continue;
    out.zeros += inverse.null_space.cols();
    null_spaces.emplace_back(b, inverse.null_space);
  }
  if (out.zeros == 0 || out.zeros > most) return out;

  Constraint& constraint = out.constraint;
  constraint.C = MatrixXd::Zero(m, out.zeros);
  constraint.weight = VectorXd::Constant(out.zeros, 1 / diagonal.mean());
  Index first = 0;
  for (const auto& [b, null_space] : null_spaces) {
    for (Index k = 0; k < null_space.rows(); ++k)
      constraint.C.row(levels[b][k]).segment(first, null_space.cols()) = null_space.row(k);
    // as many levels whose effects follow from those of the others
    for (const int k : pivoted_columns(null_space.transpose(), null_space.cols()))
      constraint.anchor.push_back(levels[b][k]);
    first += null_space.cols();
  }
  return out;
}

}  // namespace margmix
