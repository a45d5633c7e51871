#include "glmm/effect_cluster.hpp"

namespace margmix {

EffectCluster::EffectCluster(const Design& design, const Family& family, const EffectLaw& law,
                             int K, const double* psi)
    : design_(design),
      family_(family),
      K_(K),
      beta_(VectorMap(psi, design.p())),
      sigma_(psi[design.p()]),
      effect_(make_effect(law, sigma_)),
      far_(effect_->far()) {}

Status EffectCluster::evaluate(Index i, int order) {
  locate(i);
  quadrature(order);
  if (!std::isfinite(value_)) return Status::not_finite;
  if (order >= 1) gradient();
  if (order >= 2) hessian();
  return Status::ok;
}

void EffectCluster::locate(Index i) {
  place(i);
  find_window();
}

double EffectCluster::rows_at(double b, double* g, double* W) {
  if (exp_is_safe_ && std::fabs(b) < 300) {
    eta_ = exp_eta0_ * std::exp(b);
    return wy_eta0_ + b * wy_ + family_.rows_exp(rows_, eta_.data(), g, W);
  }
  eta_ = eta0_.array() + b;
  return family_.rows(rows_, eta_.data(), g, W, nullptr, nullptr);
}

void EffectCluster::place(Index i) {
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

PhiDerivatives EffectCluster::phi_at(double b) {
  eta_ = eta0_.array() + b;
  return PhiDerivatives(design_, family_, rows_, eta_.data());
}

VectorXd EffectCluster::aux_slope(double b) {
  return aux_slopes(design_, first_, phi_at(b).g).colwise().sum();
}

double EffectCluster::most_beyond(double side) {
  auto L = [&](double u) { return rows_at(effect_->at(side * u).b, nullptr, nullptr); };
  const double end = L(far_);
  return end >= L(far_ - 1) ? end : kInf;
}

void EffectCluster::find_window() {
  constexpr double kDrop = 30;
  double best_u = 0, best = log_integrand(0);
  std::vector<std::pair<double, double>> seen;
  for (const double side : {-1.0, 1.0}) {
    double L_before = rows_at(effect_->at(0).b, nullptr, nullptr), most = kNaN;
    for (double u = 1; u <= far_; ++u) {
      const double value = log_integrand(side * u), weight = effect_->log_weight(u);
      const double L = value - weight;
      seen.emplace_back(side * u, value);
      if (value > best) best = value, best_u = side * u;
      if (value < best - kDrop) {
        if (!(L > L_before)) break;
        // L rises: what can still come?
        if (std::isnan(most)) most = most_beyond(side);
        if (most + weight < best - kDrop) break;
      }
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
  low_ = walk(best_u, -step, first, best - kDrop);
  high_ = walk(best_u, step, last, best - kDrop);
}

double EffectCluster::walk(double u, double step, double past, double level) {
  static constexpr double kSteps[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128};
  double end = u;
  for (double factor = 1;; factor *= 128)
    for (const double s : kSteps) {
      end = u + factor * s * step;
      const bool beyond = step > 0 ? end >= past : end <= past;
      if (std::fabs(end) >= far_ || (beyond && log_integrand(end) < level)) return end;
    }
}

void EffectCluster::quadrature(int order) {
  const Index n = eta0_.size();
  const double h = (high_ - low_) / K_;
  b_.resize(K_), b1_.resize(K_), b2_.resize(K_), rho_.resize(K_);
  if (order >= 1) G_.resize(n, K_);
  if (order >= 2) W_.resize(n, K_);
  for (int k = 0; k < K_; ++k) {
    const double u = low_ + (k + 0.5) * h;
    const EffectDistribution::Value b = effect_->at(u);
    b_[k] = b.b, b1_[k] = b.d1, b2_[k] = b.d2;
    rho_[k] = rows_at(b.b, order >= 1 ? G_.col(k).data() : nullptr,
                      order >= 2 ? W_.col(k).data() : nullptr) +
              effect_->log_weight(u);
  }
  const double most = rho_.maxCoeff();
  rho_ = (rho_.array() - most).exp();
  const double sum = rho_.sum();
  rho_ /= sum;
  value_ = most + std::log(h * sum) + effect_->log_constant();
}

void EffectCluster::gradient() {
  const Index p = design_.p();
  s_.resize(p + 1, K_);
  s_.topRows(p).noalias() = X().transpose() * G_;
  for (int k = 0; k < K_; ++k) s_(p, k) = b1_[k] * G_.col(k).sum();
  gradient_ = s_ * rho_;
  const Index aux = design_.n_aux(family_);
  if (aux == 0) return;
  aux_.setZero(aux);
  const VectorXd none = VectorXd::Zero(eta0_.size());
  for (int k = 0; k < K_; ++k)
    if (rho_[k] > 0)
      aux_ += rho_[k] * margmix::aux_gradient(design_, first_, phi_at(b_[k]), none, none);
}

void EffectCluster::hessian() {
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

double EffectCluster::curvature_at_zero() {
  const Index n = eta0_.size();
  VectorXd g(n), W(n);
  const double L0 = rows_at(0, g.data(), W.data()), slope = g.sum();
  return effect_->curvature_at_zero(slope * slope - W.sum(), [&](double b) {
    return std::expm1(std::min(600.0, rows_at(b, nullptr, nullptr) - L0));
  });
}

}  // namespace margmix
