// Working correlations R_i(alpha), one class each behind one interface.
//
// A class estimates alpha from Pearson residuals e, and takes rows D~ = V-scaled derivatives to
// L^-1 D~ with R = LL' (any square root L), so that R^-1, quadratic forms and cross-products
// follow.
#pragma once

#include <memory>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// What a working correlation needs to know of the rows, sorted by cluster.
struct Layout {
  IntegerMap start;               // clusters + 1
  const double* time;             // n, increasing within a cluster, or null: positions 1, 2, ...
  const int* wave;                // n, codes 0, 1, ... of the visits, or null: positions
  const int* inner;               // n, codes of inner units, contiguous within a cluster, or null
  const double* count = nullptr;  // clusters, how many of them each stands for, or null: one

  Index clusters() const { return start.size() - 1; }
  Index first(Index i) const { return start[i]; }
  Index size(Index i) const { return start[i + 1] - start[i]; }
  Index rows() const { return start[clusters()]; }
  Index largest() const {
    Index most = 0;
    for (Index i = 0; i < clusters(); ++i) most = std::max(most, size(i));
    return most;
  }
  // Between two visits of a cluster, at least 1.
  Index largest_lag() const {
    Index most = 1;
    for (Index i = 0; i < clusters(); ++i)
      most =
          std::max<Index>(most, wave_of(start[i + 1] - 1, first(i)) - wave_of(first(i), first(i)));
    return most;
  }
  double time_of(Index row, Index first) const { return time ? time[row] : double(row - first); }
  int wave_of(Index row, Index first) const { return wave ? wave[row] : int(row - first); }
  double count_of(Index i) const { return count ? count[i] : 1; }
};

// The gaps between adjacent rows of a cluster, in units: the median or the shortest gap.
struct GapFacts {
  double unit = 1, median = 1;  // the median in units
  bool regular = true;          // all gaps are one unit
  bool whole = true;            // and whole numbers, in units of 1
};

// What parameters mean, which must be the same for all clusters of the data, wherever their rows
// are.
struct SharedFacts {
  int visits = 0;         // unstructured: how many there are
  std::vector<int> lags;  // m-dependence: 1, ..., m; Toeplitz: those that occur
  GapFacts gaps;
};

// Rows of a cluster, a block of a column-major buffer.
using RowsRef = Eigen::Ref<MatrixXd, 0, Eigen::OuterStride<>>;

// Sums over clusters from which alpha and phi are estimated. Parameter c solves
//   den_c alpha_c = kappa_c num_c / phi + off_c,
// num_c a weighted sum of products e_j e_k over `pairs_c` pairs, kappa_c = pairs / (pairs - p)
// where a degrees-of-freedom correction is wanted. For plain moments off = 0 and den = pairs.
struct MomentSums {
  double squares = 0, rows = 0;
  VectorXd num, off, den, pairs;

  explicit MomentSums(Index q = 0)
      : num(VectorXd::Zero(q)),
        off(VectorXd::Zero(q)),
        den(VectorXd::Zero(q)),
        pairs(VectorXd::Zero(q)) {}

  void set_zero() {
    squares = rows = 0;
    num.setZero(), off.setZero(), den.setZero(), pairs.setZero();
  }

  // A pair of rows that parameter c belongs to.
  void add_pair(Index c, double product) {
    num[c] += product;
    den[c] += 1;
    pairs[c] += 1;
  }

  void add(const MomentSums& other, double weight = 1) {
    squares += weight * other.squares;
    rows += weight * other.rows;
    num += weight * other.num;
    off += weight * other.off;
    den += weight * other.den;
    pairs += weight * other.pairs;
  }
};

// How the sums become estimates.
struct MomentRule {
  double lost = 0;        // p, taken off the number of rows and of pairs; 0 for none
  bool all_lags = false;  // AR(1): least squares over all pairs, not only adjacent ones
  bool adjusted = false;  // products of residuals as in adjusted_residuals.hpp
};

// Pearson's estimate of phi.
inline double pearson_phi(const MomentSums& sums, const MomentRule& rule) {
  return sums.squares / (sums.rows > rule.lost ? sums.rows - rule.lost : sums.rows);
}

class Correlation {
 public:
  virtual ~Correlation() = default;

  virtual Index parameters() const = 0;

