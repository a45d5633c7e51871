#include "glmm/sparse_system.hpp"

#include <cmath>

#include "linalg/decompositions.hpp"

namespace margmix {

SparseSystem::SparseSystem(const GroupedDesign& design, const SparsePlan& plan)
    : design_(design),
      plan_(plan),
      precision_(design, plan),
      block_column_(design.q()),
      V_(design.q(), design.X.rows()),
      constrained_(precision_.constrained()) {
  for (Index a = 0; a < plan.q1(); ++a) block_column_[plan.columns1[a]] = static_cast<int>(a);
  for (Index c = 0; c < plan.q2(); ++c)
    block_column_[plan.columns2[c]] = static_cast<int>(plan.q1() + c);
  A11_inverse_.resize(plan.q1() * plan.size1());
  B_.resize(plan.q1() * static_cast<Index>(plan.near.size()));
  C_.resize(B_.size());
  A22_below_.resize(static_cast<Index>(plan.A22.row.size()));
}

void SparseSystem::set_Lambda(const MatrixXd& first) {
  const MatrixXd Lambda = design_.whole(first);
  const Index n = design_.X.rows();
  V_.setZero();
  for (Index c = 0; c < design_.q(); ++c)
    for (Index r = c; r < design_.q(); ++r) {
      const double l = Lambda(r, c);
      if (l == 0) continue;
      const double* z = design_.Z.data() + r * n;
      const int k = block_column_[c];
      for (Index j = 0; j < n; ++j) V_(k, j) += z[j] * l;
    }
}

bool SparseSystem::assemble(const double* W) {
  const Index q1 = plan_.q1(), q2 = plan_.q2();
  factor_ = Factor::none;
  precision_.fill(A22_diagonal_, A22_below_);
  B_.setZero();
  log_det11_ = 0;
  MatrixXd A11(q1, q1);
  const Index pairs = q2 * (q2 - 1) / 2;
  for (Index s = 0; s < plan_.runs(); ++s) {
    A11.setIdentity();
    double* b = B_.data() + q1 * plan_.near_start[s];
    for (Index j = plan_.run_start[s]; j < plan_.run_start[s + 1]; ++j) {
      const double* v = V_.col(j).data();
      const double w = W ? W[j] : 1.0;
      for (Index c = 0; c < q1; ++c)
        for (Index r = c; r < q1; ++r) A11(r, c) += v[r] * w * v[c];
      for (Index c = 0; c < q2; ++c) {
        const double wv = w * v[q1 + c];
        double* column = b + q1 * plan_.local[j * q2 + c];
        for (Index a = 0; a < q1; ++a) column[a] += wv * v[a];
        A22_diagonal_[plan_.position[j * q2 + c]] += wv * v[q1 + c];
      }
      const int* pair = plan_.pair.data() + j * pairs;
      for (Index a = 0, k = 0; a < q2; ++a)
        for (Index d = 0; d < a; ++d, ++k) A22_below_[pair[k]] += w * v[q1 + a] * v[q1 + d];
    }
    double* inverse = A11_inverse_.data() + q1 * q1 * s;
    if (q1 == 0) continue;
    if (q1 == 1) {
      if (!(A11(0, 0) > 0)) return false;
      log_det11_ += std::log(A11(0, 0));
      inverse[0] = 1 / A11(0, 0);
      const Index first = plan_.near_start[s], last = plan_.near_start[s + 1];
      for (Index a = first; a < last; ++a) C_[a] = B_[a] * inverse[0];
      continue;
    }
    const Cholesky cholesky(A11);
    if (!cholesky.definite()) return false;
    log_det11_ += cholesky.log_det();
    Eigen::Map<MatrixXd>(inverse, q1, q1) = cholesky.inverse();
    Eigen::Map<MatrixXd>(C_.data() + q1 * plan_.near_start[s], q1, count(s)).noalias() =
        Eigen::Map<MatrixXd>(inverse, q1, q1) * MatrixMap(B(s), q1, count(s));
  }
  S_diagonal_ = A22_diagonal_;
  for (std::size_t k = 0; k < plan_.near.size(); ++k)
    for (Index a = 0; a < q1; ++a) S_diagonal_[plan_.near[k]] -= B_[q1 * k + a] * C_[q1 * k + a];
  return true;
}

void SparseSystem::add_V(const VectorXd& u, VectorXd& eta) const {
  const Index q1 = plan_.q1(), q2 = plan_.q2();
  const double* u2 = u.data() + plan_.size1();
  for (Index s = 0; s < plan_.runs(); ++s) {
    const double* u1 = u.data() + s * q1;
    for (Index j = plan_.run_start[s]; j < plan_.run_start[s + 1]; ++j) {
      const double* v = V_.col(j).data();
      double sum = 0;
      for (Index a = 0; a < q1; ++a) sum += v[a] * u1[a];
      for (Index c = 0; c < q2; ++c) sum += v[q1 + c] * u2[plan_.position[j * q2 + c]];
      eta[j] += sum;
    }
  }
}

VectorXd SparseSystem::Vt(const VectorXd& x) const {
  const Index q1 = plan_.q1(), q2 = plan_.q2();
  VectorXd out = VectorXd::Zero(size());
  double* out2 = out.data() + plan_.size1();
  for (Index s = 0; s < plan_.runs(); ++s) {
    double* out1 = out.data() + s * q1;
    for (Index j = plan_.run_start[s]; j < plan_.run_start[s + 1]; ++j) {
      const double* v = V_.col(j).data();
      for (Index a = 0; a < q1; ++a) out1[a] += v[a] * x[j];
      for (Index c = 0; c < q2; ++c) out2[plan_.position[j * q2 + c]] += v[q1 + c] * x[j];
    }
  }
  return out;
}

bool SparseSystem::factor() {
  if (factor_ != Factor::none) return factor_ == Factor::found;
  if (!cholesky_) cholesky_ = std::make_unique<SparseCholesky>(plan_.cholesky, threads_);
  const bool found = cholesky_->factor([&](Index j, double* w) { fill_column(j, w); }) &&
                     constrained_.set([&](const VectorXd& f) { return solve_factored(f); });
  factor_ = found ? Factor::found : Factor::failed;
  return found;
}

void SparseSystem::fill_column(Index j, double* w) const {
  const Index q1 = plan_.q1();
  w[j] += A22_diagonal_[j];
  for (int k = plan_.A22.start[j]; k < plan_.A22.start[j + 1]; ++k)
    w[plan_.A22.row[k]] += A22_below_[k];
  if (q1 == 0) return;
  for (int k = plan_.owner_start[j]; k < plan_.owner_start[j + 1]; ++k) {
    const Index s = plan_.owner_run[k], own = plan_.owner_local[k], last = count(s);
    const int* to = near(s);
    if (q1 == 1) {
      const double* b = B(s);
      const double c = C(s)[own];
      for (Index i = own; i < last; ++i) w[to[i]] -= b[i] * c;
      continue;
    }
    const double* c = C(s) + q1 * own;
    for (Index i = own; i < last; ++i) {
      const double* b = B(s) + q1 * i;
      double sum = 0;
      for (Index a = 0; a < q1; ++a) sum += b[a] * c[a];
      w[to[i]] -= sum;
    }
  }
}

double SparseSystem::log_det() const {
  return log_det11_ + cholesky_->log_det() + constrained_.log_det();
}

VectorXd SparseSystem::reduce(const VectorXd& f) const {
  const Index q1 = plan_.q1();
  VectorXd out = f.tail(plan_.size2());
  for (Index s = 0; s < plan_.runs(); ++s) {
    const double* f1 = f.data() + s * q1;
    for (Index i = 0; i < count(s); ++i) {
      const double* c = C(s) + q1 * i;
      double sum = 0;
      for (Index a = 0; a < q1; ++a) sum += c[a] * f1[a];
      out[near(s)[i]] -= sum;
    }
  }
  return out;
}

VectorXd SparseSystem::expand(const VectorXd& f, const VectorXd& x2) const {
  const Index q1 = plan_.q1();
  VectorXd out(size());
  out.tail(plan_.size2()) = x2;
  for (Index s = 0; s < plan_.runs(); ++s) {
    const double* inverse = A11_inverse_.data() + q1 * q1 * s;
    for (Index a = 0; a < q1; ++a) {
      double sum = 0;
      for (Index b = 0; b < q1; ++b) sum += inverse[a + q1 * b] * f[s * q1 + b];
      for (Index i = 0; i < count(s); ++i) sum -= C(s)[q1 * i + a] * x2[near(s)[i]];
      out[s * q1 + a] = sum;
    }
  }
  return out;
}

VectorXd SparseSystem::solve_factored(const VectorXd& f) const {
  VectorXd x2 = reduce(f);
  cholesky_->solve(x2);
  return expand(f, x2);
}

VectorXd SparseSystem::solve(const VectorXd& f) const {
  VectorXd x = solve_factored(f);
  constrained_.correct(f, x);
  return x;
}

VectorXd SparseSystem::draw(const VectorXd& z) const {
  VectorXd x = z;
  cholesky_->solve_transposed(x);
  constrained_.project(x);
  return x;
}

void SparseSystem::use_blocks() {
  if (!plan_.blocks.empty()) blocks_ = std::make_unique<SparseBlocks>(plan_);
}

bool SparseSystem::factor_blocks() {
  constexpr double kSame = 1e-4;  // changes of the diagonal that leave P a preconditioner as good
  iterations_ = 0;
  if (blocks_ready_ && factored_.size() == A22_diagonal_.size() &&
      ((A22_diagonal_ - factored_).cwiseAbs().array() < kSame * A22_diagonal_.array()).all())
    return true;
  factored_ = A22_diagonal_;
  blocks_ready_ = !blocks_ || blocks_->factor(A22_diagonal_, A22_below_);
  return blocks_ready_;
}

VectorXd SparseSystem::newton_step(const VectorXd& f, double tolerance, bool* definite) {
  constexpr int kManySteps = 40;  // blocks for other weights serve while there are fewer
  if (blocks_ && !(blocks_ready_ && iterations_ < kManySteps) && !factor_blocks()) {
    if (definite) *definite = false;
    return f;
  }
  if (blocks_ || !precision_.related()) return solve_iteratively(f, tolerance, definite);
  iterations_ = 0;
  const bool factored = factor();
  if (definite) *definite = factored;
  return factored ? solve(f) : f;
}

// Levels of the largest factor without rows are not in u: their effects are zero.
std::vector<MatrixXd> SparseSystem::split(const VectorXd& u) const {
  std::vector<MatrixXd> out;
  for (std::size_t k = 0; k < design_.groups.size(); ++k) {
    const Group& group = design_.groups[k];
    const Index q = group.q();
    MatrixXd part = MatrixXd::Zero(group.levels, q);
    if (static_cast<int>(k) == plan_.big) {
      for (Index s = 0; s < plan_.runs(); ++s)
        part.row(plan_.run_level[s]) = u.segment(s * q, q).transpose();
    } else {
      for (Index l = 0; l < group.levels; ++l)
        for (Index c = 0; c < q; ++c) part(l, c) = u[plan_.size1() + plan_.places[k][l * q + c]];
    }
    out.push_back(std::move(part));
  }
  return out;
}

VectorXd SparseSystem::join(const std::vector<MatrixMap>& u) const {
  VectorXd out(size());
  for (std::size_t k = 0; k < design_.groups.size(); ++k) {
    const Group& group = design_.groups[k];
    const Index q = group.q();
    if (static_cast<int>(k) == plan_.big) {
      for (Index s = 0; s < plan_.runs(); ++s)
        out.segment(s * q, q) = u[k].row(plan_.run_level[s]).transpose();
    } else {
      for (Index l = 0; l < group.levels; ++l)
        for (Index c = 0; c < q; ++c) out[plan_.size1() + plan_.places[k][l * q + c]] = u[k](l, c);
    }
  }
  return out;
}

}  // namespace margmix
