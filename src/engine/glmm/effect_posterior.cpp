#include "glmm/effect_posterior.hpp"

#include <boost/math/quadrature/gauss.hpp>

#include "parallel/blocks.hpp"

namespace margmix {

EffectMode EffectPosterior::mode(Index aux) {
  const VectorXd& nodes = cluster_.b_nodes();
  const Index n = cluster_.X().rows(), p = cluster_.X().cols(), K = nodes.size();
  VectorXd g(n), W(n);
  Index best = 0;
  double most = -kInf;
  for (Index k = 0; k < K; ++k) {
    const double h = cluster_.rows_at(nodes[k], nullptr, nullptr) + log_f(nodes[k]);
    if (h > most) most = h, best = k;
  }
  double low = nodes[std::max<Index>(best - 1, 0)], high = nodes[std::min(best + 1, K - 1)];
  double b = nodes[best];
  EffectDistribution::Slope f;
  for (int iteration = 0; iteration < 100; ++iteration) {
    cluster_.rows_at(b, g.data(), W.data());
    f = cluster_.effect().log_density(b);
    const double slope = g.sum() + f.d1, curvature = f.d2 - W.sum();
    (slope > 0 ? low : high) = b;
    double next = b - slope / curvature;
    if (!(curvature < 0) || !(next > low && next < high)) next = 0.5 * (low + high);
    const bool done = std::fabs(next - b) <= 1e-13 * (1 + std::fabs(b));
    b = next;
    if (done) break;
  }
  cluster_.rows_at(b, g.data(), W.data());
  f = cluster_.effect().log_density(b);
  EffectMode out;
  out.b = b;
  out.variance = 1 / (W.sum() - f.d2);
  out.tangent.resize(p + 1 + aux);
  out.tangent.head(p) = -out.variance * (cluster_.X().transpose() * W);
  out.tangent[p] = out.variance * f.d1_sigma;
  if (aux > 0) out.tangent.tail(aux) = out.variance * cluster_.aux_slope(b);
  return out;
}

double EffectPosterior::median() {
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
  return cluster_.effect().at(0.5 * (low + high)).b;
}

double EffectPosterior::panel(double from, double to) {
  auto density = [&](double u) { return std::exp(cluster_.log_integrand(u) - level_); };
  return boost::math::quadrature::gauss<double, 10>::integrate(density, from, to);
}

EffectPosteriorResult effect_posterior(const Design& design, Family& family, const EffectLaw& law,
                                       int K, const VectorXd& psi, bool with_median,
                                       const RunContext& context) {
  const Index m = design.clusters(), P = psi.size(), aux = design.n_aux(family);
  set_dispersion(design, psi, family);
  EffectPosteriorResult out;
  out.mode = out.mean = out.median = out.mode_variance = out.variance = MatrixXd::Zero(1, m);
  out.tangents = MatrixXd::Zero(P, m);
  if (psi[design.p()] == 0) return out;
  const bool finished = for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    EffectCluster cluster(design, family, law, K, psi.data());
    for (Index i = block.first; i < block.last; ++i) {
      if (cluster.evaluate(i, 0) != Status::ok) continue;
      EffectPosterior posterior(cluster);
      out.mean(0, i) = cluster.rho().dot(cluster.b_nodes());
      out.variance(0, i) =
          cluster.rho().dot((cluster.b_nodes().array() - out.mean(0, i)).square().matrix());
      const EffectMode mode = posterior.mode(aux);
      out.mode(0, i) = mode.b;
      out.mode_variance(0, i) = mode.variance;
      out.tangents.col(i) = mode.tangent;
      if (with_median) out.median(0, i) = posterior.median();
    }
  });
  if (!finished) out.status = Status::interrupted;
  return out;
}

ScoreDensity score_density(const Design& design, Family& family, const EffectLaw& law,
                           const VectorXd& psi, Index points, const RunContext& context) {
  set_dispersion(design, psi, family);
  const Index m = design.clusters();
  ScoreDensity out{VectorXd(m), VectorXd(m), MatrixXd(points, m)};
  const bool finished = for_each_block(cluster_blocks(m), context, [&](int, const Block& block) {
    EffectCluster cluster(design, family, law, 0, psi.data());
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
