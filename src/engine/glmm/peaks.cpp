#include "glmm/peaks.hpp"

namespace margmix {

namespace {

double log_sum(const VectorXd& x) {
  const double most = x.maxCoeff();
  return std::isfinite(most) ? most + std::log((x.array() - most).exp().sum()) : most;
}

}  // namespace

bool Peaks::search(const VectorXd& start) {
  peaks_.clear();
  climb(start);
  if (peaks_.empty()) return false;
  for (Index r = 0; r < start.size(); ++r)
    for (double shift : kModeStarts) climb(shift * VectorXd::Unit(start.size(), r));
  return true;
}

bool Peaks::has_better() const {
  bool better = false;
  for (const Peak& peak : peaks_) better = better || is_higher(peak.height, peaks_[0].height);
  return better;
}

double Peaks::h(const VectorXd& u) const {
  const VectorXd eta = mode_.eta0.head(mode_.n) + mode_.V.topRows(mode_.n) * u;
  const double l = family_.rows(rows_, eta.data(), nullptr, nullptr, nullptr, nullptr);
  return std::isfinite(l) ? l - 0.5 * u.squaredNorm() : -kInf;
}

void Peaks::climb(const VectorXd& start) {
  if (mode_.find(rows_, family_, start) != Status::ok) return;
  for (const Peak& peak : peaks_)
    if (peak.height - peak.curve(mode_.u) < 1e-4) return;
  peaks_.push_back(
      {mode_.u, mode_.P, mode_.rows_value - 0.5 * mode_.u.squaredNorm(), mode_.log_det_P});
}

// A Gauss-Hermite rule at each mode, as a mixture (the multiple importance sampling of Owen and
// Zhou 2000, with nodes in place of draws): with g_m the normal curve of peak m and phi_m the
// density along it, the integral of e^h is
//   sum_m  int g_m  E_{phi_m} [ e^h / sum_l g_l ].
// With one mode that is the rule itself.
double Peaks::log_integral(const std::vector<Peak>& peaks, const ProductRule& rule) const {
  const Index M = peaks.size(), N = rule.size();
  VectorXd terms(M * N), curves(M);
  for (Index m = 0; m < M; ++m)
    for (Index k = 0; k < N; ++k) {
      const VectorXd z = rule.z.col(k), u = peaks[m].u + peaks[m].P * z;
      for (Index l = 0; l < M; ++l) curves[l] = peaks[l].curve(u);
      terms[m * N + k] =
          peaks[m].laplace() + rule.log_weight[k] - 0.5 * z.squaredNorm() + h(u) - log_sum(curves);
    }
  return log_sum(terms);
}

double Peaks::missed(const ProductRule& rule) const {
  double highest = -kInf;
  for (const Peak& peak : peaks_) highest = std::max(highest, peak.laplace());
  const std::vector<Peak> first = {peaks_[0]};
  std::vector<Peak> all = first;
  for (std::size_t m = 1; m < peaks_.size(); ++m)
    if (peaks_[m].laplace() > highest - 30) all.push_back(peaks_[m]);
  if (all.size() == 1) return 0;
  return std::fabs(log_integral(all, rule) - log_integral(first, rule));
}

}  // namespace margmix
