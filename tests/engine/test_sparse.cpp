// Crossed factors: ordering, factor and selected inverse against dense algebra; the Laplace
// approximation against its dense definition, and its derivatives against differences; what random
// signs estimate, which orthogonal probes make exact.
#include <algorithm>

#include "check.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_lmm.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_posterior.hpp"
#include "glmm/sparse_stochastic.hpp"
#include "linalg/dense_kernels.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

double largest(const MatrixXd& x) { return x.size() ? x.cwiseAbs().maxCoeff() : 0.0; }

MatrixXd orthogonal(Index n, unsigned seed) {
  toy::Random random(seed);
  MatrixXd x(n, n);
  for (Index k = 0; k < x.size(); ++k) x.data()[k] = random.normal();
  return Eigen::HouseholderQR<MatrixXd>(x).householderQ();
}

// n rows, each with a level of three crossed factors: s (levels sorted; intercept and slope), d and
// e (intercepts).
struct Model {
  toy::Data data;
  std::unique_ptr<Family> family;
  Eigen::VectorXi s, d, e;
  VectorXd psi;

  explicit Model(FamilySpec spec, Index levels = 9, Index others = 6, Index rows = 70,
                 unsigned seed = 3)
      : data(1, rows, 2, 4, seed), family(make_family(spec)), s(rows), d(rows), e(rows) {
    toy::Random random(seed + 1);
    for (Index j = 0; j < rows; ++j) {
      s[j] = static_cast<int>(j * levels / rows);
      d[j] = static_cast<int>(others * random.uniform());
      e[j] = static_cast<int>(4 * random.uniform());
    }
    data.Z.rightCols(2).setOnes();
    data.sized = spec.family == "binomial";
    data.weighted = true;
    if (spec.family == "gaussian") data.y = 0.5 * data.y + data.offset;
    data.theta_row.resize(5);
    data.theta_col.resize(5);
    data.theta_row << 0, 1, 1, 2, 3;
    data.theta_col << 0, 0, 1, 2, 3;
    psi = VectorXd(7 + (family->has_dispersion() ? 1 : 0));
    psi.head(7) << 0.2, -0.3, 0.7, 0.2, 0.5, 0.6, 0.4;
    if (psi.size() > 7) psi[7] = -0.4;
  }

  GroupedDesign design() const {
    GroupedDesign out{data.design(), {}};
    const int levels = s.maxCoeff() + 1, others = d.maxCoeff() + 1;
    out.groups.push_back({IntegerMap(s.data(), s.size()), {0, 1}, levels});
    out.groups.push_back({IntegerMap(d.data(), d.size()), {2}, others});
    out.groups.push_back({IntegerMap(e.data(), e.size()), {3}, 4});
    return out;
  }
};

// V = Z Lambda with a column for each effect, in the order of elimination.
MatrixXd dense_V(const SparseSystem& system) {
  const GroupedDesign& design = system.design();
  const SparsePlan& plan = system.plan();
  MatrixXd V = MatrixXd::Zero(design.X.rows(), system.size());
  for (Index run = 0; run < plan.runs(); ++run)
    for (Index j = plan.run_start[run]; j < plan.run_start[run + 1]; ++j)
      for (Index c = 0; c < design.q(); ++c) V(j, system.at(j, run, c)) += system.V(j, c);
  return V;
}

// A random sparse pattern, S over it, positive definite, and its dense form.
struct Sparse {
  Pattern pattern;
  MatrixXd S;
  Sparse(Index n, double share, unsigned seed) : S(MatrixXd::Zero(n, n)) {
    toy::Random random(seed);
    for (Index c = 0; c < n; ++c)
      for (Index r = c + 1; r < n; ++r)
        if (random.uniform() < share) S(r, c) = S(c, r) = random.normal();
    for (Index c = 0; c < n; ++c) S(c, c) = 1 + S.col(c).cwiseAbs().sum();
    reorder(std::vector<int>());
  }
  void reorder(const std::vector<int>& to) {
    const Index n = S.rows();
    if (!to.empty()) {
      MatrixXd moved(n, n);
      for (Index c = 0; c < n; ++c)
        for (Index r = 0; r < n; ++r) moved(to[r], to[c]) = S(r, c);
      S = moved;
    }
    pattern = Pattern();
    pattern.start.assign(1, 0);
    for (Index c = 0; c < n; ++c) {
      for (Index r = c + 1; r < n; ++r)
        if (S(r, c) != 0) pattern.row.push_back(static_cast<int>(r));
      pattern.start.push_back(static_cast<int>(pattern.row.size()));
    }
  }
  void fill(Index c, double* w) const {
    for (Index r = c; r < S.rows(); ++r) w[r] += S(r, c);
  }
};

