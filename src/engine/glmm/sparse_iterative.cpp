// Products with S and solutions by conjugate gradients, for one vector or for several.
#include "glmm/sparse_system.hpp"

namespace margmix {

template <int M>
void SparseSystem::schur_products(const Side<M>& x, Side<M>& out) const {
  using Column = Eigen::Matrix<double, M, 1>;
  const Index q1 = plan_.q1(), size2 = plan_.size2();
  for (Index j = 0; j < size2; ++j) out.col(j) = A22_diagonal_[j] * x.col(j);
  for (Index j = 0; j < size2; ++j)
    for (int k = plan_.A22.start[j]; k < plan_.A22.start[j + 1]; ++k) {
      const int i = plan_.A22.row[k];
      out.col(i) += A22_below_[k] * x.col(j);
      out.col(j) += A22_below_[k] * x.col(i);
    }
  for (Index s = 0; s < plan_.runs(); ++s) {
    const double* inverse = A11_inverse_.data() + q1 * q1 * s;
    const Index last = count(s);
    const int* to = near(s);
    for (Index a = 0; a < q1; ++a) {  // row a of B x, then its part of B'A11^-1 B x
      const double* b = B(s) + a;
      Column sum = Column::Zero();
      for (Index i = 0; i < last; ++i) sum += b[q1 * i] * x.col(to[i]);
      if (q1 == 1) {
        sum *= inverse[0];
        for (Index i = 0; i < last; ++i) out.col(to[i]) -= b[i] * sum;
      } else {
        const double* c = C(s) + a;
        for (Index i = 0; i < last; ++i) out.col(to[i]) -= c[q1 * i] * sum;
      }
    }
  }
}

// Preconditioned by the diagonal of S; each system stops at its own goal.
template <int M>
void SparseSystem::conjugate_gradients(Side<M> r, double tolerance, bool* definite,
                                       Side<M>& x) const {
  using Column = Eigen::Array<double, M, 1>;
  const Index n = r.cols();
  const VectorXd precondition = S_diagonal_.cwiseMax(1e-8).cwiseInverse();
  if (definite) *definite = *definite && (S_diagonal_.array() > 0).all();
  Side<M> p = r * precondition.asDiagonal(), Sp(M, n);
  Column rz = Column::Zero(), goal;
  for (Index j = 0; j < n; ++j) rz += r.col(j).array() * p.col(j).array();
  goal = tolerance * tolerance * rz;
  if (!x.isZero(0)) {
    schur_products<M>(x, Sp);
    r -= Sp;
    p = r * precondition.asDiagonal();
    rz.setZero();
    for (Index j = 0; j < n; ++j) rz += r.col(j).array() * p.col(j).array();
  }
  for (iterations_ = 0; iterations_ < 1000 && (rz > goal).any(); ++iterations_) {
    schur_products<M>(p, Sp);
    Column curvature = Column::Zero(), next = Column::Zero();
    for (Index j = 0; j < n; ++j) curvature += p.col(j).array() * Sp.col(j).array();
    if (definite && !(curvature > 0).all()) {
      *definite = false;
      break;
    }
    const Column alpha = (rz > goal && curvature > 0).select(rz / curvature, 0.0);
    for (Index j = 0; j < n; ++j) {
      x.col(j).array() += alpha * p.col(j).array();
      r.col(j).array() -= alpha * Sp.col(j).array();
      next += precondition[j] * r.col(j).array().square();
    }
    const Column beta = (alpha > 0).select(next / rz, 0.0);
    for (Index j = 0; j < n; ++j)
      p.col(j).array() = precondition[j] * r.col(j).array() + beta * p.col(j).array();
    if (!(alpha > 0).any()) break;
    rz = next;
  }
}

// Of M = G^-1 A G^-T (glmm/sparse_blocks.hpp), where product(y) is A y; `r` is whitened. Each
// system stops at its own goal.
template <int M, class Product>
void SparseSystem::block_gradients(Product product, Side<M> r, double tolerance, bool* definite,
                                   Side<M>& x) const {
  using Column = Eigen::Array<double, M, 1>;
  const Column goal = tolerance * tolerance * r.rowwise().squaredNorm().array();
  if (!x.isZero(0)) r -= blocks_->whiten<M>(product(x));
  Column rr = r.rowwise().squaredNorm();
  Side<M> p = r;
  for (iterations_ = 0; iterations_ < 1000 && (rr > goal).any(); ++iterations_) {
    const Side<M> y = blocks_->colour<M>(p), Mp = blocks_->whiten<M>(product(y));
    const Column curvature = p.cwiseProduct(Mp).rowwise().sum();
    if (definite && !(curvature > 0).all()) {
      *definite = false;
      break;
    }
    const Column alpha = (rr > goal && curvature > 0).select(rr / curvature, 0.0);
    if (!(alpha > 0).any()) break;
    x.noalias() += alpha.matrix().asDiagonal() * y;
    r.noalias() -= alpha.matrix().asDiagonal() * Mp;
    const Column next = r.rowwise().squaredNorm();
    const Column beta = (alpha > 0).select(next / rr, 0.0);
    p = (r + beta.matrix().asDiagonal() * p).eval();
    rr = next;
  }
}

void SparseSystem::block_solve(const Bundle& w, double tolerance, Bundle& x) const {
  const auto A = [&](const Bundle& y) {
    Bundle out(kBundle, y.cols());
    schur_product(y, out);
    return out;
  };
  block_gradients<kBundle>(A, w, tolerance, nullptr, x);
}

VectorXd SparseSystem::prior_solve(const VectorXd& f, double tolerance) const {
  const auto Q = [&](const Side<1>& y) -> Side<1> {
    return precision_.times(y.transpose()).transpose();
  };
  Side<1> x = Side<1>::Zero(1, f.size());
  block_gradients<1>(Q, blocks_->whiten<1>(f.transpose()), tolerance, nullptr, x);
  return x.transpose();
}

void SparseSystem::schur_product(const double* x, double* out) const {
  const Side<1> in = Eigen::Map<const Side<1>>(x, 1, plan_.size2());
  Side<1> product(1, plan_.size2());
  schur_products<1>(in, product);
  Eigen::Map<Side<1>>(out, 1, plan_.size2()) = product;
}

void SparseSystem::schur_product(const Bundle& x, Bundle& out) const {
  schur_products<kBundle>(x, out);
}

VectorXd SparseSystem::solve_iteratively(const VectorXd& f, double tolerance,
                                         bool* definite) const {
  if (!blocks_) return expand(f, schur_solve(reduce(f), tolerance, definite));
  const auto A = [&](const Side<1>& y) {
    Side<1> out(1, y.cols());
    schur_product(y.data(), out.data());
    return out;
  };
  Side<1> x = Side<1>::Zero(1, f.size());
  block_gradients<1>(A, blocks_->whiten<1>(f.transpose()), tolerance, definite, x);
  return x.transpose();
}

MatrixXd SparseSystem::solve_iteratively(const MatrixXd& f, double tolerance) const {
  MatrixXd out(f.rows(), f.cols());
  for (Index first = 0; first < f.cols(); first += kBundle) {
    const Index count = std::min<Index>(kBundle, f.cols() - first);
    Bundle r = Bundle::Zero(kBundle, plan_.size2()), x = r;
    for (Index k = 0; k < count; ++k) r.row(k) = reduce(f.col(first + k)).transpose();
    if (blocks_)
      block_solve(blocks_->whiten<kBundle>(r), tolerance, x);
    else
      schur_solve(r, tolerance, x);
    for (Index k = 0; k < count; ++k)
      out.col(first + k) = expand(f.col(first + k), x.row(k).transpose());
  }
  return out;
}

VectorXd SparseSystem::schur_solve(const VectorXd& r, double tolerance, bool* definite) const {
  Side<1> x = Side<1>::Zero(1, r.size());
  conjugate_gradients<1>(r.transpose(), tolerance, definite, x);
  return x.transpose();
}

void SparseSystem::schur_solve(const Bundle& r, double tolerance, Bundle& x) const {
  conjugate_gradients<kBundle>(r, tolerance, nullptr, x);
}

Bundle SparseSystem::expand(const Bundle& x2) const {
  const Index q1 = plan_.q1();
  Bundle out(kBundle, size());
  out.rightCols(plan_.size2()) = x2;
  for (Index s = 0; s < plan_.runs(); ++s)
    for (Index a = 0; a < q1; ++a) {
      Eigen::Matrix<double, kBundle, 1> sum = Eigen::Matrix<double, kBundle, 1>::Zero();
      for (Index i = 0; i < count(s); ++i) sum -= C(s)[q1 * i + a] * x2.col(near(s)[i]);
      out.col(s * q1 + a) = sum;
    }
  return out;
}

}  // namespace margmix
