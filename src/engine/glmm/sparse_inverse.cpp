// Entries of A^-1, and what is made of them.
#include <algorithm>

#include "glmm/sparse_system.hpp"

namespace margmix {

void SparseSystem::invert() { cholesky_->invert(); }

// Entries of S^-1, under the constraint, between ascending positions.
void SparseSystem::block_inverse(const int* at, Index count, Eigen::Ref<MatrixXd> out) const {
  cholesky_->inverse(at, count, out);
  if (!constrained_.any()) return;
  for (Index j = 0; j < count; ++j)
    for (Index i = 0; i < count; ++i)
      out(i, j) += constrained_.entry(plan_.size1() + at[i], plan_.size1() + at[j]);
}

// Q = S^-1 on the neighbours of run s, G = A11^-1 B Q, and the block of A^-1 of the run itself.
void SparseSystem::local_inverse(Index s, MatrixXd& Q, MatrixXd& G, MatrixXd& inverse11) const {
  const Index q1 = plan_.q1(), m = count(s);
  Q.resize(m, m);
  block_inverse(near(s), m, Q);
  const MatrixMap C_s(C(s), q1, m);
  G.resize(q1, m);
  G.noalias() = C_s.lazyProduct(Q);
  inverse11 = MatrixMap(A11_inverse_.data() + q1 * q1 * s, q1, q1);
  inverse11 += G.lazyProduct(C_s.transpose());
}

VectorXd SparseSystem::inverse_column(Index j) const {
  VectorXd out = cholesky_->inverse_column(j);
  if (constrained_.any())
    for (Index i = 0; i < out.size(); ++i) out[i] += constrained_.entry(i, j);
  return out;
}

double SparseSystem::inverse_quadratic(Index run, const VectorXd& v1, const std::vector<int>& at,
                                       const VectorXd& v2) const {
  double value = inverse_quadratic_factored(run, v1, at, v2);
  if (!constrained_.any()) return value;
  for (std::size_t i = 0; i < at.size(); ++i)
    for (std::size_t j = 0; j < at.size(); ++j)
      value += v2[i] * v2[j] * constrained_.entry(plan_.size1() + at[i], plan_.size1() + at[j]);
  return value;
}

double SparseSystem::inverse_quadratic_factored(Index run, const VectorXd& v1,
                                                const std::vector<int>& at,
                                                const VectorXd& v2) const {
  const Index q1 = plan_.q1(), m = run < 0 ? 0 : count(run);
  double value = 0;
  VectorXd r(m);  // v2 - B'A11^-1 v1 on the neighbours of the run
  if (run >= 0) {
    value = v1.dot(MatrixMap(A11_inverse_.data() + q1 * q1 * run, q1, q1) * v1);
    r = -(MatrixMap(C(run), q1, m).transpose() * v1);
  }
  if (run < 0 && at.size() == 1) return v2[0] * v2[0] * cholesky_->inverse(at[0], at[0]);
  bool inside = run >= 0;
  for (std::size_t k = 0; k < at.size() && inside; ++k) {
    const int* place = std::lower_bound(near(run), near(run) + m, at[k]);
    inside = place != near(run) + m && *place == at[k];
    if (inside) r[place - near(run)] += v2[k];
  }
  if (inside) {
    MatrixXd Q(m, m);
    cholesky_->inverse(near(run), m, Q);
    return value + r.dot(Q * r);
  }
  VectorXd f = VectorXd::Zero(plan_.size2());
  if (run >= 0)
    for (Index i = 0; i < m; ++i) f[near(run)[i]] -= MatrixMap(C(run), q1, m).col(i).dot(v1);
  for (std::size_t k = 0; k < at.size(); ++k) f[at[k]] += v2[k];
  VectorXd x = f;
  cholesky_->solve(x);
  return value + f.dot(x);
}

std::vector<MatrixXd> SparseSystem::variance_blocks() const {
  std::vector<MatrixXd> out;
  for (std::size_t k = 0; k < design_.groups.size(); ++k) {
    const Group& group = design_.groups[k];
    MatrixXd blocks(group.q() * group.q(), group.levels);
    if (static_cast<int>(k) == plan_.big) {
      MatrixXd Q, G, inverse11;
      for (Index s = 0; s < plan_.runs(); ++s) {
        local_inverse(s, Q, G, inverse11);
        blocks.col(plan_.run_level[s]) = Eigen::Map<VectorXd>(inverse11.data(), inverse11.size());
      }
    } else {
      // The effects of one level share rows, so all their pairs are in the pattern.
      std::vector<int> at(group.q()), by(group.q());
      MatrixXd Q(group.q(), group.q());
      for (Index l = 0; l < group.levels; ++l) {
        const int* place = plan_.places[k].data() + l * group.q();
        for (Index c = 0; c < group.q(); ++c) by[c] = static_cast<int>(c);
        std::sort(by.begin(), by.end(), [&](int a, int b) { return place[a] < place[b]; });
        for (Index c = 0; c < group.q(); ++c) at[c] = place[by[c]];
        block_inverse(at.data(), group.q(), Q);
        for (Index c = 0; c < group.q(); ++c)
          for (Index r = 0; r < group.q(); ++r) blocks(by[r] + group.q() * by[c], l) = Q(r, c);
      }
    }
    out.push_back(std::move(blocks));
  }
  return out;
}

}  // namespace margmix
