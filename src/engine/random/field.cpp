#include "random/field.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "linalg/dense_kernels.hpp"

namespace margmix {

namespace {

// The correlation at u = d / range, and its derivative in log range, -u k'(u).
double correlation(const std::string& kind, double u) {
  if (kind == "gaussian") return std::exp(-u * u);
  if (kind == "matern_3_2") return (1 + u) * std::exp(-u);
  if (kind == "matern_5_2") return (1 + u + u * u / 3) * std::exp(-u);
  return std::exp(-u);
}

double correlation_slope(const std::string& kind, double u) {
  if (kind == "gaussian") return 2 * u * u * std::exp(-u * u);
  if (kind == "matern_3_2") return u * u * std::exp(-u);
  if (kind == "matern_5_2") return u * u * (1 + u) / 3 * std::exp(-u);
  return u * std::exp(-u);
}

std::vector<std::vector<int>> places_of(const FieldSpec& spec, int role) {
  std::vector<std::vector<int>> out(spec.places.blocks());
  for (Index i = 0; i < spec.places.size(); ++i)
    if (spec.role[i] == role) out[spec.places.block(i)].push_back(static_cast<int>(i));
  return out;
}

Pattern field_pattern(const FieldSpec& spec) {
  std::vector<std::vector<int>> below(spec.places.size());
  const auto join = [&](int i, int j) { below[std::min(i, j)].push_back(std::max(i, j)); };
  const auto join_all = [&](const std::vector<int>& x) {
    for (std::size_t a = 0; a < x.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) join(x[a], x[b]);
  };
  const auto cores = places_of(spec, FieldSpec::kCore);
  for (const auto& core : cores) join_all(core);
  for (Index i = 0; i < spec.places.size(); ++i) {
    if (spec.role[i] == FieldSpec::kCore) continue;
    const bool given_core = spec.role[i] == FieldSpec::kGivenCore;
    const auto& parents = given_core ? cores[spec.places.block(i)] : spec.parents[i];
    for (int parent : parents) join(static_cast<int>(i), parent);
    if (!given_core) join_all(parents);
  }
  Pattern out;
  out.start.assign(1, 0);
  for (auto& rows : below) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    out.row.insert(out.row.end(), rows.begin(), rows.end());
    out.start.push_back(static_cast<int>(out.row.size()));
  }
  return out;
}

// AB' where it has one column, too, which a product of matrices would take as long for as for many.
MatrixXd cross_product(const MatrixXd& A, const MatrixXd& B) {
  if (A.cols() == 1) return A.col(0) * B.col(0).transpose();
  return A * B.transpose();
}

// K^-1 and the diagonal of the Cholesky factor of K; false if K is not positive definite.
bool invert(MatrixXd K, MatrixXd& inverse, VectorXd& root) {
  if (!dense_cholesky(K.data(), K.rows())) return false;
  root = K.diagonal();
  inverse.resize(K.rows(), K.cols());
  dense_inverse(K.data(), K.rows(), inverse.data());
  return true;
}

}  // namespace

Field::Field(FieldSpec spec) : Levels(field_pattern(spec)), spec_(std::move(spec)) {
  const auto cores = places_of(spec_, FieldSpec::kCore);
  const auto given = places_of(spec_, FieldSpec::kGivenCore);
  for (std::size_t b = 0; b < cores.size(); ++b) {
    if (cores[b].empty()) throw std::invalid_argument("a block of places without a core");
    near_.push_back({cores[b], given[b], true, {}});
  }
  for (Index i = 0; i < size(); ++i)
    if (spec_.role[i] == FieldSpec::kGivenParents)
      near_.push_back({spec_.parents[i], {static_cast<int>(i)}, false, {}});
  for (Neighbourhood& near : near_) find_entries(near);
}

template <class Function>
Field::Blocks Field::by_distance(const Neighbourhood& near, Function function,
                                 double diagonal) const {
  const auto &P = near.parents, &C = near.children;
  const Index p = static_cast<Index>(P.size()), c = static_cast<Index>(C.size());
  const double shared = 1 - spec_.nugget;
  Blocks out{MatrixXd(p, p), MatrixXd(p, c)};
  for (Index j = 0; j < p; ++j) {
    out.PP(j, j) = diagonal;
    for (Index i = j + 1; i < p; ++i)
      out.PP(i, j) = out.PP(j, i) = shared * function(spec_.places.distance(P[i], P[j]));
  }
  for (Index j = 0; j < c; ++j)
    for (Index i = 0; i < p; ++i)
      out.PC(i, j) = shared * function(spec_.places.distance(P[i], C[j]));
  return out;
}

Field::Blocks Field::correlations(const Neighbourhood& near, double range) const {
  return by_distance(
      near, [&](double d) { return correlation(spec_.correlation, d / range); }, 1);
}

Field::Blocks Field::correlation_slopes(const Neighbourhood& near, double range) const {
  return by_distance(
      near, [&](double d) { return correlation_slope(spec_.correlation, d / range); }, 0);
}

