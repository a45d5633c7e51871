#include "glmm/bridge_cluster.hpp"

namespace margmix {

BridgeCluster::BridgeCluster(const Design& design, const Family& family, int K, const double* psi)
    : design_(design),
      family_(family),
      K_(K),
      beta_(VectorMap(psi, design.p())),
      sigma_(psi[design.p()]),
      bridge_(sigma_) {}

Status BridgeCluster::evaluate(Index i, int order) {
  locate(i);
  quadrature(order);
  if (!std::isfinite(value_)) return Status::not_finite;
  if (order >= 1) gradient();
  if (order >= 2) hessian();
  return Status::ok;
}

void BridgeCluster::locate(Index i) {
  place(i);
  find_window();
}

double BridgeCluster::rows_at(double b, double* g, double* W) {
  if (exp_is_safe_ && std::fabs(b) < 300) {
    eta_ = exp_eta0_ * std::exp(b);
    return wy_eta0_ + b * wy_ + family_.rows_exp(rows_, eta_.data(), g, W);
  }
  eta_ = eta0_.array() + b;
  return family_.rows(rows_, eta_.data(), g, W, nullptr, nullptr);
}

void BridgeCluster::place(Index i) {
  first_ = design_.first(i);
  const Index n = design_.size(i);
  rows_ = design_.response.part(first_, n);
  eta0_ = design_.offset.segment(first_, n) + design_.X.middleRows(first_, n) * beta_;
  exp_is_safe_ = family_.through_exp() && eta0_.cwiseAbs().maxCoeff() < 300;
  if (!exp_is_safe_) return;
  exp_eta0_ = eta0_.array().exp();
  wy_ = wy_eta0_ = 0;
  for (Index j = 0; j < n; ++j) {
    const double wy = rows_.w(j) * rows_.y[j];
    wy_ += wy;
    wy_eta0_ += wy * eta0_[j];
  }
}

void BridgeCluster::find_window() {
  constexpr double kDrop = 30, kFar = 37;
  double best_u = 0, best = log_integrand(0);
  std::vector<std::pair<double, double>> seen;
  for (const double side : {-1.0, 1.0}) {
    double L_before = rows_at(bridge_.at(0).b, nullptr, nullptr);
    for (double u = 1; u <= kFar; ++u) {
      const double value = log_integrand(side * u), L = value + 0.5 * u * u;
      seen.emplace_back(side * u, value);
      if (value > best) best = value, best_u = side * u;
      // L <= 0 bounds what can still come where L rises
      const double most = L > L_before ? -0.5 * u * u : value;
      if (most < best - kDrop) break;
      L_before = L;
    }
  }
  double step = 1;  // the scale on which the integrand falls from its maximum
  for (; step > 1e-8; step *= 0.5) {
    const double left = log_integrand(best_u - step), right = log_integrand(best_u + step);
    const double top = std::max(left, right);
    if (top > best) {
      best_u += left > right ? -step : step;
      best = top;
    } else if (top > best - 2) {
      break;
    }
  }
  double first = best_u, last = best_u;
  for (const auto& [u, value] : seen) {
    if (value < best - kDrop) continue;
    first = std::min(first, u);
    last = std::max(last, u);
  }
  low_ = walk(best_u, -step, first, best - kDrop, kFar);
  high_ = walk(best_u, step, last, best - kDrop, kFar);
}

double BridgeCluster::walk(double u, double step, double past, double level, double far) {
  static constexpr double kSteps[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  double end = u;
  for (double factor = 1;; factor *= 128)
    for (const double s : kSteps) {
      end = u + factor * s * step;
      const bool beyond = step > 0 ? end >= past : end <= past;
      if (std::fabs(end) >= far || (beyond && log_integrand(end) < level)) return end;
    }
}

void BridgeCluster::quadrature(int order) {
  const Index n = eta0_.size();
  const double h = (high_ - low_) / K_;
  b_.resize(K_), b1_.resize(K_), b2_.resize(K_), rho_.resize(K_);
  if (order >= 1) G_.resize(n, K_);
  if (order >= 2) W_.resize(n, K_);
  for (int k = 0; k < K_; ++k) {
    const double u = low_ + (k + 0.5) * h;
    const BridgeDistribution::Value b = bridge_.at(u);
    b_[k] = b.b, b1_[k] = b.d1, b2_[k] = b.d2;
    rho_[k] = rows_at(b.b, order >= 1 ? G_.col(k).data() : nullptr,
                      order >= 2 ? W_.col(k).data() : nullptr) -
              0.5 * u * u;
  }
  const double most = rho_.maxCoeff();
  rho_ = (rho_.array() - most).exp();
  const double sum = rho_.sum();
  rho_ /= sum;
  constexpr double kLogRoot2Pi = 0.91893853320467274178;
  value_ = most + std::log(h * sum) - kLogRoot2Pi;
}

void BridgeCluster::gradient() {
  const Index p = design_.p();
  s_.resize(p + 1, K_);
  s_.topRows(p).noalias() = X().transpose() * G_;
  for (int k = 0; k < K_; ++k) s_(p, k) = b1_[k] * G_.col(k).sum();
  gradient_ = s_ * rho_;
}

void BridgeCluster::hessian() {
  const Index p = design_.p();
  const MatrixXd centred = s_.colwise() - gradient_;
  hessian_ = centred * rho_.asDiagonal() * centred.transpose();
  const VectorXd W = -(W_ * rho_), W1 = W_ * rho_.cwiseProduct(b1_);
  const MatrixXd WX = W.asDiagonal() * X();
  add_transposed_multiply(X(), WX, hessian_.topLeftCorner(p, p));
  const VectorXd cross = X().transpose() * W1;
  hessian_.topRightCorner(p, 1) -= cross;
  hessian_.bottomLeftCorner(1, p) -= cross.transpose();
  for (int k = 0; k < K_; ++k)
    hessian_(p, p) += rho_[k] * (G_.col(k).sum() * b2_[k] - W_.col(k).sum() * b1_[k] * b1_[k]);
  if (sigma_ == 0) hessian_(p, p) = curvature_at_zero();
}

double BridgeCluster::curvature_at_zero() {
  constexpr double kPi = 3.14159265358979323846, kStep = 0.05;
  const double L0 = rows_at(0, nullptr, nullptr);
  double sum = 0;
  for (double b = 0.5 * kStep; b < 40; b += kStep) {
    const double sinh = std::sinh(0.5 * b);
    sum += (gain(b, L0) + gain(-b, L0)) / (4 * kPi * sinh * sinh);
  }
  return 3 / kPi * kStep * sum;
}

}  // namespace margmix
