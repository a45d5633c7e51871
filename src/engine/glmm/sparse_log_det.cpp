#include "glmm/sparse_log_det.hpp"

#include <cmath>
#include <vector>

#include "linalg/decompositions.hpp"

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
  Bundle operator()(const Bundle& x) const {
    const Bundle scaled = x * root_.asDiagonal();
    Bundle out(kBundle, x.cols());
    system_.schur_product(scaled, out);
    return out * root_.asDiagonal();
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
class Lanczos {
 public:
  Lanczos(const VectorXd& z, int steps)
      : Q(z.size(), steps), T(MatrixXd::Zero(steps, steps)), next(z.normalized()) {}

  bool done() const { return done_; }
  // One step, from M times `next`.
  void take(VectorXd w) {
    const Index k = size_++;
    Q.col(k) = next;
    T(k, k) = next.dot(w);
    for (int pass = 0; pass < 2; ++pass)
      w -= Q.leftCols(k + 1) * (Q.leftCols(k + 1).transpose() * w);
    const double beta = w.norm();
    done_ = size_ == T.cols() || beta < 1e-12;
    if (done_) {
      Q.conservativeResize(Q.rows(), size_);
      T.conservativeResize(size_, size_);
      return;
    }
    T(k, k + 1) = T(k + 1, k) = beta;
    next = w / beta;
  }

  MatrixXd Q, T;
  VectorXd next;

 private:
  Index size_ = 0;
  bool done_ = false;
};

// M ~ Q T Q' from several starts, with common products.
std::vector<Lanczos> run_lanczos(const Scaled& M, const MatrixXd& starts) {
  const Index n = starts.rows();
  const int steps = static_cast<int>(std::min<Index>(kSteps, n));
  std::vector<Lanczos> runs;
  for (Index k = 0; k < starts.cols(); ++k) runs.emplace_back(starts.col(k), steps);
  for (Index first = 0; first < starts.cols(); first += kBundle) {
    const Index count = std::min<Index>(kBundle, starts.cols() - first);
    for (bool open = true; open;) {
      Bundle x = Bundle::Zero(kBundle, n);
      for (Index i = 0; i < count; ++i) x.row(i) = runs[first + i].next.transpose();
      const Bundle product = M(x);
      open = false;
      for (Index i = 0; i < count; ++i) {
        Lanczos& run = runs[first + i];
        if (!run.done()) run.take(product.row(i).transpose());
        open = open || !run.done();
      }
    }
  }
  return runs;
}

}  // namespace

LogDet estimate_log_det(const SparseSystem& system, const MatrixMap& probes) {
  const Scaled M(system);
  const Index m = probes.cols();
  // The eigenvector of the smallest eigenvalue of I - E, from two Lanczos runs.
  VectorXd v = probes.col(0);
  for (int turn = 0; turn < 2; ++turn) {
    const Lanczos lanczos = run_lanczos(M, v).front();
    const SymmetricEigen eigen = symmetric_eigen(lanczos.T);
    v = (lanczos.Q * eigen.vectors.col(0)).normalized();
  }
  const VectorXd Mv = M(v);
  const double lambda = v.dot(Mv);
  const VectorXd Ev = v - Mv;
  VectorXd estimates(m);
  const MatrixXd starts = probes - v * (v.transpose() * probes);
  const std::vector<Lanczos> runs = run_lanczos(M, starts);
  for (Index k = 0; k < m; ++k) {
    const VectorXd z = starts.col(k);
    const SymmetricEigen eigen = symmetric_eigen(runs[k].T);
    const VectorXd weight = eigen.vectors.row(0).transpose().cwiseAbs2();
    const VectorXd log_values = eigen.values.cwiseMax(1e-300).array().log();
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
                                       SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                       const MatrixMap& probes, const RunContext& context) {
  SparseEstimate out;
  SparseMode mode(design, plan, rows, psi);
  out.status = mode.find_any(start, context);
  out.u = mode.u();
  if (out.status != Status::ok) return out;
  const LogDet log_det = estimate_log_det(mode.system(), probes);
  out.value = mode.rows_value() + rows.constant() - 0.5 * mode.u().squaredNorm() -
              0.5 * (mode.system().log_det11() + log_det.value);
  out.sd = 0.5 * log_det.sd;
  return out;
}

}  // namespace margmix
