#include "inference/sandwich.hpp"

#include "inference/empirical_df.hpp"
#include "inference/satterthwaite.hpp"

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

}  // namespace

Sandwich sandwich(const ClusterPieces& pieces, const SandwichRequest& ask) {
  const Index p = pieces.p(), m = pieces.clusters(), k = ask.contrasts.cols();
  Sandwich out{MatrixXd::Constant(p, p, kNaN), VectorXd::Zero(m), VectorXd::Constant(k, kNaN)};
  if (!pieces.definite()) return out;
  const Corrections parts = corrections_of(ask.type);
  const MatrixXd K = pieces.whiten(ask.contrasts);
  Satterthwaite satterthwaite(K);
  LostContrasts lost_rows(pieces.whiten(MatrixXd::Identity(p, p))), lost(K);
  MatrixXd meat = MatrixXd::Zero(p, p), s = MatrixXd::Zero(k, ask.rule == DfRule::pan_wall ? m : 0);
  std::vector<MatrixXd> A(parts.size());
  for (Index i = 0; i < m; ++i) {
    const WhitenedCluster c = pieces(i);
    out.leverage[i] = c.leverage();
    lost_rows.add(c);
    lost.add(c);
    for (std::size_t a = 0; a < parts.size(); ++a) {
      A[a] = correction(parts[a], pieces, c);
      const VectorXd u = A[a] * c.v;
      meat.noalias() += u * u.transpose();
      if (s.cols()) s.col(i).array() += (K.transpose() * u).array().square();
    }
    if (ask.rule == DfRule::satterthwaite) satterthwaite.add(c.S, A);
  }
  meat *= factor(ask, static_cast<double>(m), static_cast<double>(p)) /
          static_cast<double>(parts.size());
  if (ask.type == "MBN")
    meat += morel_bokossa_neerchal(meat, static_cast<double>(m), static_cast<double>(p));
  out.vcov = pieces.to_beta(pieces.to_beta(meat).transpose());
  for (Index j = 0; j < p; ++j)
    if (lost_rows[j]) out.vcov.row(j).setConstant(kNaN), out.vcov.col(j).setConstant(kNaN);
  if (ask.rule == DfRule::satterthwaite) out.df = satterthwaite.df();
  if (ask.rule == DfRule::pan_wall) out.df = pan_wall_df(s);
  if (ask.rule == DfRule::fay_graubard) {
    const FayGraubardDf df(pieces, parts);
    for (Index c = 0; c < k; ++c) out.df[c] = df(K.col(c));
  }
  for (Index c = 0; c < k; ++c)
    if (lost[c]) out.df[c] = kNaN;
  return out;
}

}  // namespace margmix
