#include "association/saddlepoint.hpp"

#include <cmath>

namespace margmix {

namespace {

struct Cumulants {
  double K = 0, first = 0, second = 0;  // K(t), K'(t), K''(t)
};

class Score {
 public:
  Score(CountLaw law, const VectorXd& g, const VectorMap& mu, const VectorMap& trials)
      : law_(law), g_(g), mu_(mu), trials_(trials) {}

  Cumulants at(double t) const {
    Cumulants out;
    for (Index j = 0; j < g_.size(); ++j)
      if (g_[j] != 0) law_ == CountLaw::binomial ? binomial(j, t, out) : poisson(j, t, out);
    return out;
  }

  // The saddlepoint, K'(t) = q; NaN if there is none. K' rises: Newton steps, halved where they
  // leave what is known of its place.
  double solve(double q) const {
    double low = -kInf, high = kInf, t = 0;
    for (int step = 0; step < 100; ++step) {
      const Cumulants c = at(t);
      const double error = c.first - q;
      if (!std::isfinite(error) || !(c.second > 0)) return kNaN;
      if (std::abs(error) <= 1e-10 * (std::abs(q) + std::sqrt(c.second))) return t;
      (error > 0 ? high : low) = t;
      double next = t - error / c.second;
      // Far from the answer a step may be immense.
      const double most = 2 * std::abs(t) + 1 / std::sqrt(c.second);
      if (std::abs(next - t) > most) next = t + (next > t ? most : -most);
      if (next <= low || next >= high) next = 0.5 * (low + high);
      if (next == t) return kNaN;
      t = next;
    }
    return kNaN;
  }

  // P(S >= q) for q > 0, P(S <= q) for q < 0; 0 beyond the range of S.
  double tail(double q) const {
    if (std::abs(q) > reach(q > 0)) return 0;
    const double t = solve(q);
    if (std::isnan(t) || t == 0) return kNaN;
    const Cumulants c = at(t);
    const double w = std::copysign(std::sqrt(2 * (t * q - c.K)), t), v = t * std::sqrt(c.second);
    const double z = w + std::log(v / w) / w;
    return 0.5 * std::erfc(std::abs(z) / std::sqrt(2.0));
  }

 private:
  // The largest value of S, or of -S.
  double reach(bool above) const {
    double sum = 0;
    for (Index j = 0; j < g_.size(); ++j) {
      if (g_[j] == 0) continue;
      const bool rises = (g_[j] > 0) == above;  // with y
      if (law_ == CountLaw::poisson && rises) return kInf;
      const double n = law_ == CountLaw::binomial && trials_.size() ? trials_[j] : 1.0;
      sum += n * std::abs(g_[j]) * (rises ? 1 - mu_[j] : mu_[j]);
    }
    return sum;
  }

  void binomial(Index j, double t, Cumulants& out) const {
    const double g = g_[j], m = mu_[j], n = trials_.size() ? trials_[j] : 1.0;
    // log(1 - m + m e^x), with the larger exponential taken out
    const double x = g * t, top = std::max(x, 0.0);
    const double f = m * std::exp(x - top), total = (1 - m) * std::exp(-top) + f;
    const double p = f / total;
    out.K += n * (top + std::log(total) - m * x);
    out.first += n * g * (p - m);
    out.second += n * g * g * p * (1 - p);
  }
  void poisson(Index j, double t, Cumulants& out) const {
    const double g = g_[j], m = mu_[j], rise = std::expm1(g * t);
    out.K += m * (rise - g * t);
    out.first += m * g * rise;
    out.second += m * g * g * (rise + 1);
  }

  const CountLaw law_;
  const VectorXd& g_;
  const VectorMap &mu_, &trials_;
};

}  // namespace

double saddlepoint_p(CountLaw law, const VectorXd& g, const VectorMap& mu, const VectorMap& trials,
                     double q) {
  const Score score(law, g, mu, trials);
  const double size = std::abs(q);
  return score.tail(size) + score.tail(-size);
}

}  // namespace margmix
