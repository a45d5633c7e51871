// Mixed models: mode, likelihood, its derivatives, posterior; slow to compile, hence one file.
#include <Eigen/LU>

#include "check.hpp"
#include "design/dispersion.hpp"
#include "glmm/mode.hpp"
#include "glmm/other_modes.hpp"
#include "glmm/posterior.hpp"
#include "objective/objective.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

struct Model {
  toy::Data data;
  FamilySpec spec;
  std::unique_ptr<Family> family;
  VectorXd psi;

  Model(FamilySpec from, Index q, Index m = 4, unsigned seed = 7, Index n_i = 4, Index p = 2)
      : data(m, n_i, p, q, seed), spec(from), family(make_family(spec)) {
    if (spec.family == "binomial") data.sized = true;
    data.weighted = true;
    if (spec.family == "gaussian") data.y = 0.5 * data.y + data.offset;
    const Index t = q * (q + 1) / 2;
    psi = VectorXd::Constant(p + t + (family->has_dispersion() ? 1 : 0), 0.15);
    for (Index k = 0; k < t; ++k) psi[p + k] = data.theta_row[k] == data.theta_col[k] ? 0.7 : 0.2;
    if (family->has_dispersion()) family->set_log_dispersion(psi[p + t] = -0.5);
  }

  ObjectiveResult operator()(const VectorXd& at, int K, int order, bool each = false,
                             const RunContext& context = kOneThread) const {
    return product_objective(data.design(), spec)
        ->evaluate(at, {K}, {}, {order, each, each && order == 2}, context);
  }
};

// sum of log f(y_i | eta) for one cluster
double cluster_density(const Model& model, const Design& d, Index i, const VectorXd& u) {
  const Parameters parameters(d, model.psi.data());
  const VectorXd eta = d.offset.segment(d.first(i), d.size(i)) +
                       d.X.middleRows(d.first(i), d.size(i)) * parameters.beta +
                       d.Z.middleRows(d.first(i), d.size(i)) * parameters.Lambda * u;
  return model.family->rows(d.response.part(d.first(i), d.size(i)), eta.data(), nullptr, nullptr,
                            nullptr, nullptr);
}

void mode() {
  for (const FamilySpec& spec :
       {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"},
        FamilySpec{"binomial", "cauchit"}, FamilySpec{"gaussian", "log"}}) {
    Model model(spec, 2);
    const Design d = model.data.design();
    const Parameters parameters(d, model.psi.data());
    set_dispersion(d, model.psi, *model.family);
    Mode<2> mode;
    mode.reserve(4, 2);
    mode.n = 4;
    mode.eta0 = d.offset.head(4) + d.X.topRows(4) * parameters.beta;
    mode.V = d.Z.topRows(4) * parameters.Lambda;
    for (double start : {0.0, 2.0, -4.0}) {
      if (!model.family->log_concave() && start != 0) continue;
      CHECK(mode.find(d.response.part(0, 4), *model.family, VectorQ<2>::Constant(start)) ==
            Status::ok);
      const VectorQ<2> u = mode.u;
      // It is a stationary point, and no point near it is higher.
      const VectorXd slope = toy::gradient(
          [&](const VectorXd& x) {
            return cluster_density(model, d, 0, x) - 0.5 * x.squaredNorm();
          },
          u, 1e-3);
      CHECK_NEAR(slope.cwiseAbs().maxCoeff(), 0.0, 1e-9);
      const double top = mode.rows_value - 0.5 * u.squaredNorm();
      CHECK_NEAR(cluster_density(model, d, 0, u) - 0.5 * u.squaredNorm(), top, 1e-13);
      for (double shift : {-0.1, 0.1})
        for (Index r = 0; r < 2; ++r) {
          const VectorXd near = u + shift * VectorQ<2>::Unit(r);
          CHECK(cluster_density(model, d, 0, near) - 0.5 * near.squaredNorm() < top);
        }
      // A = I + V'WV and P P' = A^-1, log|P| its determinant.
      SquareQ<2> A = SquareQ<2>::Identity();
      A += mode.V.transpose() * mode.W.head(4).asDiagonal() * mode.V;
      CHECK_NEAR((A - mode.A).norm(), 0.0, 1e-12);
      CHECK_NEAR((mode.P * mode.P.transpose() * A - SquareQ<2>::Identity()).norm(), 0.0, 1e-12);
      CHECK_NEAR(mode.log_det_P, -0.5 * std::log(A.determinant()), 1e-12);
      CHECK(mode.iterations < 30);
    }
  }
  // No feasible start: a status, not a crash.
  Model model({"poisson", "identity"}, 1);
  model.data.offset.setConstant(-5);
  CHECK(model(model.psi, 5, 1).status == Status::not_finite);
  CHECK(model(model.psi, 5, 2).value == -kInf);
}