  // Number of sums in `MomentSums` (a class may need more of them than it has parameters).
  virtual Index sums() const { return parameters(); }

  // Parameters to begin with, before there are residuals.
  virtual VectorXd initial() const { return VectorXd::Zero(parameters()); }

  // Do the moment sums depend on alpha, so that estimate() is one step of an iteration?
  virtual bool iterative(const MomentRule&) const { return false; }

  // alpha must be feasible.
  void set(const VectorXd& alpha) {
    current_ = alpha;
    assign(alpha);
  }
  const VectorXd& current() const { return current_; }

  virtual SharedFacts shared() const { return {}; }

  // The nearest alpha (towards independence) at which all eigenvalues of R_i are at least
  // `smallest`; alpha itself if they are.
  virtual VectorXd feasible(const VectorXd& alpha, double smallest) const = 0;

  // Do parameters outside their range mean that several estimates do not fit together, so that
  // feasible() moves them all? One that is alone ends at its bound.
  virtual bool shrinks() const { return false; }

  // Parameters that may be bounded below at 0.
  virtual bool bounded_at_zero(Index) const { return false; }

  // Must they be, since the structure has no meaning below?
  virtual bool only_positive() const { return false; }

  // The lags the parameters belong to, where they are not 1, 2, ...
  virtual std::vector<int> lags() const { return {}; }

  // rows <- L^-1 rows, and rows <- L'^-1 rows, for cluster i.
  virtual void whiten(Index i, RowsRef rows) const = 0;
  virtual void whiten_transposed(Index i, RowsRef rows) const = 0;

  virtual double log_determinant(Index i) const = 0;

  // Correlation of rows j and k of cluster i.
  virtual double entry(Index i, Index j, Index k) const = 0;

  // Adds num, off, den and pairs of cluster i with residuals e, at the parameters that are set.
  virtual void add_moments(Index i, const double* e, const MomentRule& rule,
                           MomentSums& sums) const = 0;

  // Of classes that shrink(): adds, for each parameter, e_j e_k, e_j^2 and e_k^2 over its pairs in
  // cluster i (columns 0, 1, 2).
  virtual void add_products(Index, const double* /*e*/, MatrixXd& /*sums*/) const {}

  // Next alpha at Pearson's phi. Where the pairs do not exceed `lost`, they are not corrected.
  virtual VectorXd estimate(const MomentSums& sums, double phi, const MomentRule& rule) const {
    VectorXd alpha = VectorXd::Zero(parameters());
    for (Index c = 0; c < alpha.size(); ++c)
      if (sums.den[c] > 0)
        alpha[c] =
            (correction(sums.pairs[c], rule) * sums.num[c] / phi + sums.off[c]) / sums.den[c];
    return alpha;
  }

  static double correction(double pairs, const MomentRule& rule) {
    return pairs > rule.lost ? pairs / (pairs - rule.lost) : 1.0;
  }

  // The part t alpha of alpha with the largest t in [0, 1] at which `holds`. As R is linear in
  // alpha for the classes that use it, R(t alpha) = t R(alpha) + (1 - t) I, and `holds` means that
  // the eigenvalues are large enough, there is one such t.
  template <class Holds>
  static VectorXd shrink(const VectorXd& alpha, Holds holds) {
    if (holds(alpha)) return alpha;
    double inside = 0, outside = 1;
    for (int i = 0; i < 45; ++i) {
      const double t = 0.5 * (inside + outside);
      (holds(VectorXd(t * alpha)) ? inside : outside) = t;
    }
    return inside * alpha;
  }

  // Correlations of row j of cluster i with the rows after it, as far as one of them may be larger
  // than `least` in size; returns how many were written.
  virtual Index correlations_after(Index i, Index j, Index n, double /*least*/, double* out) const {
    for (Index k = j + 1; k < n; ++k) out[k - j - 1] = entry(i, j, k);
    return n - j - 1;
  }

  // alpha as the user reads it, and its derivative.
  virtual VectorXd report(const VectorXd& alpha) const { return alpha; }
  virtual VectorXd report_derivative(const VectorXd& alpha) const {
    return VectorXd::Ones(alpha.size());
  }

 private:
  virtual void assign(const VectorXd& alpha) = 0;

  VectorXd current_;
};

}  // namespace margmix
