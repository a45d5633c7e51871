// Two nested levels: likelihood against brute force, derivatives against differences, the limits
// in which one level is left, posterior moments.
#include "check.hpp"
#include "design/dispersion.hpp"
#include "objective/objective.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// m clusters of `leaves` leaves of `rows` rows; columns of Z: first those of the cluster.
struct Model {
  toy::Data data;
  FamilySpec spec;
  std::unique_ptr<Family> family;
  Eigen::VectorXi level, top_columns, leaf_columns;
  VectorXd psi, leaf_weight, cluster_weight;  // weights: or none

  Model(FamilySpec from, Index qa, Index qb, Index m = 3, Index leaves = 3, Index rows = 3,
        unsigned seed = 5)
      : data(m, leaves * rows, 2, qa + qb, seed), spec(from), family(make_family(spec)) {
    if (spec.family == "binomial") data.sized = true;
    data.weighted = true;
    if (spec.family == "gaussian") data.y = 0.5 * data.y + data.offset;
    data.Z.col(qa).setOnes();
    level.resize(data.y.size());
    for (Index j = 0; j < level.size(); ++j) level[j] = j / rows;
    top_columns = Eigen::VectorXi::LinSpaced(qa, 0, qa - 1);
    leaf_columns = Eigen::VectorXi::LinSpaced(qb, qa, qa + qb - 1);
    std::vector<int> row, col;
    for (Index block = 0; block < 2; ++block)
      for (Index c = block ? qa : 0; c < (block ? qa + qb : qa); ++c)
        for (Index r = c; r < (block ? qa + qb : qa); ++r) row.push_back(r), col.push_back(c);
    data.theta_row = Eigen::Map<Eigen::VectorXi>(row.data(), row.size());
    data.theta_col = Eigen::Map<Eigen::VectorXi>(col.data(), col.size());
    const Index t = row.size();
    psi = VectorXd::Constant(2 + t + (family->has_dispersion() ? 1 : 0), 0.15);
    for (Index k = 0; k < t; ++k) psi[2 + k] = row[k] == col[k] ? 0.8 - 0.1 * k : 0.2;
    if (family->has_dispersion()) psi[2 + t] = -0.5;
  }

  IntegerMap map(const Eigen::VectorXi& x) const { return {x.data(), x.size()}; }
  NestedDesign design() const {
    return {data.design(), map(level), map(leaf_columns), map(top_columns), leaf_weight};
  }
  void weigh() {
    leaf_weight = VectorXd::LinSpaced(level.maxCoeff() + 1, 0.4, 3.0);
    cluster_weight = VectorXd::LinSpaced(design().clusters(), 2.0, 0.7);
  }
  ObjectiveResult operator()(const VectorXd& at, int Ka, int Kb, int order, bool each = false,
                             const RunContext& context = kOneThread) const {
    const auto objective = nested_objective(design(), spec);
    objective->weigh_clusters(cluster_weight);
    return objective->evaluate(at, {Ka, Kb}, {}, {order, each, each && order == 2}, context);
  }
  ObjectiveResult flat(const toy::Data& d, const VectorXd& at, int K, int order) const {
    return product_objective(d.design(), spec)
        ->evaluate(at, {K}, {}, {order, false, false}, kOneThread);
  }
};

// The trapezoidal rule on both levels, (1 | a/b), with the weights.
double brute_force(const Model& model) {
  const NestedDesign d = model.design();
  const Design& flat = d.flat;
  const Parameters parameters(flat, model.psi.data());
  set_dispersion(flat, model.psi, *model.family);
  const double h = 0.05, constant = -0.5 * std::log(2 * 3.14159265358979323846);
  const bool weighted = model.leaf_weight.size() > 0;
  double value = 0;
  for (Index i = 0; i < d.clusters(); ++i) {
    double sum = 0, constants = 0;
    const double cluster_weight = weighted ? model.cluster_weight[i] : 1.0;
    for (Index l = d.first_leaf[i]; l < d.first_leaf[i + 1]; ++l)
      constants += (weighted ? model.leaf_weight[l] : 1.0) *
                   model.family->constant(flat.response.part(d.leaf_start[l], d.leaf_size(l)));
    for (double ua = -9; ua <= 9; ua += h) {
      double log_f = constant - 0.5 * ua * ua;
      for (Index l = d.first_leaf[i]; l < d.first_leaf[i + 1]; ++l) {
        const Index first = d.leaf_start[l], n = d.leaf_size(l);
        const VectorXd eta0 =
            flat.offset.segment(first, n) + flat.X.middleRows(first, n) * parameters.beta;
        double inner = 0;
        for (double ub = -9; ub <= 9; ub += h) {
          const VectorXd eta = eta0 + flat.Z.middleRows(first, n) *
                                          (parameters.Lambda * Eigen::Vector2d(ua, ub)).eval();
          inner += h * std::exp(model.family->rows(flat.response.part(first, n), eta.data(),
                                                   nullptr, nullptr, nullptr, nullptr) +
                                constant - 0.5 * ub * ub);
        }
        log_f += (weighted ? model.leaf_weight[l] : 1.0) * std::log(inner);
      }
      sum += h * std::exp(log_f);
    }
    value += cluster_weight * (constants + std::log(sum));
  }
  return value;
}