// The log-likelihood with one random effect by the trapezoidal rule on (-12, 12).
double trapezoid(const Model& model, const Design& d) {
  constexpr double h = 0.02;
  double want = model.family->constant(d.response);
  for (Index i = 0; i < d.clusters(); ++i) {
    double sum = 0;
    for (double u = -12; u <= 12; u += h)
      sum += h * std::exp(cluster_density(model, d, i, VectorXd::Constant(1, u)) - 0.5 * u * u);
    want += std::log(sum) - 0.5 * std::log(2 * 3.14159265358979323846);
  }
  return want;
}

void likelihood() {
  for (const FamilySpec& spec : {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"},
                                 FamilySpec{"gaussian", "identity"}}) {
    Model model(spec, 1);
    const double value = model(model.psi, 61, 0).value;
    const Design d = model.data.design();
    CHECK_NEAR(value, trapezoid(model, d), 1e-10);
  }
}

void derivatives() {
  struct Case {
    FamilySpec spec;
    Index q, p;
    int K;
  };
  for (const Case& c : std::vector<Case>{{{"binomial", "logit"}, 1, 2, 1},
                                         {{"binomial", "logit"}, 1, 2, 7},
                                         {{"binomial", "logit"}, 1, 6, 7},
                                         {{"binomial", "probit"}, 1, 2, 6},
                                         {{"binomial", "logit"}, 2, 5, 5},
                                         {{"binomial", "logit"}, 3, 2, 2},
                                         {{"binomial", "cloglog"}, 2, 2, 3},
                                         {{"poisson", "log"}, 1, 2, 7},
                                         {{"poisson", "log"}, 2, 2, 4},
                                         {{"gaussian", "log"}, 2, 2, 3}}) {
    const Model model(c.spec, c.q, 3, 7, 4, c.p);
    const ObjectiveResult r = model(model.psi, c.K, 2, true);
    CHECK(r.status == Status::ok);
    const VectorXd g =
        toy::gradient([&](const VectorXd& x) { return model(x, c.K, 0).value; }, model.psi, 1e-3);
    CHECK_NEAR((r.gradient - g).cwiseAbs().maxCoeff(), 0.0, 1e-8);
    CHECK_NEAR((r.scores.rowwise().sum() - r.gradient).cwiseAbs().maxCoeff(), 0.0, 1e-12);
    for (Index k = 0; k < model.psi.size(); ++k) {
      const VectorXd column = toy::gradient(
          [&](const VectorXd& x) { return model(x, c.K, 1).gradient[k]; }, model.psi, 1e-3);
      CHECK_NEAR((r.hessian.row(k).transpose() - column).cwiseAbs().maxCoeff(), 0.0, 1e-7);
    }
    const VectorXd information = r.information.rowwise().sum();
    CHECK_NEAR((MatrixMap(information.data(), c.p, c.p) + r.hessian.topLeftCorner(c.p, c.p))
                   .cwiseAbs()
                   .maxCoeff(),
               0.0, 1e-12);
  }
}

// 0/1 rows without weights have a way of their own over the nodes; weights of one take the other.
// With 40 rows the running product is divided by, with 150 its logarithm is taken at the end, with
// 400 also on the way; 50,000 rows come in chunks. Half of X is large enough to leave the range.
void bernoulli_rows() {
  struct Case {
    Index q, n_i;
    int K;
    double scale;
  };
  for (const Case& c : std::vector<Case>{{1, 1, 5, 1},
                                         {1, 40, 25, 1},
                                         {1, 150, 6, 1},
                                         {1, 400, 25, 1},
                                         {1, 30, 9, 150},
                                         {2, 7, 9, 1},
                                         {3, 200, 4, 1},
                                         {1, 50000, 25, 1}}) {
    Model model({"binomial", "logit"}, c.q, 2, 5, c.n_i);
    model.data.sized = false;
    model.data.y = model.data.y.cwiseMin(1.0);
    model.data.X.col(1).tail(c.n_i) *= c.scale;
    model.data.weight.setOnes();
    model.data.weighted = true;
    const ObjectiveResult want = model(model.psi, c.K, 2);
    model.data.weighted = false;
    const ObjectiveResult got = model(model.psi, c.K, 2);
    CHECK_NEAR(got.value / want.value, 1.0, 1e-14);
    const double size = want.hessian.cwiseAbs().maxCoeff();
    CHECK_NEAR((got.gradient - want.gradient).cwiseAbs().maxCoeff() / size, 0.0, 1e-13);
    CHECK_NEAR((got.hessian - want.hessian).cwiseAbs().maxCoeff() / size, 0.0, 1e-12);
  }
}

