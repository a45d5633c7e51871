#include "glmm/cluster_values.hpp"

#include "glmm/dispatch.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

double importance_value(const Rows& rows, const Family& family, const Mode<Dynamic>& mode,
                        const ImportancePoints& points) {
  constexpr double kHalfLog2Pi = 0.91893853320467274178;
  const Index N = points.t.cols(), q = points.t.rows();
  VectorXd log_w(N), eta(mode.n), u(q);
  for (Index k = 0; k < N; ++k) {
    u = mode.u + mode.P * points.t.col(k);
    eta = mode.eta0.head(mode.n) + mode.V.topRows(mode.n) * u;
    const double l = family.rows(rows, eta.data(), nullptr, nullptr, nullptr, nullptr);
    log_w[k] = std::isfinite(l) ? l - 0.5 * u.squaredNorm() - points.log_q0[k] : -kInf;
  }
  const double most = log_w.maxCoeff();
  if (!std::isfinite(most)) return -kInf;
  const double sum = (log_w.array() - most).exp().sum();
  return most + std::log(sum / static_cast<double>(N)) + mode.log_det_P -
         static_cast<double>(q) * kHalfLog2Pi;
}

}  // namespace

ClusterValues cluster_values(const Design& design, Family& family, const ProductRule& rule,
                             const VectorXd& psi, const MatrixXd& modes,
                             const ImportancePoints& points, const RunContext& context) {
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, family);
  const Index m = design.clusters();
  ClusterValues out;
  out.quadrature = VectorXd::Constant(m, kNaN);
  out.importance = VectorXd::Constant(m, kNaN);
  const bool warm = family.log_concave();
  const auto blocks = cluster_blocks(m);
  std::vector<Status> status(blocks.size(), Status::ok);
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    Cluster<Dynamic> cluster(design, family, rule, parameters);
    VectorXd start = VectorXd::Zero(design.q());
    for (Index i = block.first; i < block.last; ++i) {
      if (warm) start = modes.col(i);
      const Status found = cluster.evaluate(i, start, 0);
      status[b] = worst(status[b], found);
      out.quadrature[i] = cluster.value();
      if (found != Status::ok || points.t.cols() == 0) continue;
      const Rows rows = design.response.part(design.first(i), design.size(i));
      out.importance[i] = importance_value(rows, family, cluster.mode(), points);
    }
  });
  for (Status s : status) out.status = worst(out.status, s);
  if (!finished) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
