#include "linalg/sparse_cholesky.hpp"

#include <Eigen/OrderingMethods>
#include <Eigen/SparseCore>
#include <algorithm>
#include <cmath>

#include "linalg/tiled.hpp"

namespace margmix {

namespace {

// Multiplications of a dense tail of t columns cost about a seventh of those of sparse columns;
// with the inverse the tail needs t^3 / 2 of them, a sparse column of k entries about 3 k^2.
double tail_cost(double t) { return t * t * t / 14; }

}  // namespace

std::vector<int> minimum_degree(const Pattern& S) {
  const int n = static_cast<int>(S.size());
  std::vector<Eigen::Triplet<double>> entries;
  entries.reserve(2 * S.row.size() + n);
  for (int j = 0; j < n; ++j) {
    entries.emplace_back(j, j, 1.0);
    for (int k = S.start[j]; k < S.start[j + 1]; ++k) {
      entries.emplace_back(S.row[k], j, 1.0);
      entries.emplace_back(j, S.row[k], 1.0);
    }
  }
  Eigen::SparseMatrix<double> A(n, n);
  A.setFromTriplets(entries.begin(), entries.end());
  Eigen::AMDOrdering<int>::PermutationType order(n);
  Eigen::AMDOrdering<int>()(A, order);
  // Eigen's vector holds, for each place in the elimination, the column that comes there.
  std::vector<int> position(n);
  for (int k = 0; k < n; ++k) position[order.indices()[k]] = k;
  return position;
}

Pattern permuted(const Pattern& S, const std::vector<int>& to, std::vector<int>* entry) {
  const Index n = S.size();
  // By row first, then by column: a stable sort by counting.
  std::vector<int> row(S.row.size()), column(S.row.size());
  for (Index j = 0; j < n; ++j)
    for (int k = S.start[j]; k < S.start[j + 1]; ++k) {
      column[k] = std::min(to[j], to[S.row[k]]);
      row[k] = std::max(to[j], to[S.row[k]]);
    }
  std::vector<int> order(row.size());
  for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<int>(k);
  std::vector<int> sorted(order.size());
  for (const std::vector<int>* key : {&row, &column}) {
    std::vector<int> next(n + 1, 0);
    for (int x : *key) ++next[x + 1];
    for (Index j = 0; j < n; ++j) next[j + 1] += next[j];
    for (int k : order) sorted[next[(*key)[k]]++] = k;
    order.swap(sorted);
  }
  Pattern out;
  out.start.assign(n + 1, 0);
  out.row.resize(row.size());
  if (entry) entry->resize(row.size());
  for (std::size_t place = 0; place < order.size(); ++place) {
    const int k = order[place];
    ++out.start[column[k] + 1];
    out.row[place] = row[k];
    if (entry) (*entry)[k] = static_cast<int>(place);
  }
  for (Index j = 0; j < n; ++j) out.start[j + 1] += out.start[j];
  return out;
}

CholeskyPlan plan_cholesky(const Pattern& S) {
  const Index n = S.size();
  CholeskyPlan plan;
  plan.size = n;
  std::vector<std::vector<int>> column(n), children(n);
  std::vector<int> mark(n, -1), count(n, 0);
  Index dense_from = n;
  for (Index j = 0; j < n; ++j) {
    auto& rows = column[j];
    auto add = [&](int i) {
      if (i > j && mark[i] != j) mark[i] = static_cast<int>(j), rows.push_back(i);
    };
    for (int k = S.start[j]; k < S.start[j + 1]; ++k) add(S.row[k]);
    for (int c : children[j])
      for (int i : column[c]) add(i);
    count[j] = static_cast<int>(rows.size());
    if (count[j] == n - 1 - j) {  // full, and so are all columns after it
      dense_from = j;
      rows.clear();
      break;
    }
    std::sort(rows.begin(), rows.end());
    if (!rows.empty()) children[rows[0]].push_back(static_cast<int>(j));
  }
  for (Index j = dense_from; j < n; ++j) count[j] = static_cast<int>(n - 1 - j);
  // The head that costs least.
  double head_cost = 0, best = tail_cost(static_cast<double>(n));
  for (Index k = 1; k <= dense_from && k <= n; ++k) {
    const double c = count[k - 1] + 1.0;
    head_cost += 3 * c * c;
    const double cost = head_cost + tail_cost(static_cast<double>(n - k));
    if (cost < best) best = cost, plan.head = k;
  }
  plan.L.start.push_back(0);
  for (Index j = 0; j < plan.head; ++j) {
    plan.L.row.insert(plan.L.row.end(), column[j].begin(), column[j].end());
    plan.L.start.push_back(static_cast<int>(plan.L.row.size()));
  }
  for (Index j = 0; j < n; ++j) plan.flops += 0.5 * (count[j] + 1.0) * (count[j] + 1.0);
  find_fronts(plan);
  return plan;
}

SparseCholesky::SparseCholesky(const CholeskyPlan& plan, int threads)
    : plan_(plan), threads_(threads), diagonal_(plan.head), below_(plan.L.row.size()) {}

bool SparseCholesky::factor(const std::function<void(Index, double*)>& fill) {
  if (!plan_.front.empty()) return factor_fronts(fill);
  const Index n = plan_.size, head = plan_.head, t = n - head;
  const auto &start = plan_.L.start, &row = plan_.L.row;
  VectorXd w = VectorXd::Zero(n);
  // next[k] chains the head columns whose next row to be used is the same.
  std::vector<int> first(head, -1), next(head, -1), at(start.begin(), start.end());
  auto chain = [&](int k) {
    if (at[k] < start[k + 1] && row[at[k]] < head) {
      next[k] = first[row[at[k]]];
      first[row[at[k]]] = k;
    }
  };
  for (Index j = 0; j < head; ++j) {
    fill(j, w.data());
    for (int k = first[j], following; k >= 0; k = following) {
      following = next[k];
      const double l = below_[at[k]];
      for (int i = at[k]; i < start[k + 1]; ++i) w[row[i]] -= l * below_[i];
      ++at[k];
      chain(k);
    }
    if (!(w[j] > 0)) return false;
    diagonal_[j] = std::sqrt(w[j]);
    w[j] = 0;
    for (int i = start[j]; i < start[j + 1]; ++i) {
      below_[i] = w[row[i]] / diagonal_[j];
      w[row[i]] = 0;
    }
    chain(static_cast<int>(j));
  }
  tail_.resize(t);
  for (Index j = 0; j < t; ++j) {
    fill(head + j, w.data());
    std::copy(w.data() + head + j, w.data() + n, &tail_(j, j));
    w.tail(t - j).setZero();
  }
  for (Index k = 0; k < head; ++k)
    for (int a = at[k]; a < start[k + 1]; ++a) {
      double* column = tail_.data() + (row[a] - head) * t - head;
      const double l = below_[a];
      for (int b = a; b < start[k + 1]; ++b) column[row[b]] -= l * below_[b];
    }
  return t == 0 || tiled_cholesky(tail_, threads_);
}

double SparseCholesky::log_det() const {
  return 2 * (diagonal_.array().log().sum() + tail_.map().diagonal().array().log().sum());
}

double SparseCholesky::log_det(Index j) const {
  const Index head = plan_.head;
  return 2 * std::log(j < head ? diagonal_[j] : tail_(j - head, j - head));
}

void SparseCholesky::solve(Eigen::Ref<VectorXd> b) const {
  const Index head = plan_.head, t = plan_.size - head;
  const auto &start = plan_.L.start, &row = plan_.L.row;
  for (Index j = 0; j < head; ++j) {
    b[j] /= diagonal_[j];
    for (int i = start[j]; i < start[j + 1]; ++i) b[row[i]] -= below_[i] * b[j];
  }
  const MatrixMap tail = tail_.map();
  if (t > 0) tail.triangularView<Eigen::Lower>().solveInPlace(b.tail(t));
  solve_transposed(b);
}

void SparseCholesky::solve_transposed(Eigen::Ref<VectorXd> b) const {
  const Index head = plan_.head, t = plan_.size - head;
  const auto &start = plan_.L.start, &row = plan_.L.row;
  const MatrixMap tail = tail_.map();
  if (t > 0) tail.triangularView<Eigen::Lower>().transpose().solveInPlace(b.tail(t));
  for (Index j = head - 1; j >= 0; --j) {
    double sum = b[j];
    for (int i = start[j]; i < start[j + 1]; ++i) sum -= below_[i] * b[row[i]];
    b[j] = sum / diagonal_[j];
  }
}

void SparseCholesky::invert() {
  const Index head = plan_.head, t = plan_.size - head;
  if (t > 0) tiled_inverse(tail_, inverse_tail_, threads_);
  inverse_diagonal_.resize(head);
  inverse_below_.resize(below_.size());
  if (!plan_.front.empty()) return invert_fronts();
  VectorXd l = VectorXd::Zero(plan_.size), sum = VectorXd::Zero(plan_.size);
  for (Index j = head - 1; j >= 0; --j) invert_head_column(j, l.data(), sum.data());
}

// S^-1(R, j) = -S^-1(R, R) l / l_jj,  S^-1(j, j) = (1 / l_jj - l'S^-1(R, j)) / l_jj, with R the
// rows below the diagonal of column j of L and l its entries. `l` and `sum` are zero on entry and
// exit.
void SparseCholesky::invert_head_column(Index j, double* l, double* sum) {
  const Index head = plan_.head;
  const auto &start = plan_.L.start, &row = plan_.L.row;
  const int first = start[j], last = start[j + 1];
  int in_tail = last;
  for (int a = first; a < last; ++a) {
    l[row[a]] = below_[a];
    if (row[a] >= head && in_tail == last) in_tail = a;
  }
  for (int a = first; a < in_tail; ++a) {
    const int c = row[a];
    double dot = inverse_diagonal_[c] * l[c];
    for (int i = start[c]; i < start[c + 1]; ++i) {
      dot += inverse_below_[i] * l[row[i]];
      sum[row[i]] += inverse_below_[i] * l[c];
    }
    sum[c] += dot;
  }
  for (int a = in_tail; a < last; ++a) {
    const double* column = inverse_tail_.map().col(row[a] - head).data() - head;
    double dot = 0;
    for (int b = in_tail; b < last; ++b) dot += column[row[b]] * below_[b];
    sum[row[a]] += dot;
  }
  double dot = 0;
  for (int a = first; a < last; ++a) {
    inverse_below_[a] = -sum[row[a]] / diagonal_[j];
    dot += below_[a] * inverse_below_[a];
  }
  inverse_diagonal_[j] = (1 / diagonal_[j] - dot) / diagonal_[j];
  for (int a = first; a < in_tail; ++a) {
    const int c = row[a];
    sum[c] = 0;
    for (int i = start[c]; i < start[c + 1]; ++i) sum[row[i]] = 0;
  }
  for (int a = first; a < last; ++a) l[row[a]] = sum[row[a]] = 0;
}

double SparseCholesky::inverse(Index i, Index j) const {
  const Index head = plan_.head;
  if (i < j) std::swap(i, j);
  if (j >= head) return inverse_tail_(i - head, j - head);
  if (i == j) return inverse_diagonal_[j];
  const auto first = plan_.L.row.begin() + plan_.L.start[j];
  const auto last = plan_.L.row.begin() + plan_.L.start[j + 1];
  return inverse_below_[std::lower_bound(first, last, i) - plan_.L.row.begin()];
}

void SparseCholesky::inverse(const int* at, Index count, Eigen::Ref<MatrixXd> out) const {
  const Index head = plan_.head;
  const auto &start = plan_.L.start, &row = plan_.L.row;
  for (Index c = 0; c < count; ++c) {
    if (at[c] >= head) {
      const double* column = inverse_tail_.map().col(at[c] - head).data() - head;
      for (Index r = c; r < count; ++r) out(r, c) = out(c, r) = column[at[r]];
      continue;
    }
    out(c, c) = inverse_diagonal_[at[c]];
    int i = start[at[c]];
    for (Index r = c + 1; r < count; ++r) {
      i = static_cast<int>(
          std::lower_bound(row.begin() + i, row.begin() + start[at[c] + 1], at[r]) - row.begin());
      out(r, c) = out(c, r) = inverse_below_[i];
    }
  }
}

}  // namespace margmix