void likelihood() {
  for (const FamilySpec& spec :
       {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"},
        FamilySpec{"binomial", "probit"}, FamilySpec{"gaussian", "identity"}}) {
    Model model(spec, 1, 1);
    CHECK_NEAR(model(model.psi, 21, 21, 0).value, brute_force(model), 1e-9);
    model.weigh();
    CHECK_NEAR(model(model.psi, 21, 21, 0).value, brute_force(model), 1e-8);
  }
}

void check_derivatives(const Model& model, int Ka, int Kb) {
  const ObjectiveResult r = model(model.psi, Ka, Kb, 2, true);
  CHECK(r.status == Status::ok);
  const VectorXd g =
      toy::gradient([&](const VectorXd& x) { return model(x, Ka, Kb, 0).value; }, model.psi, 1e-3);
  CHECK_NEAR((r.gradient - g).cwiseAbs().maxCoeff(), 0.0, 1e-8);
  CHECK_NEAR((r.scores.rowwise().sum() - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-12);
  for (Index k = 0; k < model.psi.size(); ++k) {
    const VectorXd column = toy::gradient(
        [&](const VectorXd& x) { return model(x, Ka, Kb, 1).gradient[k]; }, model.psi, 1e-3);
    CHECK_NEAR((r.hessian.row(k).transpose() - column).cwiseAbs().maxCoeff(), 0.0, 1e-7);
  }
  const VectorXd information = r.information.rowwise().sum();
  CHECK_NEAR(
      (MatrixMap(information.data(), 2, 2) + r.hessian.topLeftCorner(2, 2)).cwiseAbs().maxCoeff(),
      0.0, 1e-12);
}

void derivatives() {
  struct Case {
    FamilySpec spec;
    Index qa, qb;
    int Ka, Kb;
  };
  for (const Case& c : std::vector<Case>{{{"binomial", "logit"}, 1, 1, 1, 1},
                                         {{"binomial", "logit"}, 1, 1, 5, 3},
                                         {{"binomial", "logit"}, 2, 1, 3, 5},
                                         {{"poisson", "log"}, 1, 1, 4, 4},
                                         {{"poisson", "log"}, 1, 2, 3, 2},
                                         {{"binomial", "cloglog"}, 1, 2, 2, 3},
                                         {{"binomial", "probit"}, 2, 2, 2, 2},
                                         {{"gaussian", "log"}, 1, 1, 3, 4}}) {
    Model model(c.spec, c.qa, c.qb);
    check_derivatives(model, c.Ka, c.Kb);
    model.weigh();
    check_derivatives(model, c.Ka, c.Kb);
  }
}

// Without one of the levels the model is one of a single grouping factor.
void one_level() {
  for (const FamilySpec& spec : {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"}}) {
    Model model(spec, 1, 1);
    for (bool top : {true, false}) {
      VectorXd psi = model.psi, kept(3);
      psi[top ? 3 : 2] = 0;
      kept << psi[0], psi[1], psi[top ? 2 : 3];
      toy::Data single = model.data;
      single.Z = MatrixXd(model.data.Z.col(top ? 0 : 1));
      single.theta_row = single.theta_col = Eigen::VectorXi::Zero(1);
      if (!top) {
        single.start.resize(10);
        for (Index i = 0; i < 10; ++i) single.start[i] = 3 * i;
      }
      for (int K : {1, 7, 15}) {
        const ObjectiveResult nested = model(psi, K, K, 2);
        const ObjectiveResult flat = model.flat(single, kept, K, 2);
        CHECK_NEAR(nested.value, flat.value, 1e-12);
        CHECK_NEAR(nested.gradient[top ? 3 : 2], 0.0, 1e-12);
        CHECK_NEAR(nested.gradient[top ? 2 : 3], flat.gradient[2], 1e-11);
        CHECK_NEAR(nested.hessian(0, top ? 2 : 3), flat.hessian(0, 2), 1e-10);
      }
    }
  }
}

void threads() {
  const Model model({"binomial", "logit"}, 1, 1, 300);
  RunContext three;
  three.threads = 3;
  const ObjectiveResult a = model(model.psi, 3, 5, 2), b = model(model.psi, 3, 5, 2, false, three);
  CHECK(a.value == b.value);
  CHECK(a.gradient == b.gradient);
  CHECK(a.hessian == b.hessian);
  CHECK(a.modes[0] == b.modes[0]);
  CHECK(a.modes[1] == b.modes[1]);
}

}  // namespace

int main() {
  likelihood();
  derivatives();
  one_level();
  threads();
  return check::summary();
}
