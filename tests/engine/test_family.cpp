// Families: each derivative against differences of the one before, tails, edges, weights.
#include <vector>

#include "check.hpp"
#include "family/gamma_functions.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const std::vector<FamilySpec> kSpecs = {{"binomial", "logit"},
                                        {"binomial", "probit"},
                                        {"binomial", "cloglog"},
                                        {"binomial", "cauchit"},
                                        {"binomial", "log"},
                                        {"poisson", "log"},
                                        {"poisson", "sqrt"},
                                        {"poisson", "identity"},
                                        {"gaussian", "identity"},
                                        {"gaussian", "log"},
                                        {"nbinom2", "log"},
                                        {"nbinom2", "sqrt"},
                                        {"nbinom2", "identity"},
                                        {"nbinom1", "log"},
                                        {"nbinom1", "sqrt"},
                                        {"nbinom1", "identity"},
                                        {"Gamma", "log"},
                                        {"Gamma", "inverse"},
                                        {"Gamma", "identity"},
                                        {"inverse.gaussian", "log"},
                                        {"inverse.gaussian", "1/mu^2"},
                                        {"beta", "logit"},
                                        {"beta", "probit"},
                                        {"beta", "cloglog"},
                                        {"betabinomial", "logit"},
                                        {"betabinomial", "probit"},
                                        {"betabinomial", "cloglog"}};

bool is_positive(const FamilySpec& spec) {
  return spec.family == "Gamma" || spec.family == "inverse.gaussian";
}

// Must eta be positive?
bool is_restricted(const FamilySpec& spec) {
  const bool units = spec.link == "identity" || spec.link == "inverse" || spec.link == "1/mu^2";
  return units && spec.family != "gaussian";
}

bool is_count(const FamilySpec& spec) {
  return spec.family == "poisson" || spec.family.compare(0, 6, "nbinom") == 0;
}

bool is_binomial(const FamilySpec& spec) { return spec.family == "binomial"; }

bool is_betabinomial(const FamilySpec& spec) { return spec.family == "betabinomial"; }

bool is_proportion(const FamilySpec& spec) { return spec.family == "beta"; }

// A response of the family near y: counts of `size` trials, positive numbers or proportions.
double response(const FamilySpec& spec, double y) {
  if (is_proportion(spec)) return (y + 0.3) / (y + 1.0);
  return is_positive(spec) && y == 0 ? 0.3 : y;
}

// Value and derivatives of one row.
// One row, which points to the numbers; without trials or weight where these are null.
Rows one_row(const double& y, const double* size, const double* weight) {
  Rows row;
  row.n = 1;
  row.y = &y;
  row.size = size;
  row.weight = weight;
  return row;
}

RowTerms at(const Family& family, double y, double size, double eta, double weight = 1) {
  const Rows row = one_row(y, size != 1 ? &size : nullptr, weight != 1 ? &weight : nullptr);
  RowTerms t;
  t.l = family.rows(row, &eta, &t.g, &t.W, &t.T, &t.F);
  return t;
}

// Derivatives of order 1, 2, 3 (4) by differences, relative to the size of the terms around.
void differences(const Family& family, double y, double size, double eta, double h, double tol) {
  const RowTerms t = at(family, y, size, eta);
  auto compare = [&](double got, auto part) {
    const double want = toy::slope([&](double x) { return part(at(family, y, size, x)); }, eta, h);
    const double scale = std::max(1.0, std::fabs(part(at(family, y, size, eta))));
    CHECK_NEAR(got / scale, want / scale, tol);
  };
  compare(t.g, [](const RowTerms& x) { return x.l; });
  compare(-t.W, [](const RowTerms& x) { return x.g; });
  compare(t.T, [](const RowTerms& x) { return x.W; });
  compare(t.F, [](const RowTerms& x) { return x.T; });
}

void derivatives() {
  for (const FamilySpec& spec : kSpecs) {
    const auto family = make_family(spec);
    if (family->has_dispersion()) family->set_log_dispersion(-0.7);
    std::vector<double> etas = {-4.5, -2.1, -1.0, -0.3, 0.2, 1.1, 2.3};
    if (spec.family == "binomial" && spec.link == "log") etas = {-6, -2.1, -0.9, -0.3};
    if (is_restricted(spec)) etas = {0.4, 1.3, 5, 20};
    for (double eta : etas) {
      const double h = 2e-3 * std::min(1.0, std::fabs(eta));
      if (is_binomial(spec) || is_betabinomial(spec)) {
        for (double size : {1.0, 5.0})
          for (double y : {0.0, 1.0, size}) differences(*family, y, size, eta, h, 2e-8);
      } else {
        for (double y : {0.0, 1.0, 4.0}) differences(*family, response(spec, y), 1, eta, h, 2e-8);
      }
    }
  }
}

