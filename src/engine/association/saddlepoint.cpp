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
  // Series at first for as many rows as allow |t| a third beyond that of a normal score of size q.
  Score(const CountRows& rows, const MatrixXd& kappa, const VectorXd& g, double variance, double q)
      : rows_(rows), kappa_(kappa), g_(g), largest_(g.cwiseAbs().maxCoeff()) {
    set_range(4.0 / 3.0 * std::abs(q) / variance);
    find_reach();
  }

  // P(S >= q) for q > 0, P(S <= q) for q < 0; 0 beyond the range of S.
  double tail(double q) {
    if (std::abs(q) > (q > 0 ? above_ : below_)) return 0;
    double t = solve(q);
    while (std::abs(t) > range_) {
      set_range(2 * range_);
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

  // Rows beyond the series are taken one by one, and all of them where that is many.
  void set_range(double range) {
    single_.clear();
    range_ = range;
    const double most = kSeriesReach / range;
    if (largest_ <= most) {
      series_ = CumulantSeries(kappa_, g_);
      return;
    }
    VectorXd small = g_;
    for (Index j = 0; j < g_.size(); ++j) {
      if (std::abs(g_[j]) <= most) continue;
      single_.push_back(j);
      small[j] = 0;
    }
    series_ = CumulantSeries(kappa_, small);
    if (2 * static_cast<Index>(single_.size()) > g_.size()) take_all();
  }

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

  void find_reach() {
    const auto rise = g_.array().max(0.0);  // with y
    const auto fall = (-g_.array()).max(0.0);
    const auto mu = rows_.mu.array();
    above_ = below_ = kInf;
    if (rows_.law == CountLaw::poisson) {
      // no response is below zero
      if (rise.maxCoeff() == 0) above_ = (fall * mu).sum();
      if (fall.maxCoeff() == 0) below_ = (rise * mu).sum();
    } else if (rows_.trials.size()) {
      above_ = (rows_.trials.array() * (rise * (1 - mu) + fall * mu)).sum();
      below_ = (rows_.trials.array() * (rise * mu + fall * (1 - mu))).sum();
    } else {
      above_ = (rise * (1 - mu) + fall * mu).sum();
      below_ = (rise * mu + fall * (1 - mu)).sum();
    }
  }

  const CountRows& rows_;
  const MatrixXd& kappa_;
  const VectorXd& g_;
  const double largest_;  // |g|
  CumulantSeries series_;
  std::vector<Index> single_;
  double range_ = kInf;   // of t, for which the series holds
  double above_, below_;  // the largest values of S and -S
};

double two_tails(const CountRows& rows, const MatrixXd& kappa, const VectorXd& g, double variance,
                 double q) {
  const double size = std::abs(q);
  Score score(rows, kappa, g, variance, size);
  const double above = score.tail(size);
  return above + score.tail(-size);
}

}  // namespace

double saddlepoint_p(const CountRows& rows, const VectorXd& g, double q) {
  const MatrixXd kappa = row_cumulants(rows);
  return two_tails(rows, kappa, g, variance_of(kappa, g), q);
}

VectorXd saddlepoint_tails(const ScoreRows& model, const Genotypes& genotypes,
                           const FarScores& scores, const RunContext& context, bool& done) {
  VectorXd out = VectorXd::Constant(scores.z.size(), kNaN);
  const MatrixXd kappa = row_cumulants(model.rows);
  const auto work = [&](int, const Block& block) {
    GenotypeColumns columns(genotypes, model.people, true);
    VectorXd of_person(model.people.size()), g;
    for (Index k = block.first; k < block.last; ++k) {
      columns.read(scores.variants[k], of_person.data());
      g = -(model.X * scores.b.col(k));
      for (Index j = 0; j < g.size(); ++j) g[j] += of_person[model.person[j]];
      const double variance = variance_of(kappa, g);
      out[k] = two_tails(model.rows, kappa, g, variance, scores.z[k] * std::sqrt(variance));
    }
  };
  done = out.size() == 0 || for_each_block(cluster_blocks(out.size()), context, work);
  return out;
}

}  // namespace margmix
