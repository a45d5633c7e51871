// Related levels: precision matrices against their definitions and against differences in rho; the
// Laplace approximation and the linear model against dense algebra with the covariance of the
// effects itself, whose inverse the engine never sees.
#include "check.hpp"
#include "dense.hpp"
#include "design/dispersion.hpp"
#include "glmm/sparse_lmm.hpp"
#include "glmm/sparse_posterior.hpp"
#include "objective/objective.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// Two series, the second with one level only; gaps of 1, 3 and 2.
const std::vector<double> kGap = {0, 1, 3, 2, 1, 0, 1, 1};

std::shared_ptr<Levels> series(Autoregression::Kind kind) {
  return std::make_shared<Autoregression>(kind, kGap);
}

// A ring of six places with a chord, and weights.
std::shared_ptr<Levels> ring() {
  Pattern pattern{{0, 3, 4, 5, 6, 7, 7}, {1, 3, 5, 2, 3, 4, 5}};
  VectorXd W(7);
  W << 1, 0.5, 1, 2, 1, 1, 1.5;
  return std::make_shared<ConditionalAutoregression>(pattern, W);
}

// A tree: six nodes, each but the first with its parent, and lengths.
std::shared_ptr<Levels> tree() {
  const std::vector<int> parent = {-1, 0, 0, 1, 1, 2};
  const std::vector<double> length = {0.7, 0.5, 1.0, 0.3, 0.4, 0.2};
  std::vector<std::vector<int>> rows(6);
  Precision Q{VectorXd::Zero(6), VectorXd(5), VectorXd(6)};
  Pattern pattern;
  pattern.start.assign(1, 0);
  for (int j = 0; j < 6; ++j) {
    Q.diagonal[j] += 1 / length[j];
    Q.log_det[j] = -std::log(length[j]);
    for (int child = j + 1; child < 6; ++child)
      if (parent[child] == j) {
        Q.below[pattern.row.size()] = -1 / length[child];
        Q.diagonal[j] += 1 / length[child];
        pattern.row.push_back(child);
      }
    pattern.start.push_back(static_cast<int>(pattern.row.size()));
  }
  return std::make_shared<KnownPrecision>(pattern, Q);
}

// Correlations of a series are products over steps.
void covariance_of_series() {
  for (const auto kind : {Autoregression::Kind::ar1, Autoregression::Kind::ou})
    for (const double rho : {-0.8, 0.3, 2.5}) {
      const auto levels = series(kind);
      const Precision Q = levels->at(&rho);
      const double r =
          kind == Autoregression::Kind::ar1 ? std::tanh(rho) : std::exp(-std::exp(rho));
      MatrixXd R = MatrixXd::Identity(8, 8);
      for (int i = 0; i < 8; ++i) {
        double x = 1;
        for (int j = i + 1; j < 8 && kGap[j] > 0; ++j)
          R(i, j) = R(j, i) = x *= std::pow(r, kGap[j]);
      }
      CHECK_NEAR(largest(dense(*levels, Q) * R - MatrixXd::Identity(8, 8)), 0.0, 1e-10);
      CHECK_NEAR(Q.log_det.sum(), -std::log(R.determinant()), 1e-10);
    }
  // Close to one, 1 - r^2 is not a difference of numbers near one.
  const double rho = 18;
  const double v = series(Autoregression::Kind::ar1)->at(&rho).log_det[1];
  CHECK_NEAR(v, -(std::log(4) - 36), 1e-12);
}

