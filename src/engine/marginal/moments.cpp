#include "marginal/moments.hpp"

#include <boost/math/quadrature/gauss.hpp>

namespace margmix {

template <class At>
double BetweenMoments::parts(double eta, double s, At at) const {
  if (law_.normal()) return line(step(s), [&](double t, double weight) { at(s * t, t, weight); });
  effects_.prepare(law_, eta, s, analytic_strip(link_));
  for (Index k = 0; k < effects_.size(); ++k)
    at(effects_.b(k), effects_.d_s(k), effects_.weight(k));
  return 1;
}

BetweenVariance BetweenMoments::variance(double eta, double s) const {
  if (link_ == "identity") return {s * s, 0, 2 * s};
  if (link_ == "sqrt")
    return {4 * eta * eta * s * s + 2 * std::pow(s, 4), 8 * eta * s * s,
            8 * eta * eta * s + 8 * s * s * s};
  if (link_ == "log") {
    const double m2 = std::exp(2 * eta + s * s), g = std::expm1(s * s);
    return {m2 * g, 2 * m2 * g, 2 * s * m2 * (2 * g + 1)};
  }
  if (s == 0) return {0, 0, 0};
  const double m = mean_(eta, s).mean;
  BetweenVariance sum{0, 0, 0};
  const double total = parts(eta, s, [&](double b, double b_s, double weight) {
    const Family::Mean at = family_.mean(eta + b);
    const double e = at.mu - m;
    sum.value += weight * e * e;
    sum.d_eta += weight * 2 * e * at.d1;
    sum.d_s += weight * 2 * e * at.d1 * b_s;
  });
  return {sum.value / total, sum.d_eta / total, sum.d_s / total};
}

double BetweenMoments::covariance(double eta1, double s1, double eta2, double s2, double c) const {
  if (link_ == "identity") return c;
  if (link_ == "sqrt") return 4 * eta1 * eta2 * c + 2 * c * c;
  if (s1 == 0 || s2 == 0 || c == 0) return 0;
  if (!law_.normal()) return intercept_covariance(eta1, eta2, s1);
  if (link_ == "log") return std::exp(eta1 + eta2 + 0.5 * (s1 * s1 + s2 * s2)) * std::expm1(c);
  if (link_ == "probit") {
    const double r1 = std::sqrt(1 + s1 * s1), r2 = std::sqrt(1 + s2 * s2);
    return orthant(eta1 / r1, eta2 / r2, c / (r1 * r2));
  }
  // T_2 = r T_1 + sqrt(1 - r^2) T': the inner integral is a population mean again.
  const double r = std::max(-1.0, std::min(1.0, c / (s1 * s2)));
  const double slope = s2 * r, rest = s2 * std::sqrt(std::max(0.0, (1 - r) * (1 + r)));
  const double m1 = mean_(eta1, s1).mean, m2 = mean_(eta2, s2).mean;
  double sum = 0;
  const double total = line(step(std::max(s1, std::fabs(slope))), [&](double t, double weight) {
    const double eta = eta2 + slope * t;
    const double inner = rest < 1e-8 * s2 ? family_.mean(eta).mu : mean_(eta, rest).mean;
    sum += weight * (family_.mean(eta1 + s1 * t).mu - m1) * (inner - m2);
  });
  return sum / total;
}

double BetweenMoments::intercept_covariance(double eta1, double eta2, double s) const {
  const double m1 = mean_(eta1, s).mean, m2 = mean_(eta2, s).mean;
  double sum = 0;
  const double eta = std::max(std::fabs(eta1), std::fabs(eta2));
  const double total = parts(eta, s, [&](double b, double, double weight) {
    sum += weight * (family_.mean(eta1 + b).mu - m1) * (family_.mean(eta2 + b).mu - m2);
  });
  return sum / total;
}

double BetweenMoments::orthant(double a, double b, double r) {
  constexpr double kPi = 3.14159265358979323846;
  const double end = std::asin(r);
  auto f = [&](double v) {
    const double sine = std::sin(v), cosine = std::cos(v);
    return std::exp(-0.5 * (a * a + b * b - 2 * a * b * sine) / (cosine * cosine));
  };
  constexpr int kPanels = 6;
  double sum = 0;
  for (int k = 0; k < kPanels; ++k)
    sum += boost::math::quadrature::gauss<double, 20>::integrate(f, end * k / kPanels,
                                                                 end * (k + 1) / kPanels);
  return sum / (2 * kPi);
}

double BetweenMoments::step(double s) const {
  constexpr double kPi = 3.14159265358979323846, kDigits = 40.0;
  return std::min(0.5, 2 * kPi * (analytic_strip(link_) / s) / kDigits);
}

}  // namespace margmix