void threads_and_interruption() {
  const Model model({"binomial", "logit"}, 2, 600);
  RunContext three;
  three.threads = 3;
  const ObjectiveResult a = model(model.psi, 3, 2), b = model(model.psi, 3, 2, false, three);
  CHECK(a.value == b.value);
  CHECK(a.gradient == b.gradient);
  CHECK(a.hessian == b.hessian);
  CHECK(a.modes[0] == b.modes[0]);
  RunContext stopped;
  int asked = 0;
  stopped.interrupted = [&] { return ++asked > 2; };
  CHECK(model(model.psi, 3, 1, false, stopped).status == Status::interrupted);
  CHECK(asked == 3);
  stopped.interrupted = []() -> bool { throw std::runtime_error("from the caller"); };
  CHECK_THROWS(model(model.psi, 3, 1, false, stopped), std::runtime_error);
}

Posterior posterior_of(const Model& model, int K, bool median) {
  const Design d = model.data.design();
  return posterior(d, *model.family, product_rule(K, d.q()), model.psi,
                   MatrixXd::Zero(d.q(), d.clusters()), median, kOneThread);
}

void posterior_moments() {
  {
    const Model model({"poisson", "log"}, 1);
    const Posterior r = posterior_of(model, 51, true);
    const Design d = model.data.design();
    const double lambda = model.psi[2];
    for (Index i = 0; i < d.clusters(); ++i) {
      const double h = 0.002;
      double total = 0, mean = 0, square = 0, below = 0;
      for (double u = -10; u <= 10; u += h) {
        const double f =
            std::exp(cluster_density(model, d, i, VectorXd::Constant(1, u)) - 0.5 * u * u);
        total += f, mean += f * u * lambda, square += f * u * u * lambda * lambda;
        if (u * lambda < r.median(0, i)) below += f;
      }
      mean /= total;
      CHECK_NEAR(r.mean(0, i), mean, 1e-9);
      CHECK_NEAR(r.variance(0, i), square / total - mean * mean, 1e-8);
      CHECK_NEAR(below / total, 0.5, 2e-3);  // to one step of the grid
      CHECK(r.mode_variance(0, i) > 0);
    }
  }
  {
    // Gaussian responses: normal, so that mode, mean and median are one.
    const Model model({"gaussian", "identity"}, 2);
    const Posterior r = posterior_of(model, 5, true);
    CHECK_NEAR((r.mode - r.mean).cwiseAbs().maxCoeff(), 0.0, 1e-11);
    CHECK_NEAR((r.mode - r.median).cwiseAbs().maxCoeff(), 0.0, 1e-8);
    CHECK_NEAR((r.variance - r.mode_variance).cwiseAbs().maxCoeff(), 0.0, 1e-11);
  }
}

void tangents() {
  const Model model({"binomial", "logit"}, 2, 3);
  const Design d = model.data.design();
  const MatrixXd start = MatrixXd::Zero(2, 3);
  const MatrixXd du = mode_tangents(d, *model.family, model.psi, start, kOneThread);
  for (Index i = 0; i < 3; ++i)
    for (Index r = 0; r < 2; ++r) {
      const VectorXd want = toy::gradient(
          [&](const VectorXd& x) { return model(x, 1, 0).modes[0](r, i); }, model.psi, 1e-3);
      const MatrixMap got(du.col(i).data(), 2, model.psi.size());
      CHECK_NEAR((got.row(r).transpose() - want).cwiseAbs().maxCoeff(), 0.0, 1e-9);
    }
}

void several_modes() {
  // mu = eta^2 with eta = -0.3 + 2u: counts of 9 have a mode on each side of zero. The search ends
  // at the one nearer to u = 0, which is the higher.
  Model model({"poisson", "sqrt"}, 1, 2);
  model.data.weighted = false;
  model.data.X.setOnes();
  model.data.Z.setOnes();
  model.psi << -0.15, -0.15, 2.0;
  model.data.offset.setZero();
  model.data.y.setConstant(9);
  const Design d = model.data.design();
  const ProductRule rule = product_rule(7, 1);
  const OtherModes found = other_modes(d, *model.family, rule, model.psi, kOneThread);
  CHECK(found.better == 0);
  const double gap = trapezoid(model, d) - model(model.psi, 7, 0).value;
  CHECK(gap > 0.1);
  CHECK_NEAR(found.missed, gap, 0.01 * gap);
  // With an offset in one row the far side is the better one, which is found only from there.
  model.data.offset[0] = model.data.offset[d.first(1)] = 1.5;
  const Design shifted = model.data.design();
  CHECK(other_modes(shifted, *model.family, rule, model.psi, kOneThread).better == 2);
  model.psi << 1.5, 1.5, 0.5;
  const OtherModes none = other_modes(d, *model.family, rule, model.psi, kOneThread);
  CHECK(none.better == 0 && none.missed < 1e-8);
  const Model logit({"binomial", "logit"}, 1);
  CHECK(other_modes(logit.data.design(), *logit.family, rule, logit.psi, kOneThread).missed == 0);
}

}  // namespace

int main() {
  mode();
  likelihood();
  derivatives();
  bernoulli_rows();
  threads_and_interruption();
  posterior_moments();
  tangents();
  several_modes();
  return check::summary();
}