void tails() {
  const auto probit = make_family({"binomial", "probit"});
  // log Phi(-40), log Phi(-10), log Phi(-5): R's pnorm(log.p = TRUE)
  CHECK_NEAR(at(*probit, 1, 1, -40).l, -804.60844201375403, 1e-14);
  CHECK_NEAR(at(*probit, 1, 1, -10).l, -53.23128515051247, 1e-14);
  CHECK_NEAR(at(*probit, 1, 1, -5).l, -15.064998393988725, 1e-14);
  CHECK_NEAR(at(*probit, 0, 1, 40).l, -804.60844201375403, 1e-14);
  for (double eta : {-40.0, -12.0, -5.2, -4.8, 4.8, 12.0, 37.0}) {
    differences(*probit, 1, 1, eta, 2e-3, 1e-8);
    differences(*probit, 0, 1, eta, 2e-3, 1e-8);
  }
  // No jump where one formula takes over from the other.
  const RowTerms below = at(*probit, 1, 1, -5 - 1e-12), above = at(*probit, 1, 1, -5 + 1e-12);
  CHECK_NEAR(below.g, above.g, 1e-11);
  CHECK_NEAR(below.W, above.W, 1e-10);
  CHECK_NEAR(below.T, above.T, 1e-9);

  const auto cloglog = make_family({"binomial", "cloglog"});
  CHECK_NEAR(at(*cloglog, 1, 1, -40).l, -40.0, 1e-15);
  CHECK_NEAR(at(*cloglog, 1, 1, -40).g, 1.0, 1e-15);
  CHECK_NEAR(at(*cloglog, 1, 1, -740).l, -740.0, 1e-15);
  CHECK(at(*cloglog, 1, 1, 7).l == 0);
  CHECK(at(*cloglog, 1, 1, 800).l == 0);
  CHECK(at(*cloglog, 0, 1, 800).l == -kInf);
  CHECK_NEAR(at(*cloglog, 0, 1, 5).l, -std::exp(5.0), 1e-15);
  for (double eta : {-37.0, -35.0, -6.0, std::log(1e-2) - 0.01, std::log(1e-2) + 0.01, 3.0}) {
    differences(*cloglog, 1, 1, eta, 2e-3, 1e-8);
    differences(*cloglog, 2, 3, eta, 2e-3, 1e-7);
  }

  const auto logit = make_family({"binomial", "logit"});
  CHECK_NEAR(at(*logit, 0, 1, 700).l, -700.0, 1e-15);
  CHECK_NEAR(at(*logit, 1, 1, -745).l, -745.0, 1e-15);
  CHECK_NEAR(at(*logit, 1, 1, 40).g, std::exp(-40.0), 1e-16);

  const auto cauchit = make_family({"binomial", "cauchit"});
  // mu = 1 / (pi |eta|) far out
  CHECK_NEAR(at(*cauchit, 1, 1, -1e8).l, -std::log(3.14159265358979323846 * 1e8), 1e-14);
  for (double eta : {-300.0, 300.0}) differences(*cauchit, 1, 2, eta, 1e-1, 1e-8);
}

// No predictor gives NaN; outside the range of the link l = -Inf and the derivatives are finite.
void edges() {
  for (const FamilySpec& spec : kSpecs) {
    const auto family = make_family(spec);
    if (family->has_dispersion()) family->set_log_dispersion(0.0);
    for (double eta : {-1e6, -1000.0, -745.0, -50.0, -1e-300, 0.0, 1e-300, 50.0, 709.0, 745.0, 1e6})
      for (double y : {0.0, 1.0, 2.0}) {
        const double size = is_binomial(spec) || is_betabinomial(spec) ? 2 : 1;
        const RowTerms t = at(*family, is_proportion(spec) ? response(spec, y) : y, size, eta);
        CHECK(!std::isnan(t.l));
        CHECK(t.l < kInf);
        if (std::isfinite(t.l)) CHECK(!std::isnan(t.g) && !std::isnan(t.W) && !std::isnan(t.T));
      }
  }
  const auto log_binomial = make_family({"binomial", "log"});
  CHECK(at(*log_binomial, 1, 1, 0.0).l == 0);
  CHECK(at(*log_binomial, 0, 1, 0.0).l == -kInf);
  CHECK(at(*log_binomial, 1, 1, 1e-9).l == -kInf);
  const auto identity = make_family({"poisson", "identity"});
  CHECK(at(*identity, 0, 1, 0.0).l == 0);
  CHECK(at(*identity, 1, 1, 0.0).l == -kInf);
  CHECK(at(*identity, 0, 1, -1e-9).l == -kInf);
  CHECK_THROWS(make_family({"gamma", "log"}), std::invalid_argument);
}

