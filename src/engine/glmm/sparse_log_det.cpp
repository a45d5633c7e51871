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

class Whitened {  // G^-1 A G^-T
 public:
  explicit Whitened(const SparseSystem& system) : system_(system), blocks_(*system.blocks()) {}
  VectorXd operator()(const VectorXd& x) const {
    const Side<1> y = blocks_.colour<1>(x.transpose());
    Side<1> Ay(1, y.cols());
    system_.schur_product(y.data(), Ay.data());
    return blocks_.whiten<1>(Ay).transpose();
  }
  Bundle operator()(const Bundle& x) const {
    const Bundle y = blocks_.colour<kBundle>(x);
    Bundle Ay(kBundle, y.cols());
    system_.schur_product(y, Ay);
    return blocks_.whiten<kBundle>(Ay);
  }

 private:
  const SparseSystem& system_;
  const SparseBlocks& blocks_;
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
template <class Product>
std::vector<Lanczos> run_lanczos(const Product& M, const MatrixXd& starts) {
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

// z'log(M) z.
double log_quadratic(const Lanczos& run, double norm2) {
  const SymmetricEigen eigen = symmetric_eigen(run.T);
  const VectorXd weight = eigen.vectors.row(0).transpose().cwiseAbs2();
  return norm2 * weight.dot(VectorXd(eigen.values.cwiseMax(1e-300).array().log()));
}

double sd_of_mean(const VectorXd& x) {
  const auto m = static_cast<double>(x.size());
  return std::sqrt((x.array() - x.mean()).square().sum() / (m - 1) / m);
}

// Orthonormal columns near the eigenvectors of the smallest eigenvalues of M.
MatrixXd least_directions(const Whitened& M, const VectorXd& start) {
  Lanczos run(start, static_cast<int>(std::min<Index>(kSteps, start.size())));
  while (!run.done()) run.take(M(run.next));
  const Index k = std::min<Index>(kBundle, run.T.cols());
  return run.Q * symmetric_eigen(run.T).vectors.leftCols(k);
}

// log|A| = log|P| + tr log M. The directions of its smallest eigenvalues, in which the factors are
// told apart least, are not left to the probes.
LogDet block_log_det(const SparseSystem& system, const MatrixMap& probes) {
  const Whitened M(system);
  const MatrixXd V = least_directions(M, probes.col(0));
  double inside = 0;
  for (const Lanczos& run : run_lanczos(M, V)) inside += log_quadratic(run, 1);
  const MatrixXd starts = probes - V * (V.transpose() * probes);
  VectorXd estimates(probes.cols());
  for (Index from = 0; from < probes.cols(); from += kBundle) {
    const Index count = std::min<Index>(kBundle, probes.cols() - from);
    const std::vector<Lanczos> runs = run_lanczos(M, starts.middleCols(from, count));
    for (Index i = 0; i < count; ++i)
      estimates[from + i] = log_quadratic(runs[i], starts.col(from + i).squaredNorm());
  }
  return {system.blocks()->log_det() + inside + estimates.mean(), sd_of_mean(estimates)};
}

}  // namespace

MatrixXd with_least_directions(const SparseSystem& system, const MatrixMap& signs) {
  const MatrixXd V = least_directions(Whitened(system), signs.col(0));
  MatrixXd out(signs.rows(), V.cols() + signs.cols());
  out << V, (signs - V * (V.transpose() * signs)) / std::sqrt(static_cast<double>(signs.cols()));
  return std::sqrt(static_cast<double>(out.cols())) * out;
}

LogDet estimate_log_det(const SparseSystem& system, const MatrixMap& probes) {
  if (system.blocks()) return block_log_det(system, probes);
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
    const VectorXd Ez = z - M(z);
    estimates[k] = log_quadratic(runs[k], z.squaredNorm()) + z.dot(Ez) + 0.5 * Ez.squaredNorm();
  }
  const double exact_part = v.dot(Ev) - 0.5 * (M.off_diagonal_norm() - Ev.squaredNorm());
  LogDet out;
  const double mean = estimates.mean();
  out.value = system.S_diagonal().array().log().sum() + std::log(lambda) + mean + exact_part;
  out.sd = sd_of_mean(estimates);
  return out;
}

SparseEstimate sparse_laplace_estimate(const GroupedDesign& design, const SparsePlan& plan,
                                       SparseRows& rows, const VectorXd& psi, const VectorXd& start,
                                       const MatrixMap& probes, const RunContext& context) {
  SparseEstimate out;
  SparseMode mode(design, plan, rows, psi);
  mode.system().use_blocks();
  out.status = mode.find_any(start, context);
  out.u = mode.u();
  if (out.status == Status::ok && !mode.system().factor_blocks()) out.status = Status::no_mode;
  if (out.status != Status::ok) return out;
  const LogDet log_det = estimate_log_det(mode.system(), probes);
  out.value =
      mode.rows_value() + rows.constant() - 0.5 * mode.quadratic() -
      0.5 * (mode.system().log_det11() + log_det.value - mode.system().precision().log_det());
  out.sd = 0.5 * log_det.sd;
  return out;
}

}  // namespace margmix