void derivatives_of_precision() {
  const double rho = 0.4;
  for (const auto& levels :
       {series(Autoregression::Kind::ar1), series(Autoregression::Kind::ou), ring()}) {
    const Precision d = levels->derivative(&rho, 0);
    for (Index j = 0; j < levels->size(); ++j)
      for (Index i = j; i < levels->size(); ++i)
        CHECK_NEAR(
            dense(*levels, d)(i, j),
            toy::slope([&](double x) { return dense(*levels, levels->at(&x))(i, j); }, rho, 1e-3),
            1e-9);
    CHECK_NEAR(d.log_det.sum(),
               toy::slope([&](double x) { return levels->at(&x).log_det.sum(); }, rho, 1e-3), 1e-9);
  }
  const auto levels = ring();
  const Precision Q = levels->at(&rho);
  const MatrixXd inverse = dense(*levels, Q).inverse();
  CHECK_NEAR(Q.log_det.sum(), -std::log(inverse.determinant()), 1e-11);
  const PrecisionFacts facts = precision_facts(levels->pattern(), Q.diagonal, Q.below);
  CHECK(facts.definite);
  CHECK_NEAR(largest(facts.variance - inverse.diagonal()), 0.0, 1e-12);
  CHECK(!precision_facts(levels->pattern(), 0.1 * Q.diagonal, Q.below).definite);
  // The draws of the unit vectors are a root of the covariance.
  const MatrixXd root = related_draws(levels->pattern(), Q, MatrixXd::Identity(6, 6));
  CHECK_NEAR(largest(root * root.transpose() - inverse), 0.0, 1e-12);
}

// Factors of a series, a tree (intercept and slope; node 0 and 1 have no rows), a ring, and one of
// independent levels; psi = (beta, theta, rho, log phi).
struct Model {
  toy::Data data;
  std::unique_ptr<Family> family;
  Eigen::VectorXi series_of, node, place, other;
  VectorXd psi;

  explicit Model(FamilySpec spec)
      : data(1, 60, 2, 5, 5),
        family(make_family(spec)),
        series_of(60),
        node(60),
        place(60),
        other(60) {
    toy::Random random(11);
    for (Index j = 0; j < 60; ++j) {
      series_of[j] = static_cast<int>(8 * random.uniform());
      node[j] = 2 + static_cast<int>(4 * random.uniform());
      place[j] = static_cast<int>(6 * random.uniform());
      other[j] = static_cast<int>(7 * random.uniform());
    }
    for (const int c : {0, 3, 4}) data.Z.col(c).setOnes();
    data.sized = spec.family == "binomial";
    data.weighted = true;
    if (spec.family == "gaussian") data.y = 0.5 * data.y + data.offset;
    data.theta_row.resize(6);
    data.theta_col.resize(6);
    data.theta_row << 0, 1, 2, 2, 3, 4;
    data.theta_col << 0, 1, 1, 2, 3, 4;
    psi = VectorXd(10 + (family->has_dispersion() ? 1 : 0));
    psi.head(10) << 0.2, -0.3, 0.7, 0.5, 0.2, 0.6, 0.4, 0.5, 0.6, 1.2;
    if (psi.size() > 10) psi[10] = -0.4;
  }

  GroupedDesign design() const {
    GroupedDesign out{data.design(), {}};
    out.n_rho = 2;
    out.groups.push_back(
        {IntegerMap(series_of.data(), 60), {0}, 8, series(Autoregression::Kind::ar1)});
    out.groups.push_back({IntegerMap(node.data(), 60), {1, 2}, 6, tree()});
    out.groups.push_back({IntegerMap(place.data(), 60), {3}, 6, ring()});
    out.groups.push_back({IntegerMap(other.data(), 60), {4}, 7});
    return out;
  }

  // Covariance of Z b by row: sum over factors of (Z Lambda Lambda' Z') o (Q^-1 of the levels).
  MatrixXd covariance(const VectorXd& psi) const {
    const GroupedDesign d = design();
    const Parameters parameters(d, psi.data());
    const MatrixXd ZL = d.Z * parameters.Lambda;
    MatrixXd out = MatrixXd::Zero(60, 60);
    Index first = 0;
    for (const Group& group : d.groups) {
      MatrixXd K = MatrixXd::Identity(group.levels, group.levels);
      if (group.relation) {
        K = dense(*group.relation, group.relation->at(parameters.rho.data() + first)).inverse();
        first += group.relation->n_rho();
      }
      for (int i = 0; i < 60; ++i)
        for (int j = 0; j < 60; ++j)
          for (const int c : group.columns)
            out(i, j) += ZL(i, c) * ZL(j, c) * K(group.index[i], group.index[j]);
    }
    return out;
  }
};

