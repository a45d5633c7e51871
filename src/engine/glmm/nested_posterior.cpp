#include "glmm/nested_posterior.hpp"

#include <functional>

#include "glmm/nested_cluster.hpp"
#include "glmm/nested_median.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// Fills in cluster i; its columns stay NaN where there is no mode.
void posterior_of(const NestedDesign& design, const NestedCluster& cluster, const MatrixXd& Lambda,
                  Index i, NestedPosterior& out) {
  const Index qa = design.qa, qb = design.qb;
  const MatrixXd La = Lambda.bottomRightCorner(qa, qa);
  using Level = NestedPosterior::Level;
  const NestedCluster::Mode top_mode = cluster.top_mode();
  const NestedCluster::Moments top = cluster.top_moments();
  const MatrixXd LP = La * top_mode.P;
  out.top.mode.col(i) = La * top_mode.u;
  out.top.mean.col(i) = La * top.mean;
  Level::put(out.top.variance, i, La * top.covariance * La.transpose());
  Level::put(out.top.mode_variance, i, LP * LP.transpose());
  for (Index l = 0; l < design.leaves_of(i); ++l) {
    const Index level = design.leaf_level[design.first_leaf[i] + l];
    const NestedCluster::Mode mode = cluster.leaf_mode(l);
    const NestedCluster::Moments leaf = cluster.leaf_moments(l);
    const MatrixXd P = Lambda * mode.P, joint = P * P.transpose();
    const MatrixXd variance = Lambda * leaf.covariance * Lambda.transpose();
    out.leaf.mode.col(level) = (Lambda * mode.u).head(qb);
    out.leaf.mean.col(level) = (Lambda * leaf.mean).head(qb);
    Level::put(out.leaf.variance, level, variance.topLeftCorner(qb, qb));
    Level::put(out.leaf.mode_variance, level, joint.topLeftCorner(qb, qb));
    Level::put(out.joint_mode_variance, level, joint);
  }
}

// Calls work(i, cluster) for every cluster, evaluated at psi with its mode found. False:
// interrupted.
bool for_each_nested(const NestedDesign& design, Family& family, const NestedRule& rule,
                     const VectorXd& psi, const Modes& modes, const RunContext& context,
                     const std::function<void(Index, NestedCluster&)>& work) {
  set_dispersion(design.flat, psi, family);
  const Modes start = family.log_concave() ? modes : zero_modes(design);
  return for_each_block(cluster_blocks(design.clusters()), context, [&](int, const Block& block) {
    const auto cluster = nested_cluster(design, family, rule, psi);
    for (Index i = block.first; i < block.last; ++i)
      if (cluster->evaluate(i, start[0], start[1], 0) == Status::ok) work(i, *cluster);
  });
}

// Medians of cluster i, for one random effect at each level.
void medians_of(const NestedDesign& design, const Family& family, const ProductRule& inner,
                const NestedCluster& cluster, const MatrixXd& Lambda, Index i,
                NestedPosterior& out) {
  const Index leaves = design.leaves_of(i);
  NestedMedians medians(family, inner, cluster, leaves);
  out.top.median(0, i) = Lambda(1, 1) * medians.top();
  for (Index l = 0; l < leaves; ++l) {
    const Index level = design.leaf_level[design.first_leaf[i] + l];
    out.leaf.median(0, level) = Lambda(0, 0) * medians.leaf(l);
  }
}

}  // namespace

NestedPosterior::NestedPosterior(const NestedDesign& d)
    : top(d.qa, d.clusters()),
      leaf(d.qb, d.leaves()),
      joint_mode_variance((d.qa + d.qb) * (d.qa + d.qb), d.leaves()) {}

NestedPosterior nested_posterior(const NestedDesign& design, Family& family, const NestedRule& rule,
                                 const VectorXd& psi, const Modes& modes, bool with_median,
                                 const RunContext& context) {
  NestedPosterior out(design);
  const MatrixXd Lambda = design.Lambda(psi.data() + design.flat.p());
  const ProductRule inner = product_rule(rule.leaf.K, 1);
  with_median = with_median && design.qa == 1 && design.qb == 1;
  const bool finished = for_each_nested(
      design, family, rule, psi, modes, context, [&](Index i, NestedCluster& cluster) {
        posterior_of(design, cluster, Lambda, i, out);
        if (with_median) medians_of(design, family, inner, cluster, Lambda, i, out);
      });
  if (!finished) out.status = Status::interrupted;
  return out;
}