// The derivatives of log Gamma by its recurrence and by differences, and rising factorials by sums.
void gamma_functions() {
  for (double x : {1e-3, 0.4, 3.0, 14.9, 15.1, 400.0}) {
    const Derivatives g = log_gamma(x);
    CHECK_NEAR(g.l, std::lgamma(x), 1e-13 * std::max(1.0, std::fabs(g.l)));
    const double h = 1e-3 * x;
    auto slope = [&](auto part) {
      return toy::slope([&](double at) { return part(log_gamma(at)); }, x, h);
    };
    CHECK_NEAR(g.d1 / slope([](const Derivatives& d) { return d.l; }), 1.0, 1e-8);
    CHECK_NEAR(g.d2 / slope([](const Derivatives& d) { return d.d1; }), 1.0, 1e-8);
    CHECK_NEAR(g.d3 / slope([](const Derivatives& d) { return d.d2; }), 1.0, 1e-8);
    CHECK_NEAR(g.d4 / slope([](const Derivatives& d) { return d.d3; }), 1.0, 1e-8);
    for (double y : {0.0, 3.0, 24.0, 25.0, 2.5, 700.0}) {
      const Derivatives r = log_rising(x, y), b = log_gamma(x + y);
      CHECK_NEAR(r.l + y * std::log(x), b.l - g.l, 1e-12 * std::max(1.0, b.l));
      CHECK_NEAR(r.d1, b.d1 - g.d1, 1e-13 * std::fabs(g.d1) + 1e-14);
      CHECK_NEAR(r.d2, b.d2 - g.d2, 1e-13 * std::fabs(g.d2));
      CHECK_NEAR(r.d3, b.d3 - g.d3, 1e-13 * std::fabs(g.d3));
      CHECK_NEAR(r.d4, b.d4 - g.d4, 1e-13 * std::fabs(g.d4));
    }
    CHECK_NEAR(log_power_over_gamma(x).l, x * std::log(x) - g.l, 1e-11 * std::max(1.0, x));
  }
  // y (y - 1) / (2 s) for large s, of which a difference of log Gamma would leave no digit
  CHECK_NEAR(log_rising(1e12, 40).l, 780e-12, 1e-14);
  CHECK_NEAR(log_rising(1e12, 10).l, 45e-12, 1e-16);
}

void weights_and_sums() {
  for (const FamilySpec& spec : kSpecs) {
    const auto family = make_family(spec);
    if (family->has_dispersion()) family->set_log_dispersion(0.3);
    const double eta = is_count(spec) || is_restricted(spec) ? 1.5 : -0.4,
                 size = is_binomial(spec) || is_betabinomial(spec) ? 3 : 1, y = response(spec, 1);
    const RowTerms one = at(*family, y, size, eta), three = at(*family, y, size, eta, 3);
    CHECK_NEAR(three.l, 3 * one.l, 1e-14);
    CHECK_NEAR(three.g, 3 * one.g, 1e-14);
    CHECK_NEAR(three.W, 3 * one.W, 1e-14);
    CHECK_NEAR(three.T, 3 * one.T, 1e-14);
    CHECK_NEAR(three.F, 3 * one.F, 1e-8);
    // A row of weight zero counts for nothing, even outside the range.
    const RowTerms none = at(*family, y, size, spec.family == "poisson" ? -1.0 : 2.0, 0);
    CHECK(none.l == 0 && none.g == 0 && none.W == 0 && none.T == 0 && none.F == 0);
  }
  // A sum over many rows keeps its digits where the product of (1 + e^-|eta|) overflows.
  const auto logit = make_family({"binomial", "logit"});
  const Index n = 5000;
  const VectorXd y = VectorXd::Zero(n), eta = VectorXd::Constant(n, -0.1);
  Rows rows;
  rows.n = n;
  rows.y = y.data();
  const double want = -n * std::log1p(std::exp(-0.1));
  CHECK_NEAR(logit->rows(rows, eta.data(), nullptr, nullptr, nullptr, nullptr), want, 1e-12);
  const VectorXd exp_eta = eta.array().exp();
  CHECK_NEAR(logit->rows_exp(rows, exp_eta.data(), nullptr, nullptr), want, 1e-12);
}

