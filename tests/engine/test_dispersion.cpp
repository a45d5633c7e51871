// Rows with a phi of their own: terms of a family against one row at a time, and the derivatives of
// each objective in gamma, log phi = D gamma, against differences.
#include "check.hpp"
#include "design/dispersion.hpp"
#include "design/groups.hpp"
#include "objective/objective.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

const std::vector<FamilySpec> kFamilies = {
    {"gaussian", "identity"}, {"gaussian", "log"},       {"gaussian", "log", true},
    {"Gamma", "log"},         {"Gamma", "log", true},    {"inverse.gaussian", "log"},
    {"nbinom2", "log"},       {"nbinom2", "sqrt"},       {"nbinom1", "log"},
    {"beta", "logit"},        {"betabinomial", "logit"}, {"betabinomial", "cloglog"}};

// Responses that the family can have, and three columns of D.
toy::Data data_for(const FamilySpec& spec, Index m, Index n_i, Index q) {
  toy::Data data(m, n_i, 2, q, 11);
  const Index n = data.y.size();
  data.weighted = true;
  data.sized = spec.family == "betabinomial";
  toy::Random random(3);
  // the mean is eta^2: away from 0, where two modes meet
  if (spec.link == "sqrt") data.offset.array() += 3;
  data.D = MatrixXd::Ones(n, 3);
  for (Index j = 0; j < n; ++j) {
    data.D(j, 1) = j / 3 % 2;
    data.D(j, 2) = 20 * random.normal();
    if (spec.family == "beta" || spec.family == "Gamma" || spec.family == "inverse.gaussian")
      data.y[j] = 0.05 + 0.9 * random.uniform();
    if (spec.family == "gaussian") data.y[j] = 1 + random.normal();
    if (spec.family.rfind("nbinom", 0) == 0)
      data.y[j] = std::floor(200 * std::pow(random.uniform(), 5));
  }
  return data;
}

VectorXd some_gamma() { return Eigen::Vector3d(0.3, -0.8, 0.01); }

// At row j alone, with the phi of that row for all.
void one_row_at_a_time() {
  for (const FamilySpec& spec : kFamilies) {
    toy::Data data = data_for(spec, 3, 5, 1);
    data.weight[4] = 0;
    const Design design = data.design();
    const auto by_row = make_family(spec), alone = make_family(spec);
    const Index n = data.y.size();
    VectorXd psi(6);
    psi << 0, 0, 1, some_gamma();
    set_dispersion(design, psi, *by_row);
    const VectorXd log_phi = data.D * some_gamma();
    const VectorXd eta = data.offset;
    // a run that does not begin at the first row
    const Rows rows = design.response.part(2, n - 2);
    VectorXd g(n), W(n), T(n), F(n), g_phi(n), W_phi(n), l_phi(n);
    const double* at = eta.data() + 2;
    double l = by_row->rows(rows, at, g.data(), W.data(), T.data(), F.data());
    double constant = by_row->constant(rows);
    double sum = by_row->rows_dispersion(rows, at, g_phi.data(), W_phi.data(), l_phi.data());
    CHECK_NEAR(l_phi.head(n - 2).sum(), sum, 1e-11);
    for (Index j = 2; j < n; ++j) {
      const Rows row = design.response.part(j, 1);
      double x[7];
      alone->set_log_dispersion(log_phi[j]);
      l -= alone->rows(row, &eta[j], &x[0], &x[1], &x[2], &x[3]);
      constant -= alone->constant(row);
      sum -= alone->rows_dispersion(row, &eta[j], &x[4], &x[5], &x[6]);
      const double found[] = {g[j - 2],     W[j - 2],     T[j - 2],    F[j - 2],
                              g_phi[j - 2], W_phi[j - 2], l_phi[j - 2]};
      for (int k = 0; k < 7; ++k) CHECK_NEAR(found[k], x[k], 1e-11 * (1 + std::fabs(x[k])));
    }
    CHECK_NEAR(l, 0.0, 1e-10);
    CHECK_NEAR(constant, 0.0, 1e-9);
    CHECK_NEAR(sum, 0.0, 1e-10);
  }
}