void cholesky() {
  bool mixed = false;
  for (const double share : {0.0, 0.02, 0.06, 0.3, 1.0}) {
    const Index n = 120;
    Sparse sparse(n, share, 7);
    std::vector<int> order = minimum_degree(sparse.pattern);
    sparse.reorder(order);
    std::sort(order.begin(), order.end());
    for (Index k = 0; k < n; ++k) CHECK(order[k] == k);
    const CholeskyPlan plan = plan_cholesky(sparse.pattern);
    mixed = mixed || (plan.head > 0 && plan.head < n);
    SparseCholesky factor(plan);
    const auto fill = [&](Index c, double* w) { sparse.fill(c, w); };
    CHECK(factor.factor(fill));
    const Eigen::LLT<MatrixXd> dense(sparse.S);
    const MatrixXd inverse = dense.solve(MatrixXd::Identity(n, n));
    CHECK_NEAR(factor.log_det(), 2 * MatrixXd(dense.matrixL()).diagonal().array().log().sum(),
               1e-12);
    VectorXd b = VectorXd::LinSpaced(n, -1, 2), x = b;
    factor.solve(x);
    CHECK_NEAR(largest(x - inverse * b), 0.0, 1e-12);
    factor.invert();
    for (Index c = 0; c < n; ++c) {
      std::vector<int> at{static_cast<int>(c)};
      for (int k = sparse.pattern.start[c]; k < sparse.pattern.start[c + 1]; ++k) {
        at.assign({static_cast<int>(c), sparse.pattern.row[k]});
        MatrixXd block(2, 2);
        factor.inverse(at.data(), 2, block);
        CHECK_NEAR(block(0, 0), inverse(at[0], at[0]), 1e-12);
        CHECK_NEAR(block(1, 0), inverse(at[1], at[0]), 1e-12);
        CHECK_NEAR(block(1, 1), inverse(at[1], at[1]), 1e-12);
      }
    }
    for (const Index bad : {Index(0), n - 1}) {
      const double kept = sparse.S(bad, bad);
      sparse.S(bad, bad) = -1;
      CHECK(!factor.factor(fill));
      sparse.S(bad, bad) = kept;
    }
    CHECK(factor.factor(fill));
  }
  CHECK(mixed);
}

// The same text for two instruction sets, and the one that the processor takes.
void dense_kernels() {
  for (const Index n : {1, 47, 49, 130, 301}) {
    const MatrixXd A = Sparse(n, 0.5, 11).S;
    const MatrixXd inverse = A.llt().solve(MatrixXd::Identity(n, n));
    const auto check = [&](bool (*factor)(double*, Index),
                           void (*invert)(const double*, Index, double*)) {
      MatrixXd L = A, got(n, n);
      CHECK(factor(L.data(), n));
      const MatrixXd root = L.triangularView<Eigen::Lower>();
      CHECK_NEAR(largest(root * root.transpose() - A), 0.0, 1e-11 * largest(A));
      invert(L.data(), n, got.data());
      CHECK_NEAR(largest(got - inverse), 0.0, 1e-13);
      L = A;
      L(n - 1, n - 1) = -1;
      CHECK(!factor(L.data(), n));
    };
    check(dense_cholesky, dense_inverse);
    check(baseline::dense_cholesky, baseline::dense_inverse);
#ifdef MARGMIX_WIDE_KERNELS
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
      check(wide::dense_cholesky, wide::dense_inverse);
#endif
  }
}

