#include "glmm/sparse_log_det.hpp"

#include <cmath>

namespace margmix {

namespace {

constexpr int kSteps = 20;

class Scaled {  // I - E = D^-1/2 S D^-1/2
 public:
  explicit Scaled(const SparseSystem& system)
      : system_(system), root_(system.S_diagonal().cwiseSqrt().cwiseInverse()) {}
  VectorXd operator()(const VectorXd& x) const {
    VectorXd scaled = root_.cwiseProduct(x), out(x.size());
    system_.schur_product(scaled.data(), out.data());
    return root_.cwiseProduct(out);
  }
  // |E|_F^2, from the entries of S by column.
  double off_diagonal_norm() const {
    double sum = 0;
    VectorXd w = VectorXd::Zero(root_.size());
    for (Index j = 0; j < w.size(); ++j) {
      system_.fill_column(j, w.data());
      w[j] = 0;
      sum += 2 *
             (root_[j] * root_.tail(w.size() - j).cwiseProduct(w.tail(w.size() - j))).squaredNorm();
      w.tail(w.size() - j).setZero();
    }
    return sum;
  }

 private:
  const SparseSystem& system_;
  VectorXd root_;
};

// Lanczos with full reorthogonalisation: M ~ Q T Q', Q starting at z.
struct Lanczos {
  MatrixXd Q, T;
  Lanczos(const Scaled& M, const VectorXd& z, int steps) {
    Q.resize(z.size(), steps);
    T = MatrixXd::Zero(steps, steps);
    VectorXd q = z.normalized();
    int k = 0;
    for (; k < steps; ++k) {
      Q.col(k) = q;
      VectorXd w = M(q);
      T(k, k) = q.dot(w);
      for (int pass = 0; pass < 2; ++pass)
        w -= Q.leftCols(k + 1) * (Q.leftCols(k + 1).transpose() * w);
      const double beta = w.norm();
      if (k + 1 == steps || beta < 1e-12) {
        ++k;
        break;
      }
      T(k, k + 1) = T(k + 1, k) = beta;
      q = w / beta;
    }
    Q.conservativeResize(z.size(), k);
    T.conservativeResize(k, k);
  }
};

}  // namespace

LogDet estimate_log_det(const SparseSystem& system, const MatrixMap& probes) {
  const Scaled M(system);
  const Index n = probes.rows(), m = probes.cols();
  // The eigenvector of the smallest eigenvalue of I - E, from two Lanczos runs.
  VectorXd v = probes.col(0);
  for (int turn = 0; turn < 2; ++turn) {
    const Lanczos lanczos(M, v, static_cast<int>(std::min<Index>(kSteps, n)));
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(lanczos.T);
    v = (lanczos.Q * eigen.eigenvectors().col(0)).normalized();
  }
  const VectorXd Mv = M(v);
  const double lambda = v.dot(Mv);
  const VectorXd Ev = v - Mv;
  VectorXd estimates(m);
  for (Index k = 0; k < m; ++k) {
    VectorXd z = probes.col(k);
    z -= v * v.dot(z);
    const Lanczos lanczos(M, z, static_cast<int>(std::min<Index>(kSteps, n)));
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(lanczos.T);
    const VectorXd weight = eigen.eigenvectors().row(0).transpose().cwiseAbs2();
    const VectorXd log_values = eigen.eigenvalues().cwiseMax(1e-300).array().log();
    const VectorXd Ez = z - M(z);
    estimates[k] = z.squaredNorm() * weight.dot(log_values) + z.dot(Ez) + 0.5 * Ez.squaredNorm();
  }
  const double exact_part = v.dot(Ev) - 0.5 * (M.off_diagonal_norm() - Ev.squaredNorm());
  LogDet out;
  const double mean = estimates.mean();
  out.value = system.S_diagonal().array().log().sum() + std::log(lambda) + mean + exact_part;
  out.sd = std::sqrt((estimates.array() - mean).square().sum() / static_cast<double>(m - 1) /
                     static_cast<double>(m));
  return out;
}

SparseEstimate sparse_laplace_estimate(const GroupedDesign& design, const SparsePlan& plan,
                                       Family& family, const VectorXd& psi, const VectorXd& start,
                                       const MatrixMap& probes, const RunContext& context) {
  const Parameters parameters(design, psi.data(), family.has_dispersion());
  family.set_log_dispersion(parameters.log_phi);
  SparseEstimate out;
  SparseMode mode(design, plan, family, parameters);
  out.status = mode.find(family.log_concave() ? start : VectorXd(), context);
  out.u = mode.u();
  if (out.status != Status::ok) return out;
  const LogDet log_det = estimate_log_det(mode.system(), probes);
  out.value = mode.rows_value() + family.constant(design.response) - 0.5 * mode.u().squaredNorm() -
              0.5 * (mode.system().log_det11() + log_det.value);
  out.sd = 0.5 * log_det.sd;
  return out;
}

}  // namespace margmix
