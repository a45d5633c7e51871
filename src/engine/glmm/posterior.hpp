// Empirical Bayes: the distribution of the random effects b = Lambda u of each cluster given its
// responses, at fixed parameters.
#pragma once

#include <boost/math/quadrature/gauss.hpp>
#include <optional>

#include "glmm/objective.hpp"

namespace margmix {

struct Posterior {
  MatrixXd mode, mean, median;  // q x clusters, scale of b
  MatrixXd mode_variance;       // q * q x clusters: Lambda A^-1 Lambda'
  MatrixXd variance;            // q * q x clusters: posterior covariance
  Status status = Status::ok;
};

// log of the integral over u ~ N(0, I) of exp{sum_j l_j(eta0_j + V_j'u)}, by the adaptive rule, up
// to a constant of the rule's dimension.
class InnerIntegral {
 public:
  InnerIntegral(const Family& family, const ProductRule& rule, const Rows& rows, const MatrixXd& V)
      : family_(family), rule_(rule), rows_(rows), nodes_(family, rule) {
    mode_.reserve(V.rows(), V.cols());
    mode_.n = V.rows();
    mode_.V = V;
    start_ = VectorXd::Zero(V.cols());
  }

  double operator()(const VectorXd& eta0) {
    mode_.eta0 = eta0;
    if (mode_.find(rows_, family_, start_) != Status::ok) return -kInf;
    if (family_.log_concave()) start_ = mode_.u;
    nodes_.evaluate(rows_, mode_, 0);
    const MatrixXd u = (mode_.P * rule_.z).colwise() + mode_.u;
    const VectorXd a =
        rule_.log_weight + nodes_.lsum() - 0.5 * u.colwise().squaredNorm().transpose();
    const double most = a.maxCoeff();
    return mode_.log_det_P + most + std::log((a.array() - most).exp().sum());
  }

 private:
  const Family& family_;
  const ProductRule& rule_;
  Rows rows_;
  VectorXd start_;
  Mode<Dynamic> mode_;
  Nodes<Dynamic> nodes_;
};

// Median of a distribution with a log density, its mean and sd: panels of Gauss-Legendre points
// around the mean; bisection and Newton steps inside the panel of the median.
template <class LogDensity>
double median_of(LogDensity& log_density, double mean, double sd) {
  constexpr int kPanels = 48;
  constexpr double kReach = 12;
  const double width = 2 * kReach * sd / kPanels, from = mean - kReach * sd;
  const double level = log_density(mean);
  auto panel = [&](double low, double high) {
    if (high <= low) return 0.0;
    auto density = [&](double w) { return std::exp(log_density(w) - level); };
    return boost::math::quadrature::gauss<double, 10>::integrate(density, low, high);
  };
  std::vector<double> cumulative(kPanels + 1, 0.0);
  for (int k = 0; k < kPanels; ++k)
    cumulative[k + 1] = cumulative[k] + panel(from + k * width, from + (k + 1) * width);
  const double half = 0.5 * cumulative[kPanels];
  int k = 0;
  while (k + 1 < kPanels && cumulative[k + 1] < half) ++k;
  double low = from + k * width, high = low + width;
  const double left = low;
  double x = 0.5 * (low + high);
  for (int iteration = 0; iteration < 60; ++iteration) {
    const double excess = cumulative[k] + panel(left, x) - half;
    (excess > 0 ? high : low) = x;
    double next = x - excess / std::exp(log_density(x) - level);
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::fabs(next - x) < 1e-11 * sd) return next;
    x = next;
  }
  return x;
}

// The marginal posterior of one coordinate, b_c = lambda'u with lambda' the row c of Lambda.
// A Householder matrix H turns u into w, b_c = |lambda| w_1; at a given w_1 the other coordinates
// are integrated by the adaptive rule in q - 1 dimensions.
class CoordinatePosterior {
 public:
  CoordinatePosterior(const Design& design, const Family& family, const Parameters& psi, Index i,
                      Index coordinate, const ProductRule& inner)
      : family_(family) {
    const Index first = design.first(i), n = design.size(i), q = design.q();
    rows_ = design.response.part(first, n);
    eta0_ = design.offset.segment(first, n);
    eta0_ += design.X.middleRows(first, n) * psi.beta;
    VectorXd lambda = psi.Lambda.row(coordinate);
    scale_ = lambda.norm();
    if (scale_ == 0) return;
    VectorXd v = lambda / scale_;
    v[0] += v[0] < 0 ? -1.0 : 1.0;
    const double sign = v[0] < 0 ? 1.0 : -1.0;  // H e_1 = sign * lambda / |lambda|
    const MatrixXd H = MatrixXd::Identity(q, q) - 2 * v * v.transpose() / v.squaredNorm();
    const MatrixXd VH = design.Z.middleRows(first, n) * psi.Lambda * (sign * H);
    v1_ = VH.col(0);
    if (q > 1) others_.emplace(family, inner, rows_, VH.rightCols(q - 1));
  }

