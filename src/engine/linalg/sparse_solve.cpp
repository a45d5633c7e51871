// Solutions by the sparse Cholesky factor for vectors side by side, for which it is read once. The
// rows that all columns of a front share are gathered for it.
#include "linalg/sparse_cholesky.hpp"

#include <algorithm>

namespace margmix {

namespace {

template <int M>
using Values = Eigen::Array<double, M, 1>;
template <int M>
using Column = Eigen::Map<Values<M>>;
template <int M>
using Columns = Eigen::Map<Eigen::Matrix<double, M, Dynamic>>;

}  // namespace

// Columns first ... last - 1 of the head, with their rows below `last` in common.
template <int M>
void SparseCholesky::lower_columns(int first, int last, double* x, double* shared) const {
  const auto &start = plan_.L.start, &row = plan_.L.row;
  const int begin = start[last - 1], rows = start[last] - begin;
  std::fill(shared, shared + M * rows, 0.0);
  for (int j = first; j < last; ++j) {
    const Values<M> x_j = Column<M>(x + M * j) / diagonal_[j];
    Column<M>(x + M * j) = x_j;
    const double* l = below_.data() + start[j];
    for (int i = j + 1; i < last; ++i) Column<M>(x + M * i) -= *l++ * x_j;
    for (int b = 0; b < rows; ++b) Column<M>(shared + M * b) += l[b] * x_j;
  }
  for (int b = 0; b < rows; ++b) Column<M>(x + M * row[begin + b]) -= Column<M>(shared + M * b);
}

template <int M>
void SparseCholesky::upper_columns(int first, int last, double* x, double* shared) const {
  const auto &start = plan_.L.start, &row = plan_.L.row;
  const int begin = start[last - 1], rows = start[last] - begin;
  for (int b = 0; b < rows; ++b) Column<M>(shared + M * b) = Column<M>(x + M * row[begin + b]);
  for (int j = last - 1; j >= first; --j) {
    Values<M> sum = Column<M>(x + M * j);
    const double* l = below_.data() + start[j];
    for (int i = j + 1; i < last; ++i) sum -= *l++ * Column<M>(x + M * i);
    for (int b = 0; b < rows; ++b) sum -= l[b] * Column<M>(shared + M * b);
    Column<M>(x + M * j) = sum / diagonal_[j];
  }
}

template <int M>
void SparseCholesky::lower_solve(double* x) const {
  const Index head = plan_.head, t = plan_.size - head;
  std::vector<double> shared(M * plan_.size);
  const auto& front = plan_.front;
  for (std::size_t k = 0; k + 1 < front.size(); ++k)
    lower_columns<M>(front[k], front[k + 1], x, shared.data());
  for (int j = 0; front.empty() && j < head; ++j) lower_columns<M>(j, j + 1, x, shared.data());
  if (t == 0) return;
  Columns<M> tail(x + M * head, M, t);
  const MatrixMap L = tail_.map();
  L.transpose().triangularView<Eigen::Upper>().template solveInPlace<Eigen::OnTheRight>(tail);
}

template <int M>
void SparseCholesky::upper_solve(double* x) const {
  const Index head = plan_.head, t = plan_.size - head;
  if (t > 0) {
    Columns<M> tail(x + M * head, M, t);
    const MatrixMap L = tail_.map();
    L.triangularView<Eigen::Lower>().template solveInPlace<Eigen::OnTheRight>(tail);
  }
  std::vector<double> shared(M * plan_.size);
  const auto& front = plan_.front;
  for (std::size_t k = front.size(); k-- > 1;)
    upper_columns<M>(front[k - 1], front[k], x, shared.data());
  for (int j = static_cast<int>(head) - 1; front.empty() && j >= 0; --j)
    upper_columns<M>(j, j + 1, x, shared.data());
}

template void SparseCholesky::lower_solve<1>(double*) const;
template void SparseCholesky::upper_solve<1>(double*) const;
template void SparseCholesky::lower_solve<8>(double*) const;
template void SparseCholesky::upper_solve<8>(double*) const;

}  // namespace margmix