void through_exp() {
  for (const FamilySpec& spec : kSpecs) {
    const auto family = make_family(spec);
    if (!family->through_exp()) continue;
    for (bool sized : {false, true}) {
      toy::Data data(1, 12, 1, 1, 3);
      data.sized = sized, data.weighted = sized;
      if (!sized) data.y = data.y.cwiseMin(1.0);
      const Rows rows = data.design().response;
      const VectorXd eta = 8 * data.offset, exp_eta = eta.array().exp();
      VectorXd g(12), W(12), g_exp(12), W_exp(12);
      double l = family->rows(rows, eta.data(), g.data(), W.data(), nullptr, nullptr);
      for (Index j = 0; j < 12; ++j) l -= rows.w(j) * rows.y[j] * eta[j];
      CHECK_NEAR(family->rows_exp(rows, exp_eta.data(), g_exp.data(), W_exp.data()), l, 1e-13);
      CHECK_NEAR((g - g_exp).cwiseAbs().maxCoeff(), 0.0, 1e-13);
      CHECK_NEAR((W - W_exp).cwiseAbs().maxCoeff(), 0.0, 1e-13);
    }
  }
}

// Probabilities sum to one: that checks the constants.
void constants() {
  for (const FamilySpec& spec : kSpecs) {
    const bool trials = is_binomial(spec) || is_betabinomial(spec);
    if (!trials && !is_count(spec)) continue;
    const auto family = make_family(spec);
    if (family->has_dispersion()) family->set_log_dispersion(spec.family == "nbinom1" ? -1 : 1);
    const double size = trials ? 6 : 1, eta = is_count(spec) ? 1.2 : -0.8;
    double total = 0;
    for (double y = 0; y <= (trials ? size : 150); ++y) {
      const Rows row = one_row(y, &size, nullptr);
      total += std::exp(at(*family, y, size, eta).l + family->constant(row));
    }
    CHECK_NEAR(total, 1.0, 1e-13);
  }
  for (bool frequency : {false, true}) {
    const auto family = make_family({"gaussian", "identity", frequency});
    family->set_log_dispersion(0.4);
    double y = 0, w = 2, total = 0;
    const Rows row = one_row(y, nullptr, &w);
    const double h = 0.02;
    for (y = -30; y <= 30; y += h) {
      const double l = at(*family, y, 1, 0.7, w).l + family->constant(row);
      total += h * std::exp(frequency ? l / w : l);  // a weight of 2: two equal rows
    }
    CHECK_NEAR(total, 1.0, 1e-12);
  }
}

void dispersion() {
  for (bool frequency : {false, true})
    for (const char* link : {"identity", "log"}) {
      const auto family = make_family({"gaussian", link, frequency});
      toy::Data data(1, 7, 1, 1, 5);
      data.weighted = true;
      data.weight[3] = 0;
      const Rows rows = data.design().response;
      const VectorXd eta = data.offset;
      VectorXd g_phi(7), W_phi(7);
      const double log_phi = -0.4;
      auto row_slope = [&](Index j, bool of_W) {
        return toy::slope(
            [&](double x) {
              family->set_log_dispersion(x);
              VectorXd g(7), W(7);
              family->rows(rows, eta.data(), g.data(), W.data(), nullptr, nullptr);
              return of_W ? W[j] : g[j];
            },
            log_phi, 1e-3);
      };
      const double want = toy::slope(
          [&](double x) {
            family->set_log_dispersion(x);
            return family->rows(rows, eta.data(), nullptr, nullptr, nullptr, nullptr) +
                   family->constant(rows);
          },
          log_phi, 1e-3);
      std::vector<double> g_want(7), W_want(7);
      for (Index j = 0; j < 7; ++j) g_want[j] = row_slope(j, false), W_want[j] = row_slope(j, true);
      family->set_log_dispersion(log_phi);
      CHECK_NEAR(family->rows_dispersion(rows, eta.data(), g_phi.data(), W_phi.data()), want, 1e-9);
      for (Index j = 0; j < 7; ++j) {
        CHECK_NEAR(g_phi[j], g_want[j], 1e-9);
        CHECK_NEAR(W_phi[j], W_want[j], 1e-9);
      }
    }
}

// Densities integrate to one, with weights as precisions and as frequencies.
void continuous_constants() {
  for (const FamilySpec& spec : kSpecs) {
    if (!is_positive(spec)) continue;
    for (bool frequency : {false, true}) {
      const auto family = make_family({spec.family, spec.link, frequency});
      family->set_log_dispersion(-1.2);
      double y = 0, w = 2, total = 0;
      const Rows row = one_row(y, nullptr, &w);
      const double h = 0.01, eta = spec.link == "log" ? -0.3 : 0.7;
      for (double x = -30; x <= 8; x += h) {  // y = e^x
        y = std::exp(x);
        const double l = at(*family, y, 1, eta, w).l + family->constant(row);
        total += h * y * std::exp(frequency ? l / w : l);
      }
      CHECK_NEAR(total, 1.0, 1e-10);
    }
  }
}

