#include "glmm/bridge_posterior.hpp"

#include <boost/math/quadrature/gauss.hpp>

#include "parallel/blocks.hpp"

namespace margmix {

BridgeMode BridgePosterior::mode() {
  const VectorXd& nodes = cluster_.b_nodes();
  const Index n = cluster_.X().rows(), K = nodes.size();
  VectorXd g(n), W(n);
  Index best = 0;
  double most = -kInf;
  for (Index k = 0; k < K; ++k) {
    const double h = cluster_.rows_at(nodes[k], nullptr, nullptr) + log_f(nodes[k]);
    if (h > most) most = h, best = k;
  }
  double low = nodes[std::max<Index>(best - 1, 0)], high = nodes[std::min(best + 1, K - 1)];
  double b = nodes[best];
  BridgeDistribution::Slope f;
  for (int iteration = 0; iteration < 100; ++iteration) {
    cluster_.rows_at(b, g.data(), W.data());
    f = cluster_.bridge().log_density(b);
    const double slope = g.sum() + f.d1, curvature = f.d2 - W.sum();
    (slope > 0 ? low : high) = b;
    double next = b - slope / curvature;
    if (!(curvature < 0) || !(next > low && next < high)) next = 0.5 * (low + high);
    const bool done = std::fabs(next - b) <= 1e-13 * (1 + std::fabs(b));
    b = next;
    if (done) break;
  }
  cluster_.rows_at(b, g.data(), W.data());
  f = cluster_.bridge().log_density(b);
  BridgeMode out;
  out.b = b;
  out.variance = 1 / (W.sum() - f.d2);
  out.tangent.resize(cluster_.X().cols() + 1);
  out.tangent.head(cluster_.X().cols()) = -out.variance * (cluster_.X().transpose() * W);
  out.tangent[cluster_.X().cols()] = out.variance * f.d1_sigma;
  return out;
}

double BridgePosterior::median() {
  constexpr int kPanels = 64;
  const double from = cluster_.low(), width = (cluster_.high() - from) / kPanels;
  Index best;
  cluster_.rho().maxCoeff(&best);
  const double mid = from + (best + 0.5) * (cluster_.high() - from) / cluster_.rho().size();
  level_ = cluster_.log_integrand(mid);
  std::vector<double> mass(kPanels);
  double total = 0;
  for (int k = 0; k < kPanels; ++k)
    total += mass[k] = panel(from + k * width, from + (k + 1) * width);
  double below = 0;
  int k = 0;
  while (k + 1 < kPanels && below + mass[k] < 0.5 * total) below += mass[k++];
  const double left = from + k * width;
  double low = left, high = left + width;
  while (high - low > 1e-12 * (1 + std::fabs(low))) {
    const double u = 0.5 * (low + high);
    if (u == low || u == high) break;
    (below + panel(left, u) < 0.5 * total ? low : high) = u;
  }
  return cluster_.bridge().at(0.5 * (low + high)).b;
}

double BridgePosterior::panel(double from, double to) {
  auto density = [&](double u) { return std::exp(cluster_.log_integrand(u) - level_); };
  return boost::math::quadrature::gauss<double, 10>::integrate(density, from, to);
}

BridgePosteriorResult bridge_posterior(const Design& design, const Family& family, int K,
                                       const VectorXd& psi, bool with_median,
                                       const RunContext& context) {
  const Index m = design.clusters(), P = design.p() + 1;
  BridgePosteriorResult out;
  out.mode = out.mean = out.median = out.mode_variance = out.variance = MatrixXd::Zero(1, m);
  out.tangents = MatrixXd::Zero(P, m);
  if (psi[P - 1] == 0) return out;
  const bool finished = for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    BridgeCluster cluster(design, family, K, psi.data());
    for (Index i = block.first; i < block.last; ++i) {
      if (cluster.evaluate(i, 0) != Status::ok) continue;
      BridgePosterior posterior(cluster);
      out.mean(0, i) = cluster.rho().dot(cluster.b_nodes());
      out.variance(0, i) =
          cluster.rho().dot((cluster.b_nodes().array() - out.mean(0, i)).square().matrix());
      const BridgeMode mode = posterior.mode();
      out.mode(0, i) = mode.b;
      out.mode_variance(0, i) = mode.variance;
      out.tangents.col(i) = mode.tangent;
      if (with_median) out.median(0, i) = posterior.median();
    }
  });
  if (!finished) out.status = Status::interrupted;
  return out;
}

ScoreDensity bridge_score_density(const Design& design, const Family& family, const VectorXd& psi,
                                  Index points, const RunContext& context) {
  const Index m = design.clusters();
  ScoreDensity out{VectorXd(m), VectorXd(m), MatrixXd(points, m)};
  const bool finished = for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    BridgeCluster cluster(design, family, 0, psi.data());
    for (Index i = block.first; i < block.last; ++i) {
      cluster.locate(i);
      out.low[i] = cluster.low();
      out.high[i] = cluster.high();
      const double step = (out.high[i] - out.low[i]) / double(points - 1);
      for (Index k = 0; k < points; ++k)
        out.log_density(k, i) = cluster.log_integrand(out.low[i] + double(k) * step);
    }
  });
  if (!finished) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
