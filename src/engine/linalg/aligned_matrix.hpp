// A large square matrix that begins at a multiple of 64 bytes, where dense_kernels.hpp works in
// place: elsewhere it works on a copy.
#pragma once

#include <cstdint>
#include <memory>

#include "core/types.hpp"

namespace margmix {

class AlignedMatrix {
 public:
  AlignedMatrix() = default;
  explicit AlignedMatrix(const MatrixXd& A) {
    resize(A.rows());
    map() = A;
  }
  // Not initialised.
  void resize(Index n) {
    if (n == n_) return;
    constexpr std::uintptr_t kLine = 64;
    store_.reset(new double[n * n + kLine / sizeof(double)]);
    const auto at = reinterpret_cast<std::uintptr_t>(store_.get());
    first_ = store_.get() + (kLine - at % kLine) % kLine / sizeof(double);
    n_ = n;
  }
  Index size() const { return n_; }
  double* data() { return first_; }
  const double* data() const { return first_; }
  double* at(Index i, Index j) { return first_ + i + j * n_; }
  const double* at(Index i, Index j) const { return first_ + i + j * n_; }
  double operator()(Index i, Index j) const { return first_[i + j * n_]; }
  double& operator()(Index i, Index j) { return first_[i + j * n_]; }
  MatrixMap map() const { return {first_, n_, n_}; }
  Eigen::Map<MatrixXd> map() { return {first_, n_, n_}; }

 private:
  Index n_ = 0;
  std::unique_ptr<double[]> store_;
  double* first_ = nullptr;
};

}  // namespace margmix
