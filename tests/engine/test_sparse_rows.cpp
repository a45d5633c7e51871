// Rows that share levels and Z, of which the random effects see sums by cell: the same as rows that
// are each their own cell.
#include "check.hpp"
#include "dense.hpp"
#include "glmm/sparse_laplace.hpp"
#include "glmm/sparse_log_det.hpp"
#include "glmm/sparse_stochastic.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

const RunContext kOneThread;

// Rows of 24 cells, which are sorted by a (intercept and slope) and cross it with b; each cell has
// three rows, the first of which come first.
struct Model {
  static constexpr Index kCells = 24, kRows = 3 * kCells;
  toy::Data data, of_cells;
  Eigen::VectorXi a, b, cell;
  std::unique_ptr<Family> family;
  VectorXd psi;

  explicit Model(const FamilySpec& spec)
      : data(1, kRows, 2, 3, 5),
        of_cells(1, kCells, 2, 3, 6),
        a(kRows),
        b(kRows),
        cell(kRows),
        family(make_family(spec)) {
    data.sized = spec.family == "binomial";
    data.weighted = true;
    for (Index j = 0; j < kRows; ++j) {
      const auto c = static_cast<int>(j / 3);
      cell[j] = c;
      a[j] = c / 4;
      b[j] = (c + c / 4) % 5;
      data.Z.row(j) << 1, 0.1 * (c % 3), 1;
      of_cells.Z.row(c) = data.Z.row(j);
      if (family->has_dispersion()) data.y[j] = 0.3 + 0.5 * data.y[j];
    }
    data.theta_row.resize(4);
    data.theta_col.resize(4);
    data.theta_row << 0, 1, 1, 2;
    data.theta_col << 0, 0, 1, 2;
    of_cells.theta_row = data.theta_row;
    of_cells.theta_col = data.theta_col;
    psi = VectorXd(6 + (family->has_dispersion() ? 1 : 0));
    psi.head(6) << 0.2, -0.3, 0.7, 0.2, 0.5, 0.6;
    if (psi.size() > 6) psi[6] = -0.4;
  }

  static GroupedDesign grouped(const toy::Data& rows, const Eigen::VectorXi& a,
                               const Eigen::VectorXi& b) {
    GroupedDesign out{rows.design(), {}};
    out.groups.push_back({IntegerMap(a.data(), a.size()), {0, 1}, 6});
    out.groups.push_back({IntegerMap(b.data(), b.size()), {2}, 5});
    return out;
  }
};

template <class X>
void same(const X& one, const X& other) {
  CHECK_NEAR(largest(one - other) / (1 + largest(other)), 0.0, 1e-11);
}

void cells_of_rows() {
  for (const FamilySpec& spec : {FamilySpec{"binomial", "logit"}, FamilySpec{"poisson", "log"},
                                 FamilySpec{"gaussian", "identity"}, FamilySpec{"Gamma", "log"}}) {
    const Model model(spec);
    Eigen::VectorXi a(Model::kCells), b(Model::kCells);
    for (Index c = 0; c < Model::kCells; ++c) a[c] = model.a[3 * c], b[c] = model.b[3 * c];
    const GroupedDesign design = Model::grouped(model.data, model.a, model.b);
    const GroupedDesign cells = Model::grouped(model.of_cells, a, b);
    const SparsePlan plan = make_plan(design, 1e9), plan_cells = make_plan(cells, 1e9);
    LocalRows rows(design, *model.family);
    LocalRows sums(design, *model.family, model.cell.data(), Model::kCells);
    const VectorXd none;
    SparseMode with_rows(design, plan, rows), with_cells(cells, plan_cells, sums);
    const SparseLaplace of_rows = sparse_laplace(with_rows, model.psi, none, 1, kOneThread);
    const SparseLaplace of_cells = sparse_laplace(with_cells, model.psi, none, 1, kOneThread);
    CHECK(of_cells.status == Status::ok);
    CHECK_NEAR(of_cells.value, of_rows.value, 1e-10);
    same(of_cells.gradient, of_rows.gradient);
    same(of_cells.u, of_rows.u);

    SparseMode mode(design, plan, rows, model.psi), mode_cells(cells, plan_cells, sums, model.psi);
    CHECK(mode.find(none, kOneThread) == Status::ok);
    CHECK(mode_cells.find(none, kOneThread) == Status::ok);
    CHECK(mode.system().factor() && mode_cells.system().factor());
    same(sparse_mode_tangents(mode_cells), sparse_mode_tangents(mode));

    const Index size2 = plan.size2(), P = model.psi.size();
    MatrixXd signs(size2, 4);
    for (Index k = 0; k < signs.size(); ++k) signs.data()[k] = (k * k) % 3 ? 1 : -1;
    const MatrixMap z(signs.data(), size2, 4);
    const StochasticStep step =
        sparse_stochastic(design, plan, rows, model.psi, none, z, 1e-12, true, kOneThread);
    const StochasticStep step_cells =
        sparse_stochastic(cells, plan_cells, sums, model.psi, none, z, 1e-12, true, kOneThread);
    same(step_cells.gradient, step.gradient);
    same(step_cells.information, step.information);
    const VectorXd steps = VectorXd::Constant(P, 1e-3);
    const bool linear = spec.family == "gaussian";
    const MatrixXd H = sparse_stochastic_hessian(design, plan, rows, model.psi, none, z, 1e-13,
                                                 steps, linear, 0, kOneThread)
                           .hessian;
    const MatrixXd H_cells = sparse_stochastic_hessian(cells, plan_cells, sums, model.psi, none, z,
                                                       1e-13, steps, linear, 0, kOneThread)
                                 .hessian;
    CHECK_NEAR(largest(H_cells - H) / largest(H), 0.0, 1e-8);
    CHECK_NEAR(
        sparse_laplace_estimate(cells, plan_cells, sums, model.psi, none, z, kOneThread).value,
        sparse_laplace_estimate(design, plan, rows, model.psi, none, z, kOneThread).value, 1e-10);
  }
}

}  // namespace

int main() {
  cells_of_rows();
  return check::summary();
}
