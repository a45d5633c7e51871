#include "glmm/posterior.hpp"

#include "glmm/coordinate_posterior.hpp"
#include "glmm/dispatch.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

template <int Q>
void posterior_shard(const Design& design, const Family& family, const ProductRule& rule,
                     const Parameters& psi, const MatrixXd& modes, bool with_median,
                     const Block& block, Posterior& out) {
  const Index q = design.q();
  const ProductRule inner =
      product_rule(q == 1 ? 1 : std::min(rule.K, 25), std::max<Index>(1, q - 1));
  Cluster<Q> cluster(design, family, rule, psi);
  for (Index i = block.first; i < block.last; ++i) {
    VectorQ<Q> start = VectorQ<Q>::Zero(q);
    if (family.log_concave()) start = modes.col(i);
    if (cluster.evaluate(i, start, 0) != Status::ok) continue;  // its columns stay NaN
    const MatrixXd u = cluster.u_nodes();
    const VectorXd mean = u * cluster.rho();
    MatrixXd covariance = MatrixXd::Zero(q, q);
    for (Index k = 0; k < u.cols(); ++k)
      covariance += cluster.rho()[k] * (u.col(k) - mean) * (u.col(k) - mean).transpose();
    const MatrixXd L = psi.Lambda, LP = L * cluster.mode().P;
    out.mode.col(i) = L * cluster.mode().u;
    out.mean.col(i) = L * mean;
    const MatrixXd variance = L * covariance * L.transpose();
    Eigen::Map<MatrixXd>(out.variance.col(i).data(), q, q) = variance;
    Eigen::Map<MatrixXd>(out.mode_variance.col(i).data(), q, q) = LP * LP.transpose();
    for (Index c = 0; with_median && c < q; ++c) {
      CoordinatePosterior posterior(design, family, psi, i, c, inner);
      const double scale = posterior.scale();
      out.median(c, i) = scale == 0 ? 0.0
                                    : scale * median_of(posterior, out.mean(c, i) / scale,
                                                        std::sqrt(variance(c, c)) / scale);
    }
  }
}

}  // namespace

Posterior posterior(const Design& design, Family& family, const ProductRule& rule,
                    const VectorXd& psi, const MatrixXd& modes, bool with_median,
                    const RunContext& context) {
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, family);
  const Index q = design.q(), m = design.clusters();
  Posterior out;
  out.mode = out.mean = out.median = MatrixXd::Constant(q, m, kNaN);
  out.variance = out.mode_variance = MatrixXd::Constant(q * q, m, kNaN);
  const bool finished = for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    dispatch_q(q, [&](auto Q) {
      posterior_shard<decltype(Q)::value>(design, family, rule, parameters, modes, with_median,
                                          block, out);
    });
  });
  if (!finished) out.status = Status::interrupted;
  return out;
}

MatrixXd mode_tangents(const Design& design, Family& family, const VectorXd& psi,
                       const MatrixXd& modes, const RunContext& context) {
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, family);
  const ProductRule laplace = product_rule(1, design.q());
  MatrixXd out =
      MatrixXd::Constant(design.q() * parameter_count(design, family), design.clusters(), kNaN);
  for_each_block(cluster_blocks(design.clusters()), context, [&](int, const Block& block) {
    Cluster<Dynamic> cluster(design, family, laplace, parameters);
    for (Index i = block.first; i < block.last; ++i) {
      VectorXd start = VectorXd::Zero(design.q());
      if (family.log_concave()) start = modes.col(i);
      if (cluster.evaluate(i, start, 0) != Status::ok) continue;
      const MatrixXd du = cluster.mode_tangents();
      out.col(i) = Eigen::Map<const VectorXd>(du.data(), du.size());
    }
  });
  return out;
}

VectorXd prediction_variance(const Design& design, const MatrixXd& Lambda,
                             const PredictionRows& rows, const MatrixXd& V, const MatrixXd& modes,
                             const MatrixXd& tangents, const MatrixXd& mode_variance) {
  const Index p = design.p(), q = design.q(), t = design.n_theta(), n = rows.X.rows(), P = V.rows();
  VectorXd out(n), d(P);
  const MatrixXd prior = Lambda * Lambda.transpose();
  for (Index j = 0; j < n; ++j) {
    const VectorXd z = rows.Z.row(j);
    d.setZero();
    d.head(p) = rows.X.row(j);
    const Index i = rows.levels(j, 0);
    if (i < 0) {
      out[j] = d.dot(V * d) + z.dot(prior * z);
      continue;
    }
    const MatrixMap du(tangents.col(i).data(), q, P);
    d += du.transpose() * (Lambda.transpose() * z);
    for (Index k = 0; k < t; ++k)
      d[p + k] += z[design.theta_row[k]] * modes(design.theta_col[k], i);
    out[j] = d.dot(V * d) + z.dot(MatrixMap(mode_variance.col(i).data(), q, q) * z);
  }
  return out;
}

}  // namespace margmix
