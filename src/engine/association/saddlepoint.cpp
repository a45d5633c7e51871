#include "association/saddlepoint.hpp"

#include <cmath>
#include <vector>

#include "association/cumulant_series.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

double variance_of(const MatrixXd& kappa, const VectorXd& g) {
  return kappa.col(0).dot(g.cwiseAbs2());
}

// K(t) of the score: rows whose |g t| is small by their series, the others one by one.
class Score {
 public:
  // Series for as many rows as allow |t| up to twice that of a normal score of size q.
  Score(const CountRows& rows, const MatrixXd& kappa, const VectorXd& g, double q)
      : rows_(rows), g_(g) {
    range_ = 2 * std::abs(q) / variance_of(kappa, g);
    const double most = kSeriesReach / range_;
    if (g.cwiseAbs().maxCoeff() <= most) {
      series_ = CumulantSeries(kappa, g);
      return;
    }
    VectorXd small = g;
    for (Index j = 0; j < g.size(); ++j) {
      if (std::abs(g[j]) <= most) continue;
      single_.push_back(j);
      small[j] = 0;
    }
    series_ = CumulantSeries(kappa, small);
  }

  // P(S >= q) for q > 0, P(S <= q) for q < 0; 0 beyond the range of S.
  double tail(double q) {
    if (std::abs(q) > reach(q > 0)) return 0;
    double t = solve(q);
    if (std::abs(t) > range_) {
      take_all();
      t = solve(q);
    }
    if (std::isnan(t) || t == 0) return kNaN;
    const Cumulants c = at(t);
    const double w = std::copysign(std::sqrt(2 * (t * q - c.K)), t), v = t * std::sqrt(c.second);
    const double z = w + std::log(v / w) / w;
    return 0.5 * std::erfc(std::abs(z) / std::sqrt(2.0));
  }

 private:
  static constexpr double kSeriesReach = 0.3;  // error of 1e-7 relative to the variance

  void take_all() {
    range_ = kInf;
    series_ = CumulantSeries();
    single_.clear();
    for (Index j = 0; j < g_.size(); ++j)
      if (g_[j] != 0) single_.push_back(j);
  }

  Cumulants at(double t) const {
    Cumulants out = series_.at(t);
    for (const Index j : single_) add_cumulants(rows_, j, g_[j], t, out);
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
      if (std::abs(t) > range_) return t;  // beyond the series
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

  // The largest value of S, or of -S.
  double reach(bool above) const {
    double sum = 0;
    for (Index j = 0; j < g_.size(); ++j) {
      if (g_[j] == 0) continue;
      const bool rises = (g_[j] > 0) == above;  // with y
      if (rows_.law == CountLaw::poisson && rises) return kInf;
      const double n = rows_.law == CountLaw::binomial ? trials_of(rows_, j) : 1.0;
      sum += n * std::abs(g_[j]) * (rises ? 1 - rows_.mu[j] : rows_.mu[j]);
    }
    return sum;
  }

  const CountRows& rows_;
  const VectorXd& g_;
  CumulantSeries series_;
  std::vector<Index> single_;
  double range_ = kInf;  // of t, for which the series holds
};

double two_tails(const CountRows& rows, const MatrixXd& kappa, const VectorXd& g, double q) {
  const double size = std::abs(q);
  Score score(rows, kappa, g, size);
  const double above = score.tail(size);
  return above + score.tail(-size);
}

}  // namespace

double saddlepoint_p(const CountRows& rows, const VectorXd& g, double q) {
  return two_tails(rows, row_cumulants(rows), g, q);
}

VectorXd saddlepoint_tails(const ScoreRows& model, const MatrixXd& G, const MatrixMap& b,
                           const VectorMap& z, const RunContext& context, bool& done) {
  VectorXd out = VectorXd::Constant(z.size(), kNaN);
  const MatrixXd kappa = row_cumulants(model.rows);
  const auto work = [&](int, const Block& block) {
    for (Index k = block.first; k < block.last; ++k) {
      VectorXd g = -(model.X * b.col(k));
      for (Index j = 0; j < g.size(); ++j) g[j] += G(model.person[j], k);
      out[k] = two_tails(model.rows, kappa, g, z[k] * std::sqrt(variance_of(kappa, g)));
    }
  };
  done = z.size() == 0 || for_each_block(cluster_blocks(z.size()), context, work);
  return out;
}

}  // namespace margmix