SparseLaplace laplace(const Model& model, const VectorXd& psi, int order) {
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  CHECK(plan.exact);
  LocalRows rows(design, *model.family);
  SparseMode mode(design, plan, rows);
  const SparseLaplace r = sparse_laplace(mode, psi, VectorXd(), order, kOneThread);
  CHECK(r.status == Status::ok);
  return r;
}

// With f = Z b ~ N(0, K): l(eta) - f'K^-1 f / 2 - log|I + K W| / 2 at f = K g.
double dense_laplace(const Model& model, const VectorXd& psi) {
  const GroupedDesign design = model.design();
  const Parameters parameters(design, psi.data());
  set_dispersion(design, psi, *model.family);
  const MatrixXd K = model.covariance(psi), I = MatrixXd::Identity(60, 60);
  VectorXd a = VectorXd::Zero(60), g(60), W(60);  // f = K a
  double rows = 0;
  MatrixXd B;
  for (int step = 0; step < 60; ++step) {
    const VectorXd f = K * a, eta = design.offset + design.X * parameters.beta + f;
    rows = model.family->rows(design.response, eta.data(), g.data(), W.data(), nullptr, nullptr);
    B = I + W.asDiagonal() * K;
    a = B.partialPivLu().solve(W.cwiseProduct(f) + g);
  }
  return rows + model.family->constant(design.response) - 0.5 * a.dot(K * a) -
         0.5 * std::log(B.determinant());
}

const std::vector<FamilySpec> kFamilies = {
    {"binomial", "logit"}, {"poisson", "log"}, {"gaussian", "identity"}, {"nbinom2", "log"}};

void laplace_value_and_gradient() {
  for (const FamilySpec& spec : kFamilies) {
    const Model model(spec);
    const SparseLaplace r = laplace(model, model.psi, 1);
    CHECK_NEAR(r.value, dense_laplace(model, model.psi), 1e-10);
    const VectorXd differences =
        toy::gradient([&](const VectorXd& x) { return dense_laplace(model, x); }, model.psi, 1e-3);
    CHECK_NEAR(largest(r.gradient - differences), 0.0, 1e-7);
    // A variance of zero: the fit without the term.
    VectorXd none = model.psi;
    none.segment(2, 6).setZero();
    const SparseLaplace zero = laplace(model, none, 1);
    CHECK_NEAR(zero.value, dense_laplace(model, none), 1e-10);
    CHECK_NEAR(largest(zero.gradient.segment(8, 2)), 0.0, 1e-10);
  }
}

// Central differences beside the mode leave the square of their step.
void laplace_hessian() {
  for (const FamilySpec& spec : kFamilies) {
    const Model model(spec);
    const GroupedDesign design = model.design();
    const auto objective = sparse_objective(design, make_plan(design, 1e9), spec);
    ObjectiveRequest ask;
    ask.order = 2;
    const ObjectiveResult r = objective->evaluate(model.psi, {1}, {}, ask, kOneThread);
    CHECK(r.status == Status::ok);
    for (Index k = 0; k < model.psi.size(); ++k) {
      const VectorXd column = toy::gradient(
          [&](const VectorXd& x) { return laplace(model, x, 1).gradient[k]; }, model.psi, 1e-3);
      CHECK_NEAR(largest(r.hessian.col(k) - column) / largest(r.hessian), 0.0, 2e-6);
    }
  }
}

