// Working correlations and the solution of the estimating equations against dense matrices.
#include "check.hpp"
#include "gee/fit.hpp"
#include "gee/local_source.hpp"
#include "gee_sample.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

MatrixXd random_rows(Index n, Index p, unsigned seed) {
  toy::Random random(seed);
  MatrixXd x(n, p);
  for (Index j = 0; j < x.size(); ++j) x.data()[j] = random.normal();
  return x;
}

// Solve, log-determinant and entries; R L^-T L^-1 = I.
void solves() {
  const sample::Visits v(25, 3);
  for (sample::Case& c : sample::cases(v)) {
    c.R->set(c.alpha);
    const VectorXd alpha = c.R->report(c.alpha);
    double solve = 0, gram = 0, determinant = 0, entries = 0, after = 0;
    for (Index i = 0; i < 25; ++i) {
      const MatrixXd R = sample::dense(c, v, i, alpha);
      const Index n = R.rows();
      const MatrixXd x = random_rows(n, 3, 7);
      MatrixXd white = x;
      c.R->whiten(i, white);
      gram = std::max(
          gram,
          (white.transpose() * white - x.transpose() * R.llt().solve(x)).cwiseAbs().maxCoeff());
      c.R->whiten_transposed(i, white);
      solve = std::max(solve, (white - R.llt().solve(x)).cwiseAbs().maxCoeff());
      determinant =
          std::max(determinant, std::fabs(c.R->log_determinant(i) - std::log(R.determinant())));
      VectorXd later(n);
      for (Index j = 0; j < n; ++j) {
        for (Index k = 0; k < n; ++k)
          entries = std::max(entries, std::fabs(c.R->entry(i, j, k) - R(j, k)));
        const Index count = c.R->correlations_after(i, j, n, 0.0, later.data());
        for (Index k = 0; k < count; ++k)
          after = std::max(after, std::fabs(later[k] - R(j, j + 1 + k)));
        for (Index k = j + 1 + count; k < n; ++k) after = std::max(after, std::fabs(R(j, k)));
      }
    }
    std::printf("%s\n", c.name);
    CHECK_NEAR(gram, 0.0, 1e-11);
    CHECK_NEAR(solve, 0.0, 1e-11);
    CHECK_NEAR(determinant, 0.0, 1e-11);
    CHECK_NEAR(entries, 0.0, 1e-13);
    CHECK_NEAR(after, 0.0, 1e-13);
  }
}

// Sums of products over the pairs of each parameter.
void plain_moments() {
  const sample::Visits v(25, 4);
  const MatrixXd e = random_rows(v.rows(), 1, 8);
  for (sample::Case& c : sample::cases(v)) {
    if (!c.parameter) continue;
    const Index q = c.R->parameters();
    MomentSums sums(c.R->sums());
    VectorXd num = VectorXd::Zero(q), pairs = VectorXd::Zero(q);
    for (Index i = 0; i < 25; ++i) {
      c.R->add_moments(i, e.data() + v.start[i], MomentRule(), sums);
      for (Index k = v.start[i]; k < v.start[i + 1]; ++k) {
        for (Index j = v.start[i]; j < k; ++j) {
          if (c.parameter(j, k) < 0) continue;
          num[c.parameter(j, k)] += e(j) * e(k);
          pairs[c.parameter(j, k)] += 1;
        }
      }
    }
    const VectorXd alpha = c.R->estimate(sums, 2.0, {3.0, false});
    for (Index p = 0; p < q; ++p) {
      CHECK_NEAR(sums.num[p], num[p], 1e-12);
      CHECK(sums.den[p] == pairs[p] && sums.pairs[p] == pairs[p]);
      CHECK_NEAR(alpha[p], num[p] / 2.0 / (pairs[p] - 3.0), 1e-12);
    }
  }
}

// At alpha outside its range feasible() gives one whose matrices are definite enough; one inside
// stays.
void ranges() {
  const sample::Visits v(25, 5);
  for (sample::Case& c : sample::cases(v)) {
    if (c.alpha.size() == 0) continue;
    CHECK(c.R->feasible(c.alpha, 1e-3) == c.alpha);
    for (const double t : {-4.0, 4.0}) {
      const VectorXd inside = c.R->feasible(t * c.alpha, 0.05);
      double smallest = kInf;
      for (Index i = 0; i < 25; ++i) {
        const MatrixXd R = sample::dense(c, v, i, c.R->report(inside));
        smallest = std::min(smallest, R.selfadjointView<Eigen::Lower>().eigenvalues().minCoeff());
      }
      // A Markov chain is bounded in rho, over one unit of time, not in the eigenvalues.
      CHECK(smallest > (c.parameter || inside.size() > 1 ? 0.05 - 1e-9 : 0.0));
    }
  }
}

