// Null spaces by inverse iteration against the eigenvectors of the whole matrix, and what they
// leave to these: other matrices, and eigenvalues too near the limit.
#include <Eigen/Eigenvalues>

#include "check.hpp"
#include "linalg/null_space.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

// A symmetric matrix with these eigenvalues.
MatrixXd of_eigenvalues(const VectorXd& values) {
  const Index n = values.size();
  toy::Random random(5);
  const MatrixXd A = MatrixXd::NullaryExpr(n, n, [&] { return random.normal(); });
  const Eigen::HouseholderQR<MatrixXd> qr(A);
  const MatrixXd V = qr.householderQ();
  MatrixXd K = V * values.asDiagonal() * V.transpose();
  K.triangularView<Eigen::StrictlyUpper>() = K.transpose();
  return K;
}

// n eigenvalues from .2 to 3, the first of which are replaced.
VectorXd values_with(Index n, const VectorXd& first) {
  VectorXd out = VectorXd::LinSpaced(n, 0.2, 3);
  out.head(first.size()) = first;
  return out;
}

void zeros() {
  for (const Index n : {64, 150})
    for (const Index count : {0, 1, 5, 15, 16, 33}) {
      const MatrixXd K = of_eigenvalues(values_with(n, VectorXd::Zero(count)));
      const auto U = small_null_space(K, 1e-10, 100);
      // a block of n / 4 vectors is the widest
      CHECK(U.has_value() == (count < (n == 150 ? 32 : 16)));
      if (!U) continue;
      CHECK(U->cols() == count);
      const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(K);
      const MatrixXd V = eigen.eigenvectors().leftCols(count);
      const MatrixXd apart = *U * U->transpose() - V * V.transpose();
      CHECK_NEAR(apart.norm(), 0.0, 1e-12);
      CHECK_NEAR((U->transpose() * *U - MatrixXd::Identity(count, count)).norm(), 0.0, 1e-13);
    }
}

// Small eigenvalues, beside a zero or alone, are told apart, or left.
void near_zeros() {
  const auto with = [](std::initializer_list<double> first) {
    return of_eigenvalues(values_with(90, VectorMap(first.begin(), first.size())));
  };
  const auto found = [&](std::initializer_list<double> first) {
    return small_null_space(with(first), 1e-10, 100);
  };
  for (const double small : {1e-5, 1e-7}) {
    const auto U = found({0, small});
    CHECK(U && U->cols() == 1);
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(with({0, small}));
    if (U) CHECK_NEAR(std::fabs(U->col(0).dot(eigen.eigenvectors().col(0))), 1.0, 1e-13);
    CHECK(found({small}) && found({small})->cols() == 0);
  }
  // more small eigenvalues than the block has vectors
  const MatrixXd K = of_eigenvalues(values_with(90, VectorXd::LinSpaced(25, 0, 2.4e-6)));
  const auto U = small_null_space(K, 1e-10, 100);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(K);
  CHECK(U && U->cols() == 1);
  if (U) CHECK_NEAR((eigen.eigenvectors().rightCols(89).transpose() * *U).norm(), 0.0, 2e-8);
  // above the limit for the smallest bound of the largest eigenvalue, below that for the largest
  CHECK(!found({0, 5e-10}) && !found({5e-10}));
  CHECK(found({0, 1e-12}) && found({0, 1e-12})->cols() == 2);
}

void others() {
  const VectorXd negative = VectorXd::Constant(1, -1.0), slightly = VectorXd::Constant(1, -1e-9);
  CHECK(!small_null_space(of_eigenvalues(values_with(80, negative)), 1e-10, 100));
  CHECK(!small_null_space(of_eigenvalues(values_with(80, slightly)), 1e-10, 100));
  CHECK(!small_null_space(of_eigenvalues(values_with(40, VectorXd::Zero(1))), 1e-10, 100));
  CHECK(!small_null_space(of_eigenvalues(values_with(150, VectorXd::Zero(20))), 1e-10, 16));
}

}  // namespace

int main() {
  zeros();
  near_zeros();
  others();
  return check::summary();
}
