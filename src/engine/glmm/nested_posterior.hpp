// Empirical Bayes with two nested levels: the distribution of b = Lambda u given the responses, at
// fixed parameters.
#pragma once

#include "glmm/nested_median.hpp"

namespace margmix {

struct NestedPosterior {
  // One level: q x levels; variances q * q x levels. `mode_variance` is that of the normal
  // approximation at the mode, Lambda A^-1 Lambda'.
  struct Level {
    MatrixXd mode, mean, median, variance, mode_variance;

    Level(Index q, Index levels)
        : mode(MatrixXd::Constant(q, levels, kNaN)),
          mean(mode),
          median(mode),
          variance(MatrixXd::Constant(q * q, levels, kNaN)),
          mode_variance(variance) {}
    static void put(MatrixXd& to, Index i, const MatrixXd& S) {
      to.col(i) = Eigen::Map<const VectorXd>(S.data(), S.size());
    }
  };
  Level top, leaf;
  MatrixXd joint_mode_variance;  // of (b_b, b_a), q * q x levels of the finer factor
  Status status = Status::ok;

  explicit NestedPosterior(const NestedDesign& d)
      : top(d.qa, d.clusters()),
        leaf(d.qb, d.leaves()),
        joint_mode_variance((d.qa + d.qb) * (d.qa + d.qb), d.leaves()) {}
};

// Fills in cluster i; its columns stay NaN where there is no mode.
template <int QB, int QA>
void posterior_of(const NestedDesign& design, NestedCluster<QB, QA>& cluster,
                  const MatrixXd& Lambda, Index i, NestedPosterior& out) {
  const Index qa = design.qa, qb = design.qb;
  const MatrixXd La = Lambda.bottomRightCorner(qa, qa);
  using Level = NestedPosterior::Level;
  const auto top = cluster.top_moments();
  const MatrixXd LP = La * cluster.mode().P;
  out.top.mode.col(i) = La * cluster.mode().u;
  out.top.mean.col(i) = La * top.mean;
  Level::put(out.top.variance, i, La * top.covariance * La.transpose());
  Level::put(out.top.mode_variance, i, LP * LP.transpose());
  for (Index l = 0; l < design.leaves_of(i); ++l) {
    const Index level = design.leaf_level[design.first_leaf[i] + l];
    const auto& mode = cluster.mode().leaves[l].mode;
    const auto leaf = cluster.leaf_moments(l);
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
template <class Work>
bool for_each_nested(const NestedDesign& design, Family& family, const NestedRule& rule,
                     const VectorXd& psi, const NestedModes& modes, const RunContext& context,
                     Work work) {
  if (family.has_dispersion()) family.set_log_dispersion(psi[psi.size() - 1]);
  const NestedModes start = family.log_concave() ? modes : NestedModes(design, {}, {});
  bool finished = true;
  dispatch_nested(design, [&](auto QB, auto QA) {
    const auto blocks = cluster_blocks(design.clusters());
    finished = for_each_block(blocks, context, [&](int, const Block& block) {
      NestedCluster<decltype(QB)::value, decltype(QA)::value> cluster(design, family, rule, psi);
      for (Index i = block.first; i < block.last; ++i)
        if (cluster.evaluate(i, start.top, start.leaf, 0) == Status::ok) work(i, cluster);
    });
  });
  return finished;
}

// Medians of cluster i, for one random effect at each level.
template <class Cluster>
void medians_of(const NestedDesign& design, const Family& family, const ProductRule& inner,
                Cluster& cluster, const MatrixXd& Lambda, Index i, NestedPosterior& out) {
  NestedMedians<Cluster> medians(family, inner, cluster);
  out.top.median(0, i) = Lambda(1, 1) * medians.top();
  for (Index l = 0; l < design.leaves_of(i); ++l) {
    const Index level = design.leaf_level[design.first_leaf[i] + l];
    out.leaf.median(0, level) = Lambda(0, 0) * medians.leaf(l);
  }
}

// Medians only where both levels have one random effect; NaN otherwise.
inline NestedPosterior nested_posterior(const NestedDesign& design, Family& family,
                                        const NestedRule& rule, const VectorXd& psi,
                                        const NestedModes& modes, bool with_median,
                                        const RunContext& context) {
  NestedPosterior out(design);
  const MatrixXd Lambda = design.Lambda(psi.data() + design.flat.p());
  const ProductRule inner = product_rule(rule.leaf.K, 1);
  with_median = with_median && design.qa == 1 && design.qb == 1;
  const bool finished =
      for_each_nested(design, family, rule, psi, modes, context, [&](Index i, auto& cluster) {
        posterior_of(design, cluster, Lambda, i, out);
        if (with_median) medians_of(design, family, inner, cluster, Lambda, i, out);
      });
  if (!finished) out.status = Status::interrupted;
  return out;
}

// Covariance, T x T, of T linear combinations of all b given the responses, by the normal
// approximation at the mode. Coefficients: `top` (q_a * clusters x T), `leaf` (q_b * levels x T).
// With b_b = Lambda (P_b z_b + Q_b z_a) and b_a = Lambda P_s z_a it is a sum of squares over z.
inline MatrixXd nested_combination_covariance(const NestedDesign& design, Family& family,
                                              const VectorXd& psi, const NestedModes& modes,
                                              const MatrixMap& top, const MatrixMap& leaf,
                                              const RunContext& context) {
  const Index qa = design.qa, qb = design.qb, T = top.cols();
  const MatrixXd Lambda = design.Lambda(psi.data() + design.flat.p());
  std::vector<MatrixXd> parts(design.clusters(), MatrixXd::Constant(T, T, kNaN));
  const NestedRule laplace = nested_rule(1, 1, qa, qb);
  for_each_nested(design, family, laplace, psi, modes, context, [&](Index i, auto& cluster) {
    const MatrixXd LP = Lambda.bottomRightCorner(qa, qa) * cluster.mode().P;
    MatrixXd za = LP.transpose() * top.middleRows(i * qa, qa);
    parts[i].setZero();
    for (Index l = 0; l < design.leaves_of(i); ++l) {
      const Index level = design.leaf_level[design.first_leaf[i] + l];
      const MatrixXd LP_b = (Lambda * cluster.mode().leaves[l].mode.P).topRows(qb);
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

// Rows to predict; levels from 0, negative: a new one.
struct NestedRows {
  MatrixMap X, Z;
  IntegerMap top, leaf;
};

// Variance of eta-hat - eta of rows, from the joint covariance of psi and u as
// prediction_variance(): new levels have their prior variance and u = 0.
class NestedPredictionVariance {
 public:
  NestedPredictionVariance(const NestedDesign& design, Family& family, const VectorXd& psi,
                           const NestedModes& modes, const MatrixXd& V, const RunContext& context)
      : design_(design),
        V_(V),
        Lambda_(design.Lambda(psi.data() + design.flat.p())),
        posterior_(design),
        modes_(design, {}, {}),
        tangents_(design.leaves()),
        cluster_(design.leaves(), -1),
        a_leaf_(design.clusters(), -1) {
    const NestedRule laplace = nested_rule(1, 1, design.qa, design.qb);
    for_each_nested(design, family, laplace, psi, modes, context, [&](Index i, auto& cluster) {
      posterior_of(design_, cluster, Lambda_, i, posterior_);
      cluster.store_modes(i, modes_.top, modes_.leaf);
      const std::vector<MatrixXd> du = cluster.mode_tangents();
      for (Index l = 0; l < design_.leaves_of(i); ++l) {
        const Index level = design_.leaf_level[design_.first_leaf[i] + l];
        tangents_[level] = du[l];
        cluster_[level] = i;
        a_leaf_[i] = level;
      }
    });
  }

  VectorXd operator()(const NestedRows& rows) const {
    VectorXd out(rows.X.rows());
    for (Index j = 0; j < out.size(); ++j) out[j] = row(rows, j);
    return out;
  }

 private:
  double row(const NestedRows& rows, Index j) const {
    const Index qa = design_.qa, qb = design_.qb, q = qa + qb;
    const Index top = rows.top[j], leaf = rows.leaf[j];
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

  // Adds the derivative of z'Lambda u to d; returns its variance given psi. u is that of leaf `at`.
  double add(const VectorXd& z, Index top, Index leaf, Index at, VectorXd& d) const {
    if (at < 0 || !tangents_[at].size()) return kNaN;
    const Index p = design_.flat.p(), qb = design_.qb, q = z.size();
    d += tangents_[at].transpose() * (Lambda_.transpose() * z);
    for (Index t = 0; t < design_.n_theta(); ++t) {
      const Index r = design_.theta_row[t], c = design_.theta_col[t];
      if (c < qb ? leaf < 0 : top < 0) continue;
      d[p + t] += z[r] * (c < qb ? modes_.leaf(c, leaf) : modes_.top(c - qb, top));
    }
    return z.dot(MatrixMap(posterior_.joint_mode_variance.col(at).data(), q, q) * z);
  }

  const NestedDesign& design_;
  const MatrixXd V_, Lambda_;
  NestedPosterior posterior_;
  NestedModes modes_;
  std::vector<MatrixXd> tangents_;  // q x P by level of the finer factor
  std::vector<Index> cluster_;      // of a level of the finer factor
  std::vector<Index> a_leaf_;       // some leaf of a cluster
};

}  // namespace margmix