// An objective's gradient, scores and Hessian at psi against differences of its value and gradient.
template <class Make>
void check_derivatives(Make make, const VectorXd& psi, const std::vector<int>& K,
                       double tolerance) {
  auto at = [&](const VectorXd& x, int order, bool scores = false) {
    return make()->evaluate(x, K, {}, {order, scores}, kOneThread);
  };
  const ObjectiveResult r = at(psi, 2, true);
  CHECK(r.status == Status::ok);
  CHECK(r.gradient.size() == psi.size());
  VectorXd step = VectorXd::Constant(psi.size(), 1e-3);
  step[psi.size() - 1] = 1e-4;
  for (Index k = 0; k < psi.size(); ++k) {
    const VectorXd e = VectorXd::Unit(psi.size(), k);
    const double slope = toy::slope([&](double x) { return at(psi + x * e, 0).value; }, 0, step[k]);
    CHECK_NEAR(r.gradient[k], slope, 1e-7 * (1 + std::fabs(slope)));
    for (Index j = 0; j < psi.size(); ++j) {
      const double bend =
          toy::slope([&](double x) { return at(psi + x * e, 1).gradient[j]; }, 0, step[k]);
      CHECK_NEAR(r.hessian(j, k), bend, tolerance * (1 + std::fabs(bend)));
    }
  }
  CHECK_NEAR((r.scores.rowwise().sum() - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-9);
}

void derivatives_of_product_rule() {
  for (const FamilySpec& spec : kFamilies)
    for (int K : {1, 5}) {
      const toy::Data data = data_for(spec, 3, 4, 1);
      VectorXd psi(6);
      psi << 0.1, -0.1, 0.6, some_gamma();
      check_derivatives([&] { return product_objective(data.design(), spec); }, psi, {K}, 1e-6);
    }
}

void derivatives_of_several_factors() {
  for (const FamilySpec& spec : kFamilies) {
    toy::Data data = data_for(spec, 3, 8, 2);
    data.Z.setOnes();
    data.theta_row.resize(2);
    data.theta_col.resize(2);
    data.theta_row << 0, 1;
    data.theta_col << 0, 1;
    const Index n = data.y.size();
    Eigen::VectorXi leaf(n), top_column(1), leaf_column(1), other(n), cluster(n);
    top_column << 0;
    leaf_column << 1;
    for (Index j = 0; j < n; ++j) leaf[j] = j / 4, cluster[j] = j / 8, other[j] = j % 2;
    auto map = [](const Eigen::VectorXi& x) { return IntegerMap(x.data(), x.size()); };
    VectorXd psi(7);
    psi << 0.1, -0.1, 0.6, 0.5, some_gamma();
    const NestedDesign nested{data.design(), map(leaf), map(leaf_column), map(top_column)};
    for (int K : {1, 4})
      check_derivatives([&] { return nested_objective(nested, spec); }, psi, {K, K}, 1e-6);
    GroupedDesign crossed{data.design(), {}};
    crossed.groups.push_back({map(cluster), {0}, 3});
    crossed.groups.push_back({map(other), {1}, 2});
    const SparsePlan plan = make_plan(crossed, 1e9);
    // its Hessian is a difference of the gradient, too
    check_derivatives([&] { return sparse_objective(crossed, plan, spec); }, psi, {1}, 1e-4);
  }
}

// D of one column of ones is one phi for all rows.
void constant_column() {
  for (const FamilySpec& spec : kFamilies) {
    toy::Data data = data_for(spec, 3, 4, 1);
    data.D = MatrixXd::Ones(data.y.size(), 1);
    toy::Data plain = data;
    plain.D = MatrixXd();
    VectorXd psi(4);
    psi << 0.1, -0.1, 0.6, -0.4;
    auto at = [&](const toy::Data& d) {
      return product_objective(d.design(), spec)->evaluate(psi, {5}, {}, {2}, kOneThread);
    };
    const ObjectiveResult a = at(data), b = at(plain);
    CHECK_NEAR(a.value, b.value, 1e-11 * (1 + std::fabs(b.value)));
    CHECK_NEAR((a.gradient - b.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-9);
    CHECK_NEAR((a.hessian - b.hessian).cwiseAbs().maxCoeff(), 0.0, 1e-7);
  }
}

}  // namespace

int main() {
  one_row_at_a_time();
  derivatives_of_product_rule();
  derivatives_of_several_factors();
  constant_column();
  return check::summary();
}