// N(X beta, phi (K / phi + W^-1)), with beta and phi profiled out or not.
double dense_linear(const Model& model, const VectorXd& at, bool reml) {
  const GroupedDesign design = model.design();
  const bool profiled = at.size() == 8;
  VectorXd psi = VectorXd::Zero(11);
  psi.segment(2, 8) = at.head(8);
  const VectorXd w = model.data.weight;
  MatrixXd V = model.covariance(psi);
  V += w.cwiseInverse().asDiagonal();
  const MatrixXd V_inverse = V.inverse(), X = design.X;
  const VectorXd y = model.data.y - model.data.offset;
  const MatrixXd B = X.transpose() * V_inverse * X;
  const VectorXd r = y - X * B.inverse() * (X.transpose() * V_inverse * y);
  const double rss = r.dot(V_inverse * r), N = reml ? 58 : 60;
  const double phi = profiled ? rss / N : std::exp(at[8]);
  return -0.5 * (std::log(V.determinant()) + N * std::log(2 * EIGEN_PI * phi) + rss / phi +
                 (reml ? std::log(B.determinant()) : 0));
}

void linear_model() {
  const Model model({"gaussian", "identity"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  for (const bool reml : {false, true})
    for (const double log_phi : {kNaN, -0.4}) {
      VectorXd at = model.psi.segment(2, std::isnan(log_phi) ? 8 : 9);
      if (at.size() > 8) at[8] = log_phi;
      const SparseLmm r = sparse_lmm(design, plan, at.data(), log_phi, false, reml, true);
      CHECK(r.status == Status::ok);
      CHECK_NEAR(r.value, dense_linear(model, at, reml), 1e-10);
      const VectorXd differences =
          toy::gradient([&](const VectorXd& x) { return dense_linear(model, x, reml); }, at, 1e-3);
      CHECK_NEAR(largest(r.gradient - differences), 0.0, 1e-8);
    }
}

// Modes move with psi as their tangents say; variances of the effects against the dense inverse.
void posterior() {
  const Model model({"poisson", "log"});
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  LocalRows rows(design, *model.family);
  const auto mode_at = [&](const VectorXd& psi) {
    auto mode = std::make_unique<SparseMode>(design, plan, rows, psi);
    CHECK(mode->find(VectorXd(), kOneThread, 1e-10) == Status::ok);
    CHECK(mode->system().factor());
    return mode;
  };
  const auto mode = mode_at(model.psi);
  const MatrixXd tangents = sparse_mode_tangents(*mode);
  for (Index k = 0; k < model.psi.size(); ++k)
    for (Index i = 0; i < mode->u().size(); i += 3)
      CHECK_NEAR(tangents(i, k),
                 toy::slope(
                     [&](double x) {
                       VectorXd psi = model.psi;
                       psi[k] = x;
                       return mode_at(psi)->u()[i];
                     },
                     model.psi[k], 1e-3),
                 1e-7);
  // Var(f | y) of the rows' own parts of a factor: K - K (K_all + W^-1)^-1 K.
  mode->system().invert();
  const Parameters parameters(design, model.psi.data());
  const std::vector<MatrixXd> variance = sparse_mode_variance(*mode);
  MatrixXd V = model.covariance(model.psi);
  V += mode->W().cwiseInverse().asDiagonal();
  const double rho = parameters.rho[0], lambda = parameters.Lambda(0, 0);
  const MatrixXd K =
      dense(*design.groups[0].relation, design.groups[0].relation->at(&rho)).inverse();
  MatrixXd Z = MatrixXd::Zero(60, 8);
  for (int j = 0; j < 60; ++j) Z(j, model.series_of[j]) = lambda;
  const MatrixXd prior = lambda * lambda * K;
  const MatrixXd KZ = lambda * K * Z.transpose();
  const MatrixXd posterior = prior - KZ * V.inverse() * KZ.transpose();
  CHECK_NEAR(largest(variance[0].row(0).transpose() - posterior.diagonal()), 0.0, 1e-10);
}

}  // namespace

int main() {
  covariance_of_series();
  derivatives_of_precision();
  laplace_value_and_gradient();
  laplace_hessian();
  linear_model();
  posterior();
  return check::summary();
}
