// The gradient of the sparse Laplace approximation by cluster, whichever way the entries of A^-1
// come (exactly or estimated), and the way to estimate them.
#pragma once

#include <functional>

#include "glmm/sparse_laplace.hpp"

namespace margmix {

// The gradient in (beta, theta, rho, log phi) by cluster (P x clusters), given for each cell the
// entries of V_j'A^-1.
template <class Cells>
MatrixXd laplace_scores(const SparseMode& mode, const Index P, Cells visit,
                        const std::function<VectorXd(const VectorXd&)>& solve) {
  const SparseSystem& system = mode.system();
  const GroupedDesign& design = system.design();
  const Index n = design.X.rows(), q = design.q(), p = design.p();
  VectorXd h = VectorXd::Zero(n);
  MatrixXd WY(q, n);  // W_j (V_j'A^-1)
  visit([&](Index j, Index, const double* y) {
    for (Index c = 0; c < q; ++c) {
      h[j] += system.V(j, c) * y[c];
      WY(c, j) = mode.W()[j] * y[c];
    }
  });
  const VectorXd t = 0.5 * h.cwiseProduct(mode.rows().third(mode.x()));
  const VectorXd lambda = solve(system.Vt(t));
  VectorXd V_lambda = VectorXd::Zero(n);
  system.add_V(lambda, V_lambda);
  const VectorXd a = mode.g() - t + mode.W().cwiseProduct(V_lambda);
  const SparsePlan& plan = system.plan();
  for (Index s = 0; s < plan.runs(); ++s)
    for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j)
      for (Index c = 0; c < q; ++c) {
        const Index at = system.at(j, s, c);
        WY(c, j) = a[j] * mode.u()[at] - mode.g()[j] * lambda[at] - WY(c, j);
      }
  const MatrixXd fixed = mode.rows().gradient(mode.x(), -V_lambda, -0.5 * h);
  const Index aux = fixed.rows() - p;
  MatrixXd out = MatrixXd::Zero(P, design.clusters());
  out.topRows(p) = fixed.topRows(p);
  out.bottomRows(aux) = fixed.bottomRows(aux);
  for (Index i = 0; i < design.clusters(); ++i) {
    const Index first = design.first(i), m = design.size(i);
    for (Index k = 0; k < design.n_theta(); ++k)
      design.at_entries(k, [&](Index r, Index c) {
        out(p + k, i) += design.Z.col(r).segment(first, m).dot(WY.row(c).segment(first, m));
      });
  }
  const VectorXd& u = mode.u();
  for (Index r = 0; r < design.n_rho; ++r)
    out.row(p + design.n_theta() + r) =
        system.precision().derivative_sums(r, [&](Index i, Index j) {
          return 0.5 * (lambda[i] * u[j] + u[i] * lambda[j] - u[i] * u[j] - system.inverse(i, j));
        });
  return out;
}

// Entries of V_j'A^-1 at the effects of row j, estimated from probes z and solutions x = S^-1 z.
class StochasticInverse {
 public:
  // `start`: solutions near by to begin from, or null.
  StochasticInverse(const SparseSystem& system, const MatrixMap& probes, double tolerance,
                    const StochasticInverse* start = nullptr);
  int iterations() const { return iterations_; }

  template <class Visit>
  void visit_rows(Visit visit) const {
    using Column = Eigen::Matrix<double, kBundle, 1>;
    const SparsePlan& plan = system_.plan();
    const Index q = system_.design().q();
    VectorXd y(q);
    std::vector<Index> at(q);
    for (Index s = 0; s < plan.runs(); ++s)
      for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j) {
        for (Index c = 0; c < q; ++c) at[c] = system_.at(j, s, c);
        y.setZero();
        for (std::size_t b = 0; b < x_.size(); ++b) {
          const Bundle &x = x_[b], &z = z_[b];
          Column vx = Column::Zero(), vz = Column::Zero();
          for (Index c = 0; c < q; ++c) {
            vx += system_.V(j, c) * x.col(at[c]);
            vz += system_.V(j, c) * z.col(at[c]);
          }
          for (Index c = 0; c < q; ++c) y[c] += vz.dot(x.col(at[c])) + vx.dot(z.col(at[c]));
        }
        y *= 0.5 / probes_;
        system_.add_A11_inverse(j, s, y.data());
        visit(j, s, y.data());
      }
  }

 private:
  const SparseSystem& system_;
  double probes_;
  std::vector<Bundle> x_, z_;  // [-A11^-1 B; I] times x and z, kBundle probes each
  int iterations_ = 0;
};

}  // namespace margmix