void system_of_three_factors() {
  const Model model({"binomial", "logit"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  CHECK(plan.exact);
  SparseSystem system(design, plan);
  system.set_Lambda(design.Lambda(model.psi.data() + 2));
  const VectorXd W = VectorXd::LinSpaced(70, 0.2, 1.5);
  const MatrixXd V = dense_V(system);
  const Index size = system.size();
  const MatrixXd A = MatrixXd::Identity(size, size) + V.transpose() * W.asDiagonal() * V;
  const MatrixXd inverse = A.llt().solve(MatrixXd::Identity(size, size));
  CHECK(system.assemble(W.data()));
  CHECK(system.factor());
  CHECK_NEAR(system.log_det(), std::log(A.determinant()), 1e-11);
  const VectorXd f = VectorXd::LinSpaced(size, -1, 1);
  CHECK_NEAR(largest(system.solve(f) - inverse * f), 0.0, 1e-12);
  bool definite = true;
  CHECK_NEAR(largest(system.solve_iteratively(f, 1e-13, &definite) - inverse * f), 0.0, 1e-10);
  CHECK(definite);
  const MatrixXd many = orthogonal(size, 2).leftCols(11);  // more than one bundle
  CHECK_NEAR(largest(system.solve_iteratively(many, 1e-13) - inverse * many), 0.0, 1e-10);
  system.invert();
  double worst = 0;
  Index visits = 0;
  system.visit_rows([&](Index j, Index run, const double* y) {
    const VectorXd row = inverse * V.row(j).transpose();
    for (Index c = 0; c < design.q(); ++c)
      worst = std::max(worst, std::abs(y[c] - row[system.at(j, run, c)]));
    ++visits;
  });
  CHECK(visits == 70);
  CHECK_NEAR(worst, 0.0, 1e-12);
  std::vector<MatrixXd> parts = system.split(f);
  std::vector<MatrixMap> maps;
  for (const MatrixXd& part : parts) maps.emplace_back(part.data(), part.rows(), part.cols());
  CHECK_NEAR(largest(system.join(maps) - f), 0.0, 0.0);
  const VectorXd negative = VectorXd::Constant(70, -5.0);
  CHECK(!system.assemble(negative.data()) || !system.factor());
}

double laplace(const Model& model, const VectorXd& psi, VectorXd* gradient = nullptr) {
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const SparseLaplace r =
      sparse_laplace(design, plan, *model.family, psi, VectorXd(), gradient ? 1 : 0, kOneThread);
  CHECK(r.status == Status::ok);
  CHECK(r.factorisations == 1);
  if (gradient) *gradient = r.gradient;
  return r.value;
}

// At the mode, which is found again with dense matrices.
double dense_laplace(const Model& model) {
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const Parameters parameters(design, model.psi.data(), model.family->has_dispersion());
  model.family->set_log_dispersion(parameters.log_phi);
  SparseSystem system(design, plan);
  system.set_Lambda(parameters.Lambda);
  const MatrixXd V = dense_V(system);
  const Index n = V.rows(), size = V.cols();
  VectorXd u = VectorXd::Zero(size), g(n), W(n);
  MatrixXd A;
  double rows = 0;
  for (int step = 0; step < 50; ++step) {
    const VectorXd eta = design.offset + design.X * parameters.beta + V * u;
    rows = model.family->rows(design.response, eta.data(), g.data(), W.data(), nullptr, nullptr);
    A = MatrixXd::Identity(size, size) + V.transpose() * W.asDiagonal() * V;
    u += A.llt().solve(V.transpose() * g - u);
  }
  CHECK_NEAR(largest(V.transpose() * g - u), 0.0, 1e-10);
  return rows + model.family->constant(design.response) - 0.5 * u.squaredNorm() -
         MatrixXd(A.llt().matrixL()).diagonal().array().log().sum();
}

const std::vector<FamilySpec> kFamilies = {{"binomial", "logit"},
                                           {"binomial", "probit"},
                                           {"poisson", "log"},
                                           {"gaussian", "identity"},
                                           {"nbinom2", "log"}};

void laplace_value_and_gradient() {
  for (const FamilySpec& spec : kFamilies) {
    const Model model(spec);
    VectorXd gradient;
    CHECK_NEAR(laplace(model, model.psi, &gradient), dense_laplace(model), 1e-10);
    const VectorXd differences =
        toy::gradient([&](const VectorXd& x) { return laplace(model, x); }, model.psi, 1e-3);
    CHECK_NEAR(largest(gradient - differences), 0.0, 1e-7);
  }
}

void linear_model() {
  const Model model({"gaussian", "identity"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const VectorXd theta = model.psi.segment(2, 5);
  for (const bool reml : {false, true})
    for (const double log_phi : {kNaN, -0.4}) {
      VectorXd at = theta;
      if (!std::isnan(log_phi)) at.conservativeResize(6), at[5] = log_phi;
      const auto value = [&](const VectorXd& x, bool gradient) {
        return sparse_lmm(design, plan, x.data(), x.size() > 5 ? x[5] : kNaN, false, reml,
                          gradient);
      };
      const SparseLmm r = value(at, true);
      CHECK(r.status == Status::ok);
      const VectorXd differences =
          toy::gradient([&](const VectorXd& x) { return value(x, false).value; }, at, 1e-3);
      CHECK_NEAR(largest(r.gradient - differences), 0.0, 1e-8);
      if (reml || !std::isnan(log_phi)) continue;
      // The profile is the likelihood at its own beta and phi, on the absolute scale.
      VectorXd psi(8);
      psi << r.beta, theta * std::sqrt(r.phi), std::log(r.phi);
      CHECK_NEAR(laplace(model, psi), r.value, 1e-10);
    }
}

// Orthogonal probes of the right length have the mean of zz' that random signs have in expectation.
void stochastic() {
  for (const FamilySpec& spec : {kFamilies[0], kFamilies[2], kFamilies[3]}) {
    const Model model(spec);
    const GroupedDesign design = model.design();
    const SparsePlan plan = make_plan(design, 1e9);
    const Index size2 = plan.size2(), P = model.psi.size();
    const MatrixXd probes = std::sqrt(static_cast<double>(size2)) * orthogonal(size2, 5);
    const MatrixMap z(probes.data(), size2, size2);
    VectorXd exact;
    const double value = laplace(model, model.psi, &exact);
    const StochasticStep step = sparse_stochastic(design, plan, *model.family, model.psi,
                                                  VectorXd(), z, 1e-12, true, kOneThread);
    CHECK(step.status == Status::ok);
    CHECK_NEAR(largest(step.gradient - exact), 0.0, 1e-8);
    const VectorXd steps = VectorXd::Constant(P, 1e-5);
    const StochasticHessian second =
        sparse_stochastic_hessian(design, plan, *model.family, model.psi, VectorXd(), z, 1e-12,
                                  steps, spec.family == "gaussian", kOneThread);
    CHECK(second.status == Status::ok);
    CHECK_NEAR(largest(second.gradient - exact), 0.0, 1e-8);
    MatrixXd H(P, P);
    for (Index k = 0; k < P; ++k)
      H.col(k) = -toy::gradient(
          [&](const VectorXd& x) {
            VectorXd g;
            laplace(model, x, &g);
            return g[k];
          },
          model.psi, 1e-3);
    CHECK_NEAR(largest(second.hessian - H), 0.0, 2e-4 * std::max(1.0, largest(H)));
    const SparseEstimate estimate =
        sparse_laplace_estimate(design, plan, *model.family, model.psi, VectorXd(), z, kOneThread);
    CHECK(estimate.status == Status::ok);
    CHECK_NEAR(estimate.value, value, 1e-8);
  }
}

// Variances of the effects, and of predictors of known levels, against the dense inverse.
void variances() {
  const Model model({"poisson", "log"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const Parameters parameters(design, model.psi.data(), false);
  SparseMode mode(design, plan, *model.family, parameters);
  CHECK(mode.find(VectorXd(), kOneThread) == Status::ok);
  SparseSystem& system = mode.system();
  CHECK(system.factor());
  system.invert();
  const MatrixXd V = dense_V(system);
  const Index size = system.size();
  const MatrixXd A = MatrixXd::Identity(size, size) + V.transpose() * mode.W().asDiagonal() * V;
  const MatrixXd inverse = A.llt().solve(MatrixXd::Identity(size, size));
  const std::vector<MatrixXd> variance = sparse_mode_variance(mode, parameters.Lambda);
  for (Index run = 0; run < plan.runs(); ++run) {
    const Index j = plan.run_start[run];
    const Eigen::Vector2i at(system.at(j, run, 0), system.at(j, run, 1));
    MatrixXd block(2, 2);
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < 2; ++c) block(r, c) = inverse(at[r], at[c]);
    const MatrixXd L = parameters.Lambda.topLeftCorner(2, 2);
    const VectorXd got = variance[0].col(plan.run_level[run]);
    CHECK_NEAR(largest(MatrixMap(got.data(), 2, 2) - L * block * L.transpose()), 0.0, 1e-12);
    const double b = variance[1](0, model.d[j]), l = parameters.Lambda(2, 2);
    CHECK_NEAR(b, l * l * inverse(system.at(j, run, 2), system.at(j, run, 2)), 1e-12);
  }
}

}  // namespace

int main() {
  cholesky();
  dense_kernels();
  system_of_three_factors();
  laplace_value_and_gradient();
  linear_model();
  stochastic();
  variances();
  return check::summary();
}
