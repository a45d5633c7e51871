#include "marginal/population_mean.hpp"

namespace margmix {

void TrapezoidTable::prepare(double s, double strip) {
  constexpr double kRange = 9.5, kPi = 3.14159265358979323846, kDigits = 36.0;
  // The normal density alone asks for h <= 0.7; a strip of half-width d for 2 pi d / kDigits.
  // d_s carries mu', one order more singular, hence the margin in kDigits.
  const double wanted = s > 0 ? 2 * kPi * (strip / s) / kDigits : 0.5;
  const int parts = std::max(1, static_cast<int>(std::ceil(0.5 / wanted)));
  if (parts != parts_) {
    parts_ = parts;
    const double h = 0.5 / parts;
    half_ = static_cast<int>(std::ceil(kRange / h));
    const int padded = 4 * ((2 * half_ + 4) / 4);
    t_ = Eigen::ArrayXd::LinSpaced(padded, -half_ * h, (padded - 1 - half_) * h);
    weight_ = (-0.5 * t_.square()).exp();
    weight_.tail(padded - 2 * half_ - 1).setZero();
    weight_ /= weight_.sum();
    weight_t_ = weight_ * t_;
    s_ = kNaN;
  }
  if (s == s_) return;
  s_ = s;
  shift_ = (s * t_).exp();
}

PopulationMean PopulationMeanRule::operator()(double eta, double s) const {
  if (link_ == "identity") return {eta, 1, 0};
  if (link_ == "sqrt") return {eta * eta + s * s, 2 * eta, 2 * s};
  if (s == 0) {
    const Family::Mean at = family_.mean(eta);
    return {at.mu, at.d1, 0};
  }
  if (!law_.normal()) return over_effects(eta, s);
  if (link_ == "log") {
    const double m = std::exp(eta + 0.5 * s * s);
    return {m, m, s * m};
  }
  if (link_ == "probit") {
    const double r = std::sqrt(1 + s * s);
    const Family::Mean at = family_.mean(eta / r);
    return {at.mu, at.d1 / r, -at.d1 * eta * s / (r * r * r)};
  }
  return trapezoid(eta, s);
}

double analytic_strip(const std::string& link) {
  constexpr double kPi = 3.14159265358979323846;
  return link == "logit" ? kPi : link == "cloglog" ? kPi / 2 : 1.0;
}

void EffectTable::prepare(const EffectLaw& law, double eta, double s, double strip) {
  const double most = std::exp2(std::ceil(std::log2(std::max(8.0, std::fabs(eta)))));
  if (s == s_ && most == most_) return;
  s_ = s, most_ = most;
  const auto effect = make_effect(law, s);
  const double h = effect->step(most, strip);
  const int half = static_cast<int>(std::ceil(effect->reach() / h));
  const Index n = 2 * half + 1;
  b_.resize(n), d_s_.resize(n), weight_.resize(n);
  for (Index k = 0; k < n; ++k) {
    const double u = static_cast<double>(k - half) * h;
    const EffectDistribution::Value v = effect->at(u);
    b_[k] = v.b, d_s_[k] = v.d1, weight_[k] = std::exp(effect->log_weight(u));
  }
  weight_ /= weight_.sum();
}

PopulationMean PopulationMeanRule::over_effects(double eta, double s) const {
  if (link_ == "logit") {
    const auto effect = make_effect(law_, s);
    const double factor = effect->logit_factor();
    if (factor > 0) {
      const Family::Mean at = family_.mean(factor * eta);
      return {at.mu, at.d1 * factor, at.d1 * eta * effect->d_logit_factor()};
    }
  }
  effects_.prepare(law_, eta, s, analytic_strip(link_));
  PopulationMean sum{0, 0, 0};
  for (Index k = 0; k < effects_.size(); ++k) {
    const Family::Mean at = family_.mean(eta + effects_.b(k));
    sum.mean += effects_.weight(k) * at.mu;
    sum.d_eta += effects_.weight(k) * at.d1;
    sum.d_s += effects_.weight(k) * at.d1 * effects_.d_s(k);
  }
  return sum;
}

PopulationMean PopulationMeanRule::trapezoid(double eta, double s) const {
  const bool logit = link_ == "logit";
  constexpr double kLargestExponent = 700;
  table_.prepare(s, analytic_strip(link_));
  if (logit && std::fabs(eta) + table_.reach() < kLargestExponent) return logit_sum(eta);
  PopulationMean sum{0, 0, 0};
  for (Index k = 0; k < table_.size(); ++k) {
    if (table_.weight()[k] == 0) continue;
    const Family::Mean at = family_.mean(eta + s * table_.t()[k]);
    sum.mean += table_.weight()[k] * at.mu;
    sum.d_eta += table_.weight()[k] * at.d1;
    sum.d_s += table_.weight_t()[k] * at.d1;
  }
  return sum;
}

PopulationMean PopulationMeanRule::logit_sum(double eta) const {
  using Four = Eigen::Array<double, 4, 1>;
  Four mean = Four::Zero(), d_eta = Four::Zero(), d_s = Four::Zero();
  const double exp_eta = std::exp(eta);
  for (Index k = 0; k < table_.size(); k += 4) {
    const Four e = exp_eta * table_.shift().segment<4>(k), q = (1 + e).inverse();
    const Four mu = e * q, d = mu * q;
    mean += table_.weight().segment<4>(k) * mu;
    d_eta += table_.weight().segment<4>(k) * d;
    d_s += table_.weight_t().segment<4>(k) * d;
  }
  return {mean.sum(), d_eta.sum(), d_s.sum()};
}

}  // namespace margmix
