// The gradient of the sparse Laplace approximation by cluster, whichever way the entries of A^-1
// come (exactly or estimated), and the way to estimate them.
#pragma once

#include <functional>

#include "glmm/sparse_laplace.hpp"

namespace margmix {

// The gradient in (beta, theta, rho, log phi) by cluster (P x clusters), given for each cell the
// entries of V_j'A^-1, and inverse(i, j) of A^-1 on the pattern of Q.
template <class Cells, class Inverse>
MatrixXd laplace_scores(const SparseMode& mode, const Index P, Cells visit,
                        const std::function<VectorXd(const VectorXd&)>& solve, Inverse inverse) {
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
          return 0.5 * (lambda[i] * u[j] + u[i] * lambda[j] - u[i] * u[j] - inverse(i, j));
        });
  return out;
}

// Entries of A^-1, estimated from probes.
//
// Where a factor is eliminated, from vectors of signs z and solutions x = S^-1 z. With blocks
// (glmm/sparse_blocks.hpp), from whitened ones w of mean product I: A^-1 = E x y', x = G^-T M^-1 w,
// y = G^-T w. What is known of P, tr(P^-1 dP) = tr(D^-1 dD), takes most of the error off, since the
// same w estimate it, with d = D^-1 L'y, by
//
//   y'dP y = (y'dD y - d'dD d) + 2 y'dL (y + d).
class StochasticInverse {
 public:
  // `start`: solutions near by to begin from, or null.
  StochasticInverse(const SparseSystem& system, const MatrixMap& probes, double tolerance,
                    const StochasticInverse* start = nullptr);
  int iterations() const { return iterations_; }

  // visit(j, s, y): y (q, by column of Z) holds the entries of V_j'A^-1 at the effects of row j.
  template <class Visit>
  void visit_rows(Visit visit) const {
    const SparsePlan& plan = system_.plan();
    const Index q = system_.design().q();
    VectorXd y(q);
    std::vector<Index> at(q);
    for (Index s = 0; s < plan.runs(); ++s)
      for (Index j = plan.run_start[s]; j < plan.run_start[s + 1]; ++j) {
        for (Index c = 0; c < q; ++c) at[c] = system_.at(j, s, c);
        if (system_.blocks())
          add_block_entries(j, at, y);
        else
          add_signs(j, s, at, y);
        visit(j, s, y.data());
      }
  }

  double inverse(Index i, Index j) const;  // with blocks, an entry on the pattern of A

 private:
  using Column = Eigen::Matrix<double, kBundle, 1>;
  void add_signs(Index j, Index s, const std::vector<Index>& at, VectorXd& y) const;
  void add_block_entries(Index j, const std::vector<Index>& at, VectorXd& y) const;

  const SparseSystem& system_;
  double probes_;
  // kBundle probes each: [-A11^-1 B; I] times x and z; with blocks x, y and d
  std::vector<Bundle> x_, z_, d_;
  int iterations_ = 0;
};

}  // namespace margmix
