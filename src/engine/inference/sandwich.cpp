#include "inference/sandwich.hpp"

#include "inference/empirical_df.hpp"

namespace margmix {

namespace {

double factor(const SandwichRequest& ask, double m, double p) {
  if (ask.type == "DF") return m / (m - p);
  if (ask.type == "jackknife") return (m - p) / m;
  if (ask.type == "MBN") return (ask.rows - 1) / (ask.rows - p) * m / (m - 1);
  return 1;
}

// What MBN adds to kappa V, in whitened coordinates, where B is I. meat includes kappa.
MatrixXd morel_bokossa_neerchal(const MatrixXd& meat, double m, double p) {
  const double delta = m > 3 * p ? p / (m - p) : 0.5, xi = std::max(1.0, meat.trace() / p);
  return MatrixXd::Identity(meat.rows(), meat.rows()) * (delta * xi);
}

// (K'u)^2 of every cluster, summed over the parts of the meat: k x m.
MatrixXd squared_contrasts(const ClusterPieces& pieces, const Corrections& parts,
                           const MatrixXd& K) {
  MatrixXd s = MatrixXd::Zero(K.cols(), pieces.clusters());
  for (Index i = 0; i < pieces.clusters(); ++i) {
    const WhitenedCluster c = pieces(i);
    for (Correction part : parts)
      s.col(i).array() += (K.transpose() * (correction(part, pieces, c) * c.v)).array().square();
  }
  return s;
}

}  // namespace

namespace {

// close(sums, satterthwaite) after each cluster.
template <class Close>
SandwichSums sums_over_clusters(const ClusterPieces& pieces, const SandwichRequest& ask,
                                Close close) {
  const Index p = pieces.p(), m = pieces.clusters(), k = ask.contrasts.cols();
  if (!pieces.definite())
    return {MatrixXd::Constant(p, p, kNaN), unknown_sums(k, p), LostContrasts::Flags::Zero(p),
            LostContrasts::Flags::Zero(k), VectorXd::Zero(m)};
  const Corrections parts = corrections_of(ask.type);
  const MatrixXd K = pieces.whiten(ask.contrasts);
  Satterthwaite satterthwaite(K);
  LostContrasts lost_rows(pieces.whiten(MatrixXd::Identity(p, p))), lost(K);
  SandwichSums out{MatrixXd::Zero(p, p), {}, {}, {}, VectorXd::Zero(m)};
  std::vector<MatrixXd> A(parts.size());
  for (Index i = 0; i < m; ++i) {
    const WhitenedCluster c = pieces(i);
    out.leverage[i] = c.leverage();
    lost_rows.add(c);
    lost.add(c);
    for (std::size_t a = 0; a < parts.size(); ++a) {
      A[a] = correction(parts[a], pieces, c);
      const VectorXd u = A[a] * c.v;
      out.meat.noalias() += u * u.transpose();
    }
    if (ask.rule == DfRule::satterthwaite) satterthwaite.add(c.S, A);
    close(out, satterthwaite);
  }
  out.satterthwaite = satterthwaite.sums();
  out.lost_rows = lost_rows.flags();
  out.lost = lost.flags();
  return out;
}

}  // namespace

SandwichSums sandwich_sums(const ClusterPieces& pieces, const SandwichRequest& ask) {
  return sums_over_clusters(pieces, ask, [](SandwichSums&, Satterthwaite&) {});
}

ExactSandwichSums exact_sandwich_sums(const ClusterPieces& pieces, const SandwichRequest& ask) {
  const Index p = pieces.p(), k = ask.contrasts.cols(), meat = triangle_size(p);
  ExactSums exact(meat + exact_count(unknown_sums(k, p)));
  SandwichSums rest =
      sums_over_clusters(pieces, ask, [&](SandwichSums& sums, Satterthwaite& satterthwaite) {
        exact.add_lower(0, sums.meat);
        sums.meat.setZero();
        add_exactly(satterthwaite.take(), meat, exact);
      });
  if (!pieces.definite()) {
    exact.add_lower(0, rest.meat);
    add_exactly(rest.satterthwaite, meat, exact);
  }
  return {std::move(rest), std::move(exact)};
}

Sandwich sandwich_of_sums(const ClusterPieces& pieces, const SandwichRequest& ask,
                          const SandwichSums& sums, Index clusters) {
  const Index p = pieces.p();
  const double m = static_cast<double>(clusters), parts = corrections_of(ask.type).size();
  Sandwich out{sums.meat, sums.leverage, VectorXd::Constant(ask.contrasts.cols(), kNaN)};
  if (!pieces.definite()) return out;
  MatrixXd meat = sums.meat * (factor(ask, m, static_cast<double>(p)) / parts);
  if (ask.type == "MBN") meat += morel_bokossa_neerchal(meat, m, static_cast<double>(p));
  out.vcov = pieces.to_beta(pieces.to_beta(meat).transpose());
  for (Index j = 0; j < p; ++j)
    if (sums.lost_rows[j]) out.vcov.row(j).setConstant(kNaN), out.vcov.col(j).setConstant(kNaN);
  if (ask.rule != DfRule::satterthwaite) return out;
  out.df = satterthwaite_df(sums.satterthwaite);
  for (Index c = 0; c < out.df.size(); ++c)
    if (sums.lost[c]) out.df[c] = kNaN;
  return out;
}

Sandwich sandwich(const ClusterPieces& pieces, const SandwichRequest& ask) {
  const SandwichSums sums = sandwich_sums(pieces, ask);
  Sandwich out = sandwich_of_sums(pieces, ask, sums, pieces.clusters());
  if (!pieces.definite()) return out;
  const Corrections parts = corrections_of(ask.type);
  const MatrixXd K = pieces.whiten(ask.contrasts);
  if (ask.rule == DfRule::pan_wall) out.df = pan_wall_df(squared_contrasts(pieces, parts, K));
  if (ask.rule == DfRule::fay_graubard) {
    const FayGraubardDf df(pieces, parts);
    for (Index c = 0; c < out.df.size(); ++c) out.df[c] = df(K.col(c));
  }
  for (Index c = 0; c < out.df.size(); ++c)
    if (sums.lost[c]) out.df[c] = kNaN;
  return out;
}

}  // namespace margmix
