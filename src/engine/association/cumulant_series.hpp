// Cumulant generating functions K(t) of g (y - mean), exact for a row and as a power series for
// many, with two derivatives.
#pragma once

#include <algorithm>
#include <cmath>

#include "association/saddlepoint.hpp"

namespace margmix {

struct Cumulants {
  double K = 0, first = 0, second = 0;  // K(t), K'(t), K''(t)
};

inline double trials_of(const CountRows& rows, Index j) {
  return rows.trials.size() ? rows.trials[j] : 1.0;
}

inline void add_cumulants(const CountRows& rows, Index j, double g, double t, Cumulants& out) {
  const double m = rows.mu[j], x = g * t;
  if (rows.law == CountLaw::poisson) {
    const double rise = std::expm1(x);
    out.K += m * (rise - x);
    out.first += m * g * rise;
    out.second += m * g * g * (rise + 1);
    return;
  }
  // log(1 - m + m e^x), with the larger exponential taken out
  const double n = trials_of(rows, j), top = std::max(x, 0.0);
  const double f = m * std::exp(x - top), total = (1 - m) * std::exp(-top) + f;
  const double p = f / total;
  out.K += n * (top + std::log(total) - m * x);
  out.first += n * g * (p - m);
  out.second += n * g * g * p * (1 - p);
}

constexpr int kSeriesOrder = 8;

// kappa_k of each row, k = 2 .. 8, n x 7. The cumulants of an event follow from
// kappa_{k+1} = m (1 - m) d kappa_k / dm.
inline MatrixXd row_cumulants(const CountRows& rows) {
  MatrixXd kappa(rows.mu.size(), kSeriesOrder - 1);
  for (Index j = 0; j < kappa.rows(); ++j) {
    const double m = rows.mu[j];
    if (rows.law == CountLaw::poisson) {
      kappa.row(j).setConstant(m);
      continue;
    }
    const double w = m * (1 - m), s = 1 - 2 * m;
    kappa.row(j) << 1, s, 1 - 6 * w, s * (1 - 12 * w), 1 + w * (-30 + 120 * w),
        s * (1 + w * (-60 + 360 * w)), 1 + w * (-126 + w * (1680 - 5040 * w));
    kappa.row(j) *= trials_of(rows, j) * w;
  }
  return kappa;
}

// Sum over rows of kappa_k (g t)^k / k!, k = 2 .. 8. The series of log(1 - m + m e^x) converges for
// |x| < pi at least.
class CumulantSeries {
 public:
  CumulantSeries() = default;

  // The powers of a part of the rows stay in the cache.
  CumulantSeries(const MatrixXd& kappa, const VectorXd& g) {
    constexpr Index kRows = 256;
    Eigen::Matrix<double, kRows, 1> all;
    for (Index first = 0; first < g.size(); first += kRows) {
      const Index count = std::min(kRows, g.size() - first);
      auto power = all.head(count).array();
      const auto part = g.segment(first, count).array();
      power = part;
      for (int k = 2; k <= kSeriesOrder; ++k) {
        power *= part;
        sums_[k] += (kappa.col(k - 2).segment(first, count).array() * power).sum();
      }
    }
  }

  Cumulants at(double t) const {
    Cumulants out;
    double power = 1;  // t^(k - 2) / (k - 2)!
    for (int k = 2; k <= kSeriesOrder; ++k) {
      out.second += sums_[k] * power;
      out.first += sums_[k] * power * t / (k - 1);
      out.K += sums_[k] * power * t * t / (k * (k - 1));
      power *= t / (k - 1);
    }
    return out;
  }

 private:
  double sums_[kSeriesOrder + 1] = {};
};

}  // namespace margmix
