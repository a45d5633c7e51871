// Sparse Cholesky by fronts: columns with about the same rows are one dense panel.
//
// A multifrontal factorisation (Duff & Reid 1983) with fundamental supernodes that are merged along
// a path while few of the entries are zeros (Ashcraft & Grimes 1989). The same fronts carry the
// recursion for the inverse. Factor and inverse are stored as those by columns, zeros included, so
// that nothing else knows of them.
#include <Eigen/Core>
#include <algorithm>

#include "linalg/dense_kernels.hpp"
#include "linalg/sparse_cholesky.hpp"
#include "linalg/tiled.hpp"

namespace margmix {

namespace {

constexpr double kMostZeros = 0.2;  // of the entries of a front

double entries(double columns, double rows) { return columns * (columns + 1) / 2 + columns * rows; }

}  // namespace

void find_fronts(CholeskyPlan& plan, double least_cost) {
  const auto &start = plan.L.start, &row = plan.L.row;
  const auto rows_of = [&](Index j) { return start[j + 1] - start[j]; };
  double cost = 0;
  for (Index j = 0; j < plan.head; ++j) cost += 3.0 * (rows_of(j) + 1) * (rows_of(j) + 1);
  if (cost < least_cost) return;
  double held = 0;  // entries of the last front that are no zeros
  for (Index j = 0; j < plan.head; ++j) {
    const double own = rows_of(j) + 1;
    bool joins = !plan.front.empty() && rows_of(j - 1) > 0 && row[start[j - 1]] == j;
    if (joins) {
      const double all = entries(static_cast<double>(j + 1 - plan.front.back()), rows_of(j));
      joins = all - held - own <= kMostZeros * all;
    }
    if (!joins) plan.front.push_back(static_cast<int>(j)), held = 0;
    held += own;
  }
  plan.front.push_back(static_cast<int>(plan.head));
  Pattern full{{0}, {}};
  for (std::size_t k = 0; k + 1 < plan.front.size(); ++k)
    for (int last = plan.front[k + 1], j = plan.front[k]; j < last; ++j) {
      for (int i = j + 1; i < last; ++i) full.row.push_back(i);
      full.row.insert(full.row.end(), row.begin() + start[last - 1], row.begin() + start[last]);
      full.start.push_back(static_cast<int>(full.row.size()));
    }
  plan.L = full;
}

namespace {

// The columns first ... last - 1 and, of the rows below them, those that are not zero.
struct Front {
  Index first, columns, rows;
  const int* row;  // rows of them, below all columns
  Index at(Index k) const { return k < columns ? first + k : row[k - columns]; }
};

Front front(const CholeskyPlan& plan, std::size_t k) {
  const int first = plan.front[k], last = plan.front[k + 1];
  const int begin = plan.L.start[last - 1], end = plan.L.start[last];
  return {first, last - first, end - begin, plan.L.row.data() + begin};
}

std::vector<int> front_of_columns(const CholeskyPlan& plan) {
  std::vector<int> out(plan.head);
  for (std::size_t k = 0; k + 1 < plan.front.size(); ++k)
    for (int j = plan.front[k]; j < plan.front[k + 1]; ++j) out[j] = static_cast<int>(k);
  return out;
}

// Places of `row` (ascending) in the front `to`, which holds all of them.
void find_places(const int* row, Index count, const Front& to, std::vector<Index>& place) {
  place.resize(count);
  Index next = to.columns;
  for (Index a = 0; a < count; ++a) {
    if (row[a] < to.first + to.columns) {
      place[a] = row[a] - to.first;
      continue;
    }
    while (to.row[next - to.columns] < row[a]) ++next;
    place[a] = next;
  }
}

}  // namespace

// What a front passes on to the first of its rows: -L_RJ L_RJ' and what it was passed itself.
bool SparseCholesky::factor_fronts(const std::function<void(Index, double*)>& fill) {
  const Index n = plan_.size, head = plan_.head, t = n - head;
  const std::vector<int> owner = front_of_columns(plan_);
  const std::size_t fronts = plan_.front.size() - 1;
  struct Update {
    const int* row;
    MatrixXd U;
  };
  std::vector<std::vector<Update>> passed(fronts);
  VectorXd w = VectorXd::Zero(n);
  std::vector<Index> place;
  tail_.resize(t);
  tail_.map().setZero();
  MatrixXd F, L, X, rows;
  for (std::size_t k = 0; k < fronts; ++k) {
    const Front J = front(plan_, k);
    const Index c = J.columns, r = J.rows;
    F.setZero(c + r, c + r);
    for (Index a = 0; a < c; ++a) {
      fill(J.first + a, w.data());
      for (Index b = a; b < c + r; ++b) {
        F(b, a) = w[J.at(b)];
        w[J.at(b)] = 0;
      }
    }
    for (const Update& child : passed[k]) {
      find_places(child.row, child.U.rows(), J, place);
      for (Index b = 0; b < child.U.cols(); ++b)
        for (Index a = b; a < child.U.rows(); ++a) F(place[a], place[b]) += child.U(a, b);
    }
    passed[k].clear();
    passed[k].shrink_to_fit();
    L = F.topLeftCorner(c, c);
    if (!dense_cholesky(L.data(), c)) return false;
    X = F.bottomLeftCorner(r, c).transpose();
    if (r > 0) dense_lower_solve(L.data(), c, X.data(), r);
    for (Index a = 0; a < c; ++a) {
      diagonal_[J.first + a] = L(a, a);
      double* to = below_.data() + plan_.L.start[J.first + a];
      for (Index b = a + 1; b < c; ++b) *to++ = L(b, a);
      for (Index b = 0; b < r; ++b) *to++ = X(a, b);
    }
    if (r == 0) continue;
    rows = X.transpose();
    MatrixXd U = F.bottomRightCorner(r, r);
    dense_rank_update(U.data(), r, r, rows.data(), rows.data(), c);
    if (J.row[0] < head) {
      passed[owner[J.row[0]]].push_back({J.row, std::move(U)});
      continue;
    }
    for (Index b = 0; b < r; ++b)
      for (Index a = b; a < r; ++a) tail_(J.row[a] - head, J.row[b] - head) += U(a, b);
  }
  for (Index j = 0; j < t; ++j) {
    fill(head + j, w.data());
    tail_.map().col(j).tail(t - j) += w.tail(t - j);
    w.tail(t - j).setZero();
  }
  return t == 0 || tiled_cholesky(tail_, threads_);
}

// The lower triangle of S^-1 between the rows of a front, from the columns that have it already.
void SparseCholesky::gather_inverse(const int* row, Index count, const std::vector<int>& owner,
                                    MatrixXd& out) const {
  const Index head = plan_.head;
  std::vector<Index> place;
  out.resize(count, count);
  for (Index b = 0; b < count;) {
    if (row[b] >= head) {
      for (Index a = b; a < count; ++a) out(a, b) = inverse_tail_(row[a] - head, row[b] - head);
      ++b;
      continue;
    }
    const int k = owner[row[b]];
    const Front to = front(plan_, k);
    find_places(row + b, count - b, to, place);
    for (const Index first = b; b < count && row[b] < to.first + to.columns; ++b) {
      const Index at = place[b - first];
      const double* column = inverse_below_.data() + plan_.L.start[row[b]] - at - 1;
      out(b, b) = inverse_diagonal_[row[b]];
      for (Index a = b + 1; a < count; ++a) out(a, b) = column[place[a - first]];
    }
  }
}

// With Y = L_RJ L_JJ^-1: S^-1(R, J) = -S^-1(R, R) Y and S^-1(J, J) = (L_JJ L_JJ')^-1 - Y'S^-1(R,
// J).
void SparseCholesky::invert_fronts() {
  const std::vector<int> owner = front_of_columns(plan_);
  MatrixXd L, Y, Z, inverse, below;
  for (std::size_t k = plan_.front.size() - 1; k-- > 0;) {
    const Front J = front(plan_, k);
    const Index c = J.columns, r = J.rows;
    L.setZero(c, c);
    Y.resize(r, c);
    for (Index a = 0; a < c; ++a) {
      const double* from = below_.data() + plan_.L.start[J.first + a];
      L(a, a) = diagonal_[J.first + a];
      for (Index b = a + 1; b < c; ++b) L(b, a) = *from++;
      for (Index b = 0; b < r; ++b) Y(b, a) = *from++;
    }
    inverse.resize(c, c);
    dense_inverse(L.data(), c, inverse.data());
    below.resize(r, c);
    if (r > 0) {
      gather_inverse(J.row, r, owner, Z);
      L.triangularView<Eigen::Lower>().solveInPlace<Eigen::OnTheRight>(Y);
      dense_symmetric_multiply(Z.data(), r, r, Y.data(), c, below.data());
      inverse.noalias() += Y.transpose() * below;
    }
    for (Index a = 0; a < c; ++a) {
      inverse_diagonal_[J.first + a] = inverse(a, a);
      double* to = inverse_below_.data() + plan_.L.start[J.first + a];
      for (Index b = a + 1; b < c; ++b) *to++ = inverse(b, a);
      for (Index b = 0; b < r; ++b) *to++ = -below(b, a);
    }
  }
}

}  // namespace margmix
