// Crossed factors: the system of the random effects against dense algebra; the Laplace
// approximation against its dense definition, and its derivatives against differences; what random
// signs estimate, which orthogonal probes make exact.
#include <algorithm>

#include "check.hpp"
#include "dense.hpp"
#include "design/dispersion.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_lmm.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_posterior.hpp"
#include "glmm/sparse_stochastic.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

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
  LocalRows rows(design, *model.family);
  SparseMode mode(design, plan, rows);
  const SparseLaplace r = sparse_laplace(mode, psi, VectorXd(), gradient ? 1 : 0, kOneThread);
  CHECK(r.status == Status::ok);
  CHECK(r.factorisations == 1);
  if (gradient) *gradient = r.gradient;
  return r.value;
}

// At the mode, which is found again with dense matrices.
double dense_laplace(const Model& model) {
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const Parameters parameters(design, model.psi.data());
  set_dispersion(design, model.psi, *model.family);
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

// Without random effects A = I.
void no_factorisation_at_zero() {
  const Model model({"poisson", "log"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  VectorXd psi = model.psi;
  psi.segment(2, design.n_theta()).setZero();
  LocalRows rows(design, *model.family);
  SparseMode mode(design, plan, rows);
  const SparseLaplace r = sparse_laplace(mode, psi, VectorXd(), 0, kOneThread);
  CHECK(r.status == Status::ok);
  CHECK(r.factorisations == 0);
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
    LocalRows rows(design, *model.family);
    const StochasticStep step =
        sparse_stochastic(design, plan, rows, model.psi, VectorXd(), z, 1e-12, true, kOneThread);
    CHECK(step.status == Status::ok);
    CHECK_NEAR(largest(step.gradient - exact), 0.0, 1e-8);
    const VectorXd steps = VectorXd::Constant(P, 1e-5);
    const StochasticHessian second =
        sparse_stochastic_hessian(design, plan, rows, model.psi, VectorXd(), z, 1e-12, steps,
                                  spec.family == "gaussian", 0, kOneThread);
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
        sparse_laplace_estimate(design, plan, rows, model.psi, VectorXd(), z, kOneThread);
    CHECK(estimate.status == Status::ok);
    CHECK_NEAR(estimate.value, value, 1e-8);
  }
}

// Variances of the effects, and of predictors of known levels, against the dense inverse.
void variances() {
  const Model model({"poisson", "log"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  const Parameters parameters(design, model.psi.data());
  LocalRows rows(design, *model.family);
  SparseMode mode(design, plan, rows, model.psi);
  CHECK(mode.find(VectorXd(), kOneThread) == Status::ok);
  SparseSystem& system = mode.system();
  CHECK(system.factor());
  system.invert();
  const MatrixXd V = dense_V(system);
  const Index size = system.size();
  const MatrixXd A = MatrixXd::Identity(size, size) + V.transpose() * mode.W().asDiagonal() * V;
  const MatrixXd inverse = A.llt().solve(MatrixXd::Identity(size, size));
  const std::vector<MatrixXd> variance = sparse_mode_variance(mode);
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
  system_of_three_factors();
  laplace_value_and_gradient();
  no_factorisation_at_zero();
  linear_model();
  stochastic();
  variances();
  return check::summary();
}