// Sum over pairs of (kappa e_j e_k / phi - R_jk) dR_jk / dalpha, which least squares makes 0;
// differences in alpha as reported.
VectorXd least_squares_gradient(const sample::Case& c, const sample::Visits& v, const VectorXd& e,
                                const VectorXd& alpha, double phi, double lost, bool adjacent) {
  double pairs = 0;
  VectorXd gradient = VectorXd::Zero(alpha.size());
  for (int pass = 0; pass < 2; ++pass) {
    for (Index i = 0; i + 1 < v.start.size(); ++i) {
      for (Index k = v.start[i]; k < v.start[i + 1]; ++k) {
        for (Index j = adjacent ? std::max<Index>(v.start[i], k - 1) : v.start[i]; j < k; ++j) {
          if (pass == 0) {
            pairs += 1;
            continue;
          }
          const auto f = [&](const VectorXd& a) { return c.correlation(j, k, a); };
          const double residual = pairs / (pairs - lost) * e[j] * e[k] / phi - f(alpha);
          gradient += residual * toy::gradient(f, alpha, 1e-5);
        }
      }
    }
  }
  return gradient;
}

// Sources of the same rows that share their residuals answer as one that is alone, whoever went
// where before.
void check_shared_residuals(const MarginalData& data, const MarginalFamily& family,
                            const Correlation& R, const VectorXd& beta, const MomentRule& rule) {
  const auto shared = std::make_shared<Residuals>();
  LocalSource one(data, family, kOneThread, shared), two(data, family, kOneThread, shared);
  const auto same = [&](LocalSource& source, const VectorXd& at) {
    LocalSource alone(data, family, kOneThread);
    const bool moved = alone.move(at, R, rule, {true}) && source.move(at, R, rule, {true});
    EquationSums expected, sums;
    const MatrixXd hat = MatrixXd::Identity(data.p(), data.p());
    alone.equations(R, &hat, expected);
    source.equations(R, &hat, sums);
    return moved && source.sums().squares == alone.sums().squares &&
           source.sums().num == alone.sums().num && sums.score == expected.score &&
           sums.information == expected.information && sums.adjustment == expected.adjustment;
  };
  CHECK(one.move(beta, R, rule, {}));
  CHECK(same(two, beta));
  CHECK(same(one, 0.5 * beta));
  CHECK(same(two, beta));
  CHECK(same(one, beta));
}

// Solutions satisfy sum D'V^-1 (y - mu) = 0 with dense V, and alpha and phi their definitions.
void solutions() {
  const Index m = 120;
  const sample::Visits v(m, 6);
  const Index n = v.rows(), p = 3;
  toy::Random random(9);
  MatrixXd X = random_rows(n, p, 10);
  X.col(0).setOnes();
  VectorXd y(n), offset = VectorXd::Zero(n);
  for (Index i = 0; i < m; ++i) {
    const double u = random.normal();
    for (Index j = v.start[i]; j < v.start[i + 1]; ++j)
      y[j] = random.uniform() < 1 / (1 + std::exp(0.3 - 0.5 * X(j, 1) - u));
  }
  Rows rows;
  rows.n = n;
  rows.y = y.data();
  rows.size = rows.weight = nullptr;
  const auto logit = make_family({"binomial", "logit"});
  const MarginalFamily family{*logit, Variance::mu_one_minus_mu};
  for (const bool all_lags : {false, true}) {
    for (sample::Case& c : sample::cases(v)) {
      const bool real = std::string(c.name) == "AR(1), times" || std::string(c.name) == "decay";
      const MarginalData data{MatrixMap(X.data(), n, p), rows, VectorMap(offset.data(), n),
                              v.layout(real ? v.real_time : v.time), nullptr};
      GeeOptions options;
      options.rule = {double(p), all_lags};
      options.bound_at_zero = false;
      options.tolerance = 1e-10;
      LocalSource source(data, family, kOneThread);
      const GeeFit fit = fit_gee(source, *c.R, VectorXd::Zero(p), options);
      std::printf("%s: %d iterations\n", c.name, fit.iterations);
      CHECK(fit.status == GeeStatus::ok && fit.converged && !fit.clamped);
      const VectorXd alpha = c.R->report(fit.alpha);
      const VectorXd mu = 1 / (1 + (-(X * fit.beta).array()).exp());
      const VectorXd sd = (mu.array() * (1 - mu.array())).sqrt();
      const VectorXd e = (y - mu).cwiseQuotient(sd);
      CHECK_NEAR(fit.phi, e.squaredNorm() / double(n - p), 1e-8);
      VectorXd score = VectorXd::Zero(p);
      for (Index i = 0; i < m; ++i) {
        const Index first = v.start[i], size = v.start[i + 1] - first;
        const MatrixXd D = sd.segment(first, size).asDiagonal() * X.middleRows(first, size);
        score += D.transpose() * sample::dense(c, v, i, alpha).llt().solve(e.segment(first, size)) /
                 fit.phi;
      }
      CHECK_NEAR(score.cwiseAbs().maxCoeff(), 0.0, 1e-6);
      if (!c.parameter) {
        const bool adjacent = alpha.size() == 1 && !all_lags;
        CHECK_NEAR(least_squares_gradient(c, v, e, alpha, fit.phi, double(p), adjacent)
                       .cwiseAbs()
                       .maxCoeff(),
                   0.0, 1e-5);
      }
      const RunContext two{2};
      LocalSource by_two(data, family, two);
      const GeeFit again = fit_gee(by_two, *c.R, VectorXd::Zero(p), options);
      CHECK(again.beta == fit.beta && again.alpha == fit.alpha);
      check_shared_residuals(data, family, *c.R, fit.beta, options.rule);
    }
  }
}

