// Clustered rows with visits, times and inner units, and every working correlation from its
// definition: pair by pair, with dense matrices, nothing shared with the classes.
#pragma once

#include <functional>
#include <memory>

#include "gee/registry.hpp"
#include "toy.hpp"

namespace sample {

using namespace margmix;

// Clusters of 1 to 6 of 6 visits, which may be missing anywhere; visits in pairs are inner units.
struct Visits {
  VectorXd time, real_time, uneven_time;
  Eigen::VectorXi start, wave, inner;

  Visits(Index m, unsigned seed) {
    toy::Random random(seed);
    std::vector<int> waves, starts{0};
    for (Index i = 0; i < m; ++i) {
      const std::size_t before = waves.size();
      for (int v = 0; v < 6; ++v)
        if (random.uniform() < 0.75) waves.push_back(v);
      if (waves.size() == before) waves.push_back(2);
      starts.push_back(static_cast<int>(waves.size()));
    }
    start = Eigen::Map<Eigen::VectorXi>(starts.data(), m + 1);
    wave = Eigen::Map<Eigen::VectorXi>(waves.data(), static_cast<Index>(waves.size()));
    time = wave.cast<double>();
    real_time = time;
    // 0, 2, 5, 9, 14, 20
    uneven_time = wave.unaryExpr([](int w) { return (w * (w + 3)) / 2; }).cast<double>();
    inner = wave / 2;
    for (Index j = 0; j < rows(); ++j) real_time[j] += 0.9 * random.uniform();
  }

  Index rows() const { return wave.size(); }
  Layout layout(const VectorXd& times) const {
    return {IntegerMap(start.data(), start.size()), times.data(), wave.data(), inner.data()};
  }
};

// One class, parameters to try it at, and what they mean.
struct Case {
  const char* name;
  std::unique_ptr<Correlation> R;
  VectorXd alpha;
  // Correlation of rows j != k, at alpha as reported.
  std::function<double(Index j, Index k, const VectorXd& alpha)> correlation;
  // Parameter of the pair in moments that are plain averages, -1 for none; empty for least squares.
  std::function<Index(Index j, Index k)> parameter;
};

inline VectorXd values(std::initializer_list<double> x) {
  return Eigen::Map<const VectorXd>(x.begin(), static_cast<Index>(x.size()));
}

inline std::vector<Case> cases(const Visits& v) {
  const Layout at_visits = v.layout(v.time), at_times = v.layout(v.real_time);
  const Layout at_uneven = v.layout(v.uneven_time);
  const auto lag = [&v](Index j, Index k) { return Index(std::abs(v.wave[j] - v.wave[k])); };
  const auto pair = [&v](Index j, Index k) {
    const Index a = std::min(v.wave[j], v.wave[k]), b = std::max(v.wave[j], v.wave[k]);
    return b * (b - 1) / 2 + a;
  };
  const auto same = [](Index, Index) { return Index(0); };
  const auto banded = [lag](Index j, Index k) { return lag(j, k) <= 2 ? lag(j, k) - 1 : -1; };
  const auto lagged = [lag](Index j, Index k) { return lag(j, k) - 1; };
  const auto unit = [&v](Index j, Index k) { return Index(v.inner[j] != v.inner[k]); };
  MatrixXd own(6, 6);
  for (Index a = 0; a < 6; ++a)
    for (Index b = 0; b < 6; ++b) own(a, b) = a == b ? 1.0 : 0.5 / (1.0 + 0.3 * double(a + b));
  const auto markov = [](const VectorXd& t) {
    return [&t](Index j, Index k, const VectorXd& a) {
      return std::pow(a[0], std::fabs(t[j] - t[k]));
    };
  };
  const auto decay = [&v](Index j, Index k, const VectorXd& a) {
    return a[0] * std::pow(a[1], std::fabs(v.real_time[j] - v.real_time[k]));
  };
  const auto table = [](auto parameter) {
    return [parameter](Index j, Index k, const VectorXd& a) {
      const Index c = parameter(j, k);
      return c < 0 ? 0.0 : a[c];
    };
  };
  VectorXd unstructured(15);
  for (Index c = 0; c < 15; ++c) unstructured[c] = 0.1 + 0.02 * double(c % 7);
  const auto make = [](const char* type, const Layout& layout, int m = 0,
                       const MatrixXd& R = MatrixXd()) {
    return make_correlation({type, m, R}, layout);
  };
  std::vector<Case> out;
  const auto add = [&out](const char* name, std::unique_ptr<Correlation> R, const VectorXd& alpha,
                          auto correlation, std::function<Index(Index, Index)> parameter) {
    out.push_back({name, std::move(R), alpha, correlation, parameter});
  };
  add("exchangeable", make("exchangeable", at_visits), values({0.3}), table(same), same);
  add("negative exchangeable", make("exchangeable", at_visits), values({-0.1}), table(same), same);
  add("AR(1), visits", make("ar1", at_visits), values({0.6}), markov(v.time), nullptr);
  add("AR(1), times", make("ar1", at_times), values({0.6}), markov(v.real_time), nullptr);
  add("AR(1), uneven", make("ar1", at_uneven), values({0.8}), markov(v.uneven_time), nullptr);
  add("decay", make("decay", at_times), values({0.5, 0.7}), decay, nullptr);
  add("2-dependent", make("mdependent", at_visits, 2), values({0.4, 0.2}), table(banded), banded);
  add("Toeplitz", make("toeplitz", at_visits), values({0.4, 0.3, 0.2, 0.1, -0.1}), table(lagged),
      lagged);
  add("unstructured", make("unstructured", at_visits), unstructured, table(pair), pair);
  add("nested", make("nested", at_visits), values({0.5, 0.2}), table(unit), unit);
  add(
      "fixed", make("fixed", at_visits, 0, own), VectorXd(),
      [&v, own](Index j, Index k, const VectorXd&) { return own(v.wave[j], v.wave[k]); },
      [](Index, Index) { return Index(-1); });
  return out;
}

// R_i at alpha as reported.
inline MatrixXd dense(const Case& c, const Visits& v, Index i, const VectorXd& alpha) {
  const Index first = v.start[i], n = v.start[i + 1] - first;
  MatrixXd R = MatrixXd::Identity(n, n);
  for (Index j = 0; j < n; ++j)
    for (Index k = 0; k < n; ++k)
      if (j != k) R(j, k) = c.correlation(first + j, first + k, alpha);
  return R;
}

}  // namespace sample