  double scale() const { return scale_; }

  // log density of w_1, up to a constant
  double operator()(double w) {
    const VectorXd eta = eta0_ + w * v1_;
    const double l = others_ ? (*others_)(eta)
                             : family_.rows(rows_, eta.data(), nullptr, nullptr, nullptr, nullptr);
    return l - 0.5 * w * w;
  }

 private:
  const Family& family_;
  Rows rows_;
  VectorXd eta0_, v1_;
  std::optional<InnerIntegral> others_;
  double scale_ = 0;
};

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

inline Posterior posterior(const Design& design, Family& family, const ProductRule& rule,
                           const VectorXd& psi, const MatrixXd& modes, bool with_median,
                           const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  family.set_log_dispersion(parameters.log_phi);
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

// d u~ / d psi for every cluster: q * P x clusters. With it, and A^-1, the joint covariance of psi
// and u follows.
inline MatrixXd mode_tangents(const Design& design, Family& family, const VectorXd& psi,
                              const MatrixXd& modes, const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  family.set_log_dispersion(parameters.log_phi);
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

// Clusters in which the search for the mode from other starts, 1.5 and 3 along each axis, ends at a
// clearly better one than the search from u = 0 that the likelihood uses.
inline Index clusters_with_better_modes(const Design& design, Family& family, const VectorXd& psi,
                                        const RunContext& context) {
  if (family.log_concave()) return 0;
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  family.set_log_dispersion(parameters.log_phi);
  const ProductRule laplace = product_rule(1, design.q());
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<Index> found(blocks.size(), 0);
  for_each_block(blocks, context, [&](int b, const Block& block) {
    Cluster<Dynamic> cluster(design, family, laplace, parameters);
    const VectorXd origin = VectorXd::Zero(design.q());
    auto height = [&](Index i, const VectorXd& start) {
      const bool ok = cluster.evaluate(i, start, 0) == Status::ok;
      const auto& mode = cluster.mode();
      return ok ? mode.rows_value - 0.5 * mode.u.squaredNorm() : -kInf;
    };
    for (Index i = block.first; i < block.last; ++i) {
      const double h = height(i, origin);
      double best = h;
      for (Index r = 0; r < design.q(); ++r)
        for (double shift : {-3.0, -1.5, 1.5, 3.0})
          best = std::max(best, height(i, shift * VectorXd::Unit(design.q(), r)));
      found[b] += best > h + 1e-6 * (1 + std::fabs(h));
    }
  });
  Index total = 0;
  for (Index count : found) total += count;
  return total;
}

// Variance of eta-hat - eta for rows x, z of known clusters (index from 0; negative: a new cluster,
// at u = 0), from the joint covariance of psi and u: with d = d eta(u~(psi)) / d psi,
//   d'V d + z'Lambda A^-1 Lambda'z      (V: covariance of psi)
inline VectorXd prediction_variance(const Design& design, const MatrixXd& Lambda,
                                    const MatrixMap& X, const MatrixMap& Z,
                                    const IntegerMap& cluster, const MatrixMap& V,
                                    const MatrixMap& modes, const MatrixMap& tangents,
                                    const MatrixMap& mode_variance) {
  const Index p = design.p(), q = design.q(), t = design.n_theta(), n = X.rows(), P = V.rows();
  VectorXd out(n), d(P);
  const MatrixXd prior = Lambda * Lambda.transpose();
  for (Index j = 0; j < n; ++j) {
    const VectorXd z = Z.row(j);
    d.setZero();
    d.head(p) = X.row(j);
    const Index i = cluster[j];
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