// The first and the other clusters as data of their own: rows that begin at 0.
Layout part_of(const Layout& all, Index first, Index last, Eigen::VectorXi& start) {
  const Index row = all.first(first);
  start.resize(last - first + 1);
  for (Index i = first; i <= last; ++i) start[i - first] = all.start[i] - static_cast<int>(row);
  return {IntegerMap(start.data(), start.size()), all.time + row, all.wave + row, all.inner + row};
}

// Correlations of parts of the clusters, which know of the others by their shared facts, add up to
// that of all; and clusters that stand for all have its range and its words.
void parts() {
  const Index m = 25, cut = 3;
  const sample::Visits v(m, 12);
  const MatrixXd e = random_rows(v.rows(), 1, 8);
  const std::vector<CorrelationSpec> specs = {
      {"exchangeable", 0, {}}, {"ar1", 0, {}},    {"mdependent", 4, {}}, {"toeplitz", 0, {}},
      {"unstructured", 0, {}}, {"nested", 0, {}}, {"decay", 0, {}}};
  for (const CorrelationSpec& spec : specs) {
    for (const VectorXd* time : {&v.time, &v.real_time, &v.uneven_time}) {
      const Layout all = v.layout(*time);
      const auto whole = make_correlation(spec, all);
      const ClusterKinds kinds = kinds_of(spec.type, all);
      const Layout few = kinds.layout();
      const auto stand_in = make_correlation(spec, few);
      const SharedFacts shared = stand_in->shared();
      const Index q = whole->parameters();
      CHECK(stand_in->parameters() == q && stand_in->lags() == whole->lags());
      const VectorXd alpha = whole->feasible(VectorXd::Constant(q, 0.6), 0.05);
      CHECK_NEAR((stand_in->feasible(VectorXd::Constant(q, 0.6), 0.05) - alpha).norm(), 0, 1e-12);
      CHECK((stand_in->report(alpha) - whole->report(alpha)).norm() == 0);
      CHECK((stand_in->initial() - whole->initial()).norm() == 0);
      whole->set(alpha);
      MomentSums sums(whole->sums()), added(whole->sums());
      for (Index i = 0; i < m; ++i) whole->add_moments(i, e.data() + v.start[i], {}, sums);
      for (const auto& [first, last] : {std::pair<Index, Index>{0, cut}, {cut, m}}) {
        Eigen::VectorXi start;
        const auto R = make_correlation(spec, part_of(all, first, last, start), &shared);
        R->set(alpha);
        for (Index i = first; i < last; ++i) {
          R->add_moments(i - first, e.data() + v.start[i], {}, added);
          const Index n = v.start[i + 1] - v.start[i];
          MatrixXd one = random_rows(n, 2, 5), two = one;
          R->whiten(i - first, one);
          whole->whiten(i, two);
          CHECK_NEAR((one - two).cwiseAbs().maxCoeff(), 0.0, 1e-12);
        }
      }
      CHECK_NEAR((added.num - sums.num).norm(), 0.0, 1e-12);
      CHECK_NEAR((added.den - sums.den).norm(), 0.0, 1e-12);
      CHECK_NEAR((added.pairs - sums.pairs).norm(), 0.0, 1e-12);
    }
  }
}

void unknown_names() {
  const sample::Visits v(3, 1);
  CHECK_THROWS(make_correlation({"none", 0, MatrixXd()}, v.layout(v.time)), std::invalid_argument);
}

}  // namespace

int main() {
  solves();
  plain_moments();
  ranges();
  solutions();
  parts();
  unknown_names();
  return check::summary();
}
