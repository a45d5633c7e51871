#include "gee/deletion.hpp"

#include "gee/adjusted_residuals.hpp"

namespace margmix {

namespace {

constexpr double kSmallest = 1e-8;  // eigenvalue of a correlation

class ClusterSums {
 public:
  ClusterSums(LocalSource& source, Correlation& R, const MomentRule& rule)
      : source_(source), R_(R), rule_(rule) {}

  bool valid() const { return valid_; }
  const MatrixXd& counts() const { return counts_; }  // rows and pairs of each cluster

  // u_i times phi, squares, num, off and den of each cluster.
  bool at(const VectorXd& psi, MatrixXd& out) {
    const Index p = source_.p(), q = R_.parameters(), S = R_.sums();
    const VectorXd alpha = psi.tail(q);
    if (R_.feasible(alpha, kSmallest) != alpha) return valid_ = false, true;
    R_.set(alpha);
    if (!source_.move(psi.head(p), R_, rule_, {false, false, false})) return false;
    if (!source_.valid()) return valid_ = false, true;
    MatrixXd scores, information;
    if (!source_.equations().pieces(source_.at(), R_, 1.0, scores, information)) return false;
    const MarginalData& data = source_.equations().data();
    out.resize(p + 1 + 3 * S, data.layout.clusters());
    counts_.resize(1 + S, out.cols());
    out.topRows(p) = scores;
    for (Index i = 0; i < out.cols(); ++i) {
      MomentSums own(S);
      add_cluster(data.layout, i, source_.at(), R_, rule_, own);
      out.col(i).tail(1 + 3 * S) << own.squares, own.num, own.off, own.den;
      out.col(i).tail(1 + 3 * S) *= data.weight_of(i);
      counts_.col(i) << own.rows, own.pairs;
      counts_.col(i) *= data.weight_of(i);
    }
    return true;
  }

 private:
  LocalSource& source_;
  Correlation& R_;
  const MomentRule& rule_;
  MatrixXd counts_;
  bool valid_ = true;
};

// G at psi + e, for the second derivatives.
bool total(ClusterSums& sums, const VectorXd& psi, VectorXd& out) {
  MatrixXd each;
  if (!sums.at(psi, each)) return false;
  if (sums.valid()) out = each.rowwise().sum();
  return true;
}

// Differences of g_i and G by `units`.
bool differences(ClusterSums& sums, const VectorXd& psi, const VectorXd& units, DeletionSums& out) {
  const Index P = psi.size();
  if (!sums.at(psi, out.at) || !sums.valid()) return !sums.valid();
  const VectorXd G = out.at.rowwise().sum();
  out.slopes.resize(P);
  out.curvature.setZero(G.size(), pair_at(0, P));
  const auto step = [&](Index k) { return VectorXd(units[k] * VectorXd::Unit(P, k)); };
  for (Index k = 0; k < P; ++k) {
    if (units[k] == 0) continue;
    MatrixXd above, below;
    if (!sums.at(psi + step(k), above) || !sums.at(psi - step(k), below)) return false;
    if (!sums.valid()) return true;
    out.slopes[k] = (above - below) / (2 * units[k]);
    out.curvature.col(pair_at(k, k)) = (above + below).rowwise().sum() - 2 * G;
  }
  for (Index k = 0; k < P; ++k)
    for (Index j = 0; j < k; ++j) {
      if (units[j] == 0 || units[k] == 0) continue;
      VectorXd above, below;
      if (!total(sums, psi + step(j) + step(k), above)) return false;
      if (!total(sums, psi - step(j) - step(k), below)) return false;
      if (!sums.valid()) return true;
      out.curvature.col(pair_at(j, k)) =
          0.5 * (above + below - 2 * G - out.curvature.col(pair_at(j, j)) -
                 out.curvature.col(pair_at(k, k)));
    }
  for (Index k = 0; k < P; ++k)
    for (Index j = 0; j <= k; ++j)
      if (units[j] != 0 && units[k] != 0) out.curvature.col(pair_at(j, k)) /= units[j] * units[k];
  return true;
}

}  // namespace

bool moment_deletion(LocalSource& source, Correlation& R, const MomentRule& rule,
                     const VectorXd& psi, const VectorXd& units, Deletion& out) {
  const Index p = source.p(), q = R.parameters(), S = R.sums();
  const VectorXd alpha = psi.tail(q);
  ClusterSums clusters(source, R, rule);
  DeletionSums sums;
  if (!differences(clusters, psi, units, sums)) return false;
  if (!clusters.valid()) return true;
  R.set(alpha);
  const MatrixXd& counts = clusters.counts();
  const VectorXd total_counts = counts.rowwise().sum();
  const auto moments_without = [&](Index i, const VectorXd& own) {
    MomentSums rest(S);
    rest.squares = own[p];
    rest.num = own.segment(p + 1, S);
    rest.off = own.segment(p + 1 + S, S);
    rest.den = own.tail(S);
    rest.rows = total_counts[0] - counts(0, i);
    rest.pairs = total_counts.tail(S) - counts.col(i).tail(S);
    return rest;
  };
  out = deletion(
      sums,
      [&](Index i, const VectorXd& own, const VectorXd& d) {
        VectorXd F(p + q);
        F.head(p) = own.head(p);
        if (q == 0) return F;
        const VectorXd moved = alpha + d.tail(q);
        const MomentSums rest = moments_without(i, own);
        if (R.iterative(rule))
          R.set(R.feasible(moved, kSmallest));  // estimate() is a step from there
        F.tail(q) = R.estimate(rest, pearson_phi(rest, rule), rule) - moved;
        return F;
      },
      units);
  return true;
}

}  // namespace margmix
