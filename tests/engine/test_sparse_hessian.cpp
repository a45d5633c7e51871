// The exact Hessian of the Laplace approximation with related levels against differences of its
// gradient; the mode that steps with an older factor find against the equation it solves.
#include "check.hpp"
#include "dense.hpp"
#include "glmm/sparse_hessian.hpp"
#include "objective/objective.hpp"
#include "random/known_covariance.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// 60 rows of 30 people, some of whom have none; K of full rank, or of rank 28 and so under a
// constraint.
struct Model {
  toy::Data data;
  FamilySpec spec;
  Eigen::VectorXi person;
  PrecisionOfCovariance inverse;

  Model(const FamilySpec& s, Index rank, double size) : data(1, 60, 2, 1, 5), spec(s), person(60) {
    toy::Random random(9);
    for (Index j = 0; j < 60; ++j) {
      person[j] = static_cast<int>(27 * random.uniform());
      data.Z(j, 0) = 1 + 0.3 * random.normal();
    }
    data.sized = spec.family == "binomial";
    data.weighted = true;
    MatrixXd G(30, rank);
    for (Index k = 0; k < G.size(); ++k) G.data()[k] = size * random.normal();
    const MatrixXd K = G * G.transpose() / rank;
    Pattern full;
    full.start.assign(1, 0);
    std::vector<double> below;
    for (int j = 0; j < 30; ++j) {
      for (int i = j + 1; i < 30; ++i) full.row.push_back(i), below.push_back(K(i, j));
      full.start.push_back(static_cast<int>(full.row.size()));
    }
    inverse = precision_of_covariance(full, K.diagonal(), VectorMap(below.data(), full.row.size()),
                                      std::vector<int>(30, 0), 10);
  }

  GroupedDesign design() const {
    GroupedDesign out{data.design(), {}};
    Precision Q{inverse.diagonal, inverse.below, VectorXd::Zero(30)};
    Q.log_det[0] = inverse.log_det;
    out.groups.push_back(
        {IntegerMap(person.data(), 60),
         {0},
         30,
         std::make_shared<KnownPrecision>(inverse.pattern, Q, inverse.constraint)});
    return out;
  }
};

void against_differences() {
  const std::vector<FamilySpec> families = {
      {"binomial", "logit"}, {"binomial", "probit"}, {"poisson", "log"}};
  for (const FamilySpec& spec : families)
    for (const Index rank : {30, 28})
      for (const double theta : {0.8, 0.0}) {
        const Model model(spec, rank, 1);
        CHECK((rank == 28) == (model.inverse.constraint.C.cols() == 2));
        const GroupedDesign design = model.design();
        const SparsePlan plan = make_plan(design, 1e9);
        const auto family = make_family(spec);
        CHECK(has_sparse_hessian(design, plan, *family));
        LocalRows rows(design, *family);
        VectorXd psi(3);
        psi << -0.3, 0.4, theta;
        const auto gradient = [&](const VectorXd& at, Index k) {
          SparseMode mode(design, plan, rows);
          return sparse_laplace(mode, at, VectorXd(), 1, kOneThread).gradient[k];
        };
        const auto objective = sparse_objective(design, plan, spec);
        ObjectiveRequest ask;
        ask.order = 2;
        ask.information = true;
        const ObjectiveResult r = objective->evaluate(psi, {1}, {}, ask, kOneThread);
        CHECK(r.status == Status::ok);
        for (Index k = 0; k < 3; ++k) {
          const VectorXd column =
              toy::gradient([&](const VectorXd& at) { return gradient(at, k); }, psi, 1e-3);
          CHECK_NEAR(largest(r.hessian.col(k) - column) / largest(r.hessian), 0.0, 1e-8);
        }
        CHECK_NEAR(largest(MatrixXd(r.hessian.topLeftCorner(2, 2)) +
                           Eigen::Map<const MatrixXd>(r.information.data(), 2, 2)),
                   0.0, 1e-14);
      }
}

// A dispersion, or two effects, have differences.
void where_it_is_exact() {
  const Model model({"gaussian", "identity"}, 30, 1);
  const GroupedDesign design = model.design();
  const SparsePlan plan = make_plan(design, 1e9);
  CHECK(!has_sparse_hessian(design, plan, *make_family(model.spec)));
}

// V'g = Qu, from afar and from near by; with large effects a factor soon is too old.
void modes() {
  for (const FamilySpec& spec : {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"}})
    for (const double size : {0.3, 3.0}) {
      const Model model(spec, 30, size);
      const GroupedDesign design = model.design();
      const SparsePlan plan = make_plan(design, 1e9);
      const auto family = make_family(spec);
      LocalRows rows(design, *family);
      VectorXd psi(3), start;
      psi << -0.3, 0.4, 0.8;
      for (int repeat = 0; repeat < 2; ++repeat, psi[2] += 0.1) {
        SparseMode mode(design, plan, rows, psi);
        CHECK(mode.find(start, kOneThread) == Status::ok);
        const SparseSystem& system = mode.system();
        const VectorXd equation = system.Vt(mode.g()) - system.precision().times(mode.u());
        CHECK_NEAR(largest(equation), 0.0, 1e-7);
        start = mode.u();
      }
    }
}

}  // namespace

int main() {
  against_differences();
  where_it_is_exact();
  modes();
  return check::summary();
}