MatrixXd nested_combination_covariance(const NestedDesign& design, Family& family,
                                       const VectorXd& psi, const Modes& modes,
                                       const MatrixMap& top, const MatrixMap& leaf,
                                       const RunContext& context) {
  const Index qa = design.qa, qb = design.qb, T = top.cols();
  const MatrixXd Lambda = design.Lambda(psi.data() + design.flat.p());
  std::vector<MatrixXd> parts(design.clusters(), MatrixXd::Constant(T, T, kNaN));
  const NestedRule laplace = nested_rule(1, 1, qa, qb);
  for_each_nested(design, family, laplace, psi, modes, context,
                  [&](Index i, NestedCluster& cluster) {
                    const MatrixXd LP = Lambda.bottomRightCorner(qa, qa) * cluster.top_mode().P;
                    MatrixXd za = LP.transpose() * top.middleRows(i * qa, qa);
                    parts[i].setZero();
                    for (Index l = 0; l < design.leaves_of(i); ++l) {
                      const Index level = design.leaf_level[design.first_leaf[i] + l];
                      const MatrixXd LP_b = (Lambda * cluster.leaf_mode(l).P).topRows(qb);
                      const MatrixXd z = LP_b.transpose() * leaf.middleRows(level * qb, qb);
                      parts[i] += z.topRows(qb).transpose() * z.topRows(qb);
                      za += z.bottomRows(qa);
                    }
                    parts[i] += za.transpose() * za;
                  });
  MatrixXd out = MatrixXd::Zero(T, T);
  for (const MatrixXd& part : parts) out += part;
  return out;
}

NestedPredictionVariance::NestedPredictionVariance(const NestedDesign& design, Family& family,
                                                   const VectorXd& psi, const Modes& modes,
                                                   const MatrixXd& V, const RunContext& context)
    : design_(design),
      V_(V),
      Lambda_(design.Lambda(psi.data() + design.flat.p())),
      posterior_(design),
      modes_(zero_modes(design)),
      tangents_(design.leaves()),
      cluster_(design.leaves(), -1),
      a_leaf_(design.clusters(), -1) {
  const NestedRule laplace = nested_rule(1, 1, design.qa, design.qb);
  for_each_nested(design, family, laplace, psi, modes, context,
                  [&](Index i, NestedCluster& cluster) {
                    posterior_of(design_, cluster, Lambda_, i, posterior_);
                    cluster.store_modes(i, modes_[0], modes_[1]);
                    const std::vector<MatrixXd> du = cluster.mode_tangents();
                    for (Index l = 0; l < design_.leaves_of(i); ++l) {
                      const Index level = design_.leaf_level[design_.first_leaf[i] + l];
                      tangents_[level] = du[l];
                      cluster_[level] = i;
                      a_leaf_[i] = level;
                    }
                  });
}

VectorXd NestedPredictionVariance::operator()(const PredictionRows& rows) const {
  VectorXd out(rows.X.rows());
  for (Index j = 0; j < out.size(); ++j) out[j] = row(rows, j);
  return out;
}

double NestedPredictionVariance::row(const PredictionRows& rows, Index j) const {
  const Index qa = design_.qa, qb = design_.qb, q = qa + qb;
  const Index top = rows.levels(j, 0), leaf = rows.levels(j, 1);
  VectorXd z(q), d = VectorXd::Zero(V_.rows());
  for (Index r = 0; r < q; ++r) z[r] = rows.Z(j, design_.column[r]);
  d.head(design_.flat.p()) = rows.X.row(j);
  VectorXd zb = z, za = z;
  zb.tail(qa).setZero();
  za.head(qb).setZero();
  const MatrixXd prior = Lambda_ * Lambda_.transpose();
  double variance = 0;
  if (top >= 0 && leaf >= 0 && cluster_[leaf] == top) {
    variance = add(z, top, leaf, leaf, d);
  } else {
    // A leaf seen in another cluster than its own is taken as independent of that cluster.
    variance = top >= 0 ? add(za, top, -1, a_leaf_[top], d) : za.dot(prior * za);
    variance += leaf >= 0 ? add(zb, -1, leaf, leaf, d) : zb.dot(prior * zb);
  }
  return variance + d.dot(V_ * d);
}

double NestedPredictionVariance::add(const VectorXd& z, Index top, Index leaf, Index at,
                                     VectorXd& d) const {
  if (at < 0 || !tangents_[at].size()) return kNaN;
  const Index p = design_.flat.p(), qb = design_.qb, q = z.size();
  d += tangents_[at].transpose() * (Lambda_.transpose() * z);
  for (Index t = 0; t < design_.n_theta(); ++t) {
    const Index r = design_.theta_row[t], c = design_.theta_col[t];
    if (c < qb ? leaf < 0 : top < 0) continue;
    d[p + t] += z[r] * (c < qb ? modes_[1](c, leaf) : modes_[0](c - qb, top));
  }
  return z.dot(MatrixMap(posterior_.joint_mode_variance.col(at).data(), q, q) * z);
}

}  // namespace margmix