// With y = 1 / (1 + e^-x), dy = y (1 - y) dx; a weight of 2 stands for two equal rows.
void beta_constants() {
  for (const FamilySpec& spec : kSpecs) {
    if (!is_proportion(spec)) continue;
    const auto family = make_family(spec);
    family->set_log_dispersion(1.3);
    double y = 0, w = 2, total = 0;
    const Rows row = one_row(y, nullptr, &w);
    const double h = 0.01, eta = -0.3;
    for (double x = -30; x <= 30; x += h) {
      y = 1 / (1 + std::exp(-x));
      const double l = at(*family, y, 1, eta, w).l + family->constant(row);
      total += h / (2 + 2 * std::cosh(x)) * std::exp(l / w);
    }
    CHECK_NEAR(total, 1.0, 1e-10);
  }
}

// Near the limit of no overdispersion the beta-binomial is the binomial.
void betabinomial_limit() {
  const auto limit = make_family({"binomial", "logit"});
  const auto family = make_family({"betabinomial", "logit"});
  family->set_log_dispersion(34);
  for (double eta : {-2.0, 0.3})
    for (double y : {0.0, 3.0, 7.0}) {
      const RowTerms a = at(*family, y, 7, eta), b = at(*limit, y, 7, eta);
      const double size = 7;
      const Rows row = one_row(y, &size, nullptr);
      CHECK_NEAR(a.l + family->constant(row), b.l + limit->constant(row), 1e-12);
      CHECK_NEAR(a.g, b.g, 1e-11);
      CHECK_NEAR(a.W, b.W, 1e-10);
    }
}

// Derivatives in log phi of a row, constants included.
void dispersion_rows() {
  for (FamilySpec spec : kSpecs) {
    for (bool frequency : {false, true}) {
      spec.frequency = frequency;
      const auto family = make_family(spec);
      if (!family->has_dispersion()) continue;
      for (double count : {1.0, 4.0, 40.0})
        for (double eta : {0.3, 1.9})
          for (double log_phi : {-1.5, 0.8}) {
            const double w = 2, y = response(spec, count), size = is_betabinomial(spec) ? 50 : 1;
            const Rows row = one_row(y, is_betabinomial(spec) ? &size : nullptr, &w);
            auto of = [&](int part) {
              return toy::slope(
                  [&](double x) {
                    family->set_log_dispersion(x);
                    const RowTerms t = at(*family, y, size, eta, w);
                    return part == 0 ? t.l + family->constant(row) : part == 1 ? t.g : t.W;
                  },
                  log_phi, 1e-3);
            };
            const double want[] = {of(0), of(1), of(2)};
            family->set_log_dispersion(log_phi);
            double g_phi, W_phi;
            const double l_phi = family->rows_dispersion(row, &eta, &g_phi, &W_phi);
            CHECK_NEAR(l_phi, want[0], 1e-8 * std::max(1.0, std::fabs(l_phi)));
            CHECK_NEAR(g_phi, want[1], 1e-8 * std::max(1.0, std::fabs(g_phi)));
            CHECK_NEAR(W_phi, want[2], 1e-8 * std::max(1.0, std::fabs(W_phi)));
          }
    }
  }
}

void means() {
  for (const FamilySpec& spec : kSpecs) {
    const auto family = make_family(spec);
    for (double eta : {-2.5, -0.6, 0.4, 1.7}) {
      if ((spec.link == "sqrt" || is_restricted(spec)) && eta < 0) continue;
      const Family::Mean m = family->mean(eta);
      const double h = 1e-3 * std::min(1.0, std::fabs(eta));
      CHECK_NEAR(m.d1, toy::slope([&](double x) { return family->mean(x).mu; }, eta, h), 1e-9);
      CHECK_NEAR(m.d2, toy::slope([&](double x) { return family->mean(x).d1; }, eta, h), 1e-8);
      CHECK_NEAR(family->link(m.mu), eta, 1e-12);
    }
  }
}

}  // namespace

int main() {
  derivatives();
  tails();
  edges();
  gamma_functions();
  weights_and_sums();
  through_exp();
  constants();
  continuous_constants();
  beta_constants();
  betabinomial_limit();
  dispersion();
  dispersion_rows();
  means();
  return check::summary();
}
