#include "glmm/coordinate_posterior.hpp"

#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <vector>

namespace margmix {

double InnerIntegral::operator()(const VectorXd& eta0) {
  mode_.eta0 = eta0;
  if (mode_.find(rows_, family_, start_) != Status::ok) return -kInf;
  if (family_.log_concave()) start_ = mode_.u;
  nodes_.evaluate(rows_, mode_, 0);
  const MatrixXd u = (mode_.P * rule_.z).colwise() + mode_.u;
  const VectorXd a = rule_.log_weight + nodes_.lsum() - 0.5 * u.colwise().squaredNorm().transpose();
  const double most = a.maxCoeff();
  return mode_.log_det_P + most + std::log((a.array() - most).exp().sum());
}

double median_of(const std::function<double(double)>& log_density, double mean, double sd) {
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

CoordinatePosterior::CoordinatePosterior(const Design& design, const Family& family,
                                         const Parameters& psi, Index i, Index coordinate,
                                         const ProductRule& inner)
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

double CoordinatePosterior::operator()(double w) {
  const VectorXd eta = eta0_ + w * v1_;
  const double l = others_ ? (*others_)(eta)
                           : family_.rows(rows_, eta.data(), nullptr, nullptr, nullptr, nullptr);
  return l - 0.5 * w * w;
}

}  // namespace margmix
