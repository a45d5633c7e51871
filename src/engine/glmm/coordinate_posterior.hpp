// The marginal posterior density of one random effect of a cluster, and the median of a density.
#pragma once

#include <boost/math/quadrature/gauss.hpp>
#include <optional>
#include <vector>

#include "design/design.hpp"
#include "glmm/nodes.hpp"

namespace margmix {

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

}  // namespace margmix