void Field::find_entries(Neighbourhood& near) const {
  const auto& rows = pattern().row;
  const auto find = [&](int i, int j) {
    if (i < j) std::swap(i, j);
    const auto first = rows.begin() + pattern().start[j],
               last = rows.begin() + pattern().start[j + 1];
    near.entry.push_back(static_cast<int>(std::lower_bound(first, last, i) - rows.begin()));
  };
  const auto &P = near.parents, &C = near.children;
  for (std::size_t j = 0; j < P.size(); ++j)
    for (std::size_t i = j + 1; i < P.size(); ++i) find(P[i], P[j]);
  for (int child : C)
    for (int parent : P) find(parent, child);
}

void Field::add(const Neighbourhood& near, const MatrixXd& X, const MatrixXd& Y,
                const VectorXd& own, Precision& Q) const {
  const Index p = X.rows();
  const int* entry = near.entry.data();
  for (Index j = 0; j < p; ++j) {
    Q.diagonal[near.parents[j]] += X(j, j);
    for (Index i = j + 1; i < p; ++i) Q.below[*entry++] += X(i, j);
  }
  for (Index j = 0; j < own.size(); ++j) {
    Q.diagonal[near.children[j]] += own[j];
    for (Index i = 0; i < p; ++i) Q.below[*entry++] -= Y(i, j);
  }
}

Precision Field::zero() const {
  return {VectorXd::Zero(size()), VectorXd::Zero(static_cast<Index>(pattern().row.size())),
          VectorXd::Zero(size())};
}

Precision Field::at(const double* rho) const {
  const double range = std::exp(*rho);
  Precision Q = zero();
  MatrixXd inverse;
  VectorXd root;
  for (const Neighbourhood& near : near_) {
    const Blocks K = correlations(near, range);
    bool definite = invert(K.PP, inverse, root);
    MatrixXd C(K.PC.rows(), K.PC.cols());
    if (definite) C.noalias() = inverse * K.PC;
    const VectorXd F = 1 - K.PC.cwiseProduct(C).colwise().sum().transpose().array();
    definite = definite && (F.array() > 0).all();
    if (!definite) {
      Q.log_det.setConstant(-kInf);
      return Q;
    }
    if (near.core)
      for (Index i = 0; i < root.size(); ++i) Q.log_det[near.parents[i]] -= 2 * std::log(root[i]);
    else
      inverse.setZero();
    const VectorXd own = F.cwiseInverse();
    const MatrixXd scaled = C * own.asDiagonal();
    inverse += cross_product(scaled, C);
    add(near, inverse, scaled, own, Q);
    for (Index j = 0; j < F.size(); ++j) Q.log_det[near.children[j]] -= std::log(F[j]);
  }
  return Q;
}

// dC = K^-1 (dK_PC - dK C),  dF = C'dK C - 2 dK_PC'C by child.
Precision Field::derivative(const double* rho, Index) const {
  const double range = std::exp(*rho);
  Precision Q = zero();
  MatrixXd inverse;
  VectorXd root;
  for (const Neighbourhood& near : near_) {
    const Blocks K = correlations(near, range), dK = correlation_slopes(near, range);
    if (!invert(K.PP, inverse, root)) return zero();
    const MatrixXd C = inverse * K.PC, dKC = dK.PP * C;
    const MatrixXd dC = inverse * (dK.PC - dKC);
    const VectorXd own = (1 - K.PC.cwiseProduct(C).colwise().sum().array()).inverse();
    const VectorXd dF = C.cwiseProduct(dKC - 2 * dK.PC).colwise().sum().transpose();
    const VectorXd d_own = -own.cwiseAbs2().cwiseProduct(dF);
    const MatrixXd scaled = dC * own.asDiagonal(), moved = C * d_own.asDiagonal();
    MatrixXd X = cross_product(scaled, C);
    X += X.transpose().eval();
    X += cross_product(moved, C);
    if (near.core) {
      const Index n = root.size();
      MatrixXd product(n, n), change(n, n);  // K^-1 dK and K^-1 dK K^-1
      dense_symmetric_multiply(inverse.data(), n, n, dK.PP.data(), n, product.data());
      const MatrixXd turned = product.transpose();
      dense_symmetric_multiply(inverse.data(), n, n, turned.data(), n, change.data());
      // Rounding leaves K^-1 times a small error, which is nothing in a product with a covariance,
      // but not if one triangle of it stands for both.
      X -= 0.5 * (change + change.transpose());
      for (Index i = 0; i < root.size(); ++i) Q.log_det[near.parents[i]] -= product(i, i);
    }
    add(near, X, scaled + moved, d_own, Q);
    for (Index j = 0; j < own.size(); ++j) Q.log_det[near.children[j]] -= own[j] * dF[j];
  }
  return Q;
}

}  // namespace margmix
