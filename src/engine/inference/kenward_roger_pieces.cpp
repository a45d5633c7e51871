#include "inference/kenward_roger_pieces.hpp"

#include "linalg/decompositions.hpp"

namespace margmix {

namespace {

// L (I + L'C L)^-1 L' for Sigma = L L'. False if the matrix in between is not definite.
bool posterior_factor(const MatrixXd& L, const MatrixXd& C, MatrixXd& out) {
  MatrixXd A = L.transpose() * C * L;
  A.diagonal().array() += 1;
  const Cholesky cholesky(A);
  if (!cholesky.definite()) return false;
  out = cholesky.solve_L(L.transpose());
  out = (out.transpose() * out).eval();
  return true;
}

// tr(A E_a B E_b) of one level each, whose effects begin at ka and kb.
double pair_trace(const VarianceEntry& a, Index ka, const VarianceEntry& b, Index kb,
                  const MatrixXd& A, const MatrixXd& B) {
  const int ends_a = a.r == a.c ? 1 : 2, ends_b = b.r == b.c ? 1 : 2;
  double sum = 0;
  for (int s = 0; s < ends_a; ++s)
    for (int u = 0; u < ends_b; ++u) {
      const Index i = ka + (s ? a.c : a.r), j = ka + (s ? a.r : a.c);
      const Index k = kb + (u ? b.c : b.r), l = kb + (u ? b.r : b.c);
      sum += A(l, i) * B(j, k);
    }
  return sum;
}

MatrixXd gather(const MatrixXd& x, const std::vector<int>& rows) {
  MatrixXd out(rows.size(), x.cols());
  for (std::size_t k = 0; k < rows.size(); ++k) out.row(k) = x.row(rows[k]);
  return out;
}

void scatter(const MatrixXd& x, const std::vector<int>& rows, MatrixXd& out) {
  for (std::size_t k = 0; k < rows.size(); ++k) out.row(rows[k]) += x.row(k);
}

void scatter_square(const MatrixXd& x, const std::vector<int>& at, MatrixXd& out) {
  for (std::size_t l = 0; l < at.size(); ++l)
    for (std::size_t k = 0; k < at.size(); ++k) out(at[k], at[l]) += x(k, l);
}

}  // namespace

KenwardRogerCluster::KenwardRogerCluster(const WorkingLayout& layout, const VectorXd& W,
                                         const MatrixXd& Lambda)
    : layout_(layout),
      W_(W),
      p_(layout.design().p()),
      q1_(layout.group(layout.leaf()).q()),
      n_v_(layout.variances()),
      tau_(n_v_),
      b_tau_(n_v_) {
  for (int f = 0; f < layout.factors(); ++f) Lambda_.push_back(layout.Lambda(Lambda, f));
}

bool KenwardRogerCluster::add(Index i, KenwardRogerPieces& sum) {
  offset_.clear();
  m_ = 0;
  for (int f = 0; f < layout_.factors(); ++f) {
    offset_.push_back(m_);
    if (f != layout_.leaf()) m_ += layout_.count(i, f) * layout_.group(f).q();
  }
  border_.c = MatrixXd::Zero(m_, m_);
  border_.y = MatrixXd::Zero(m_, p_);
  where_.assign(m_, -1);
  split_runs(i);
  for (Run& run : runs_)
    if (!add_run(run, sum)) return false;
  if (m_ > 0 && !solve_border(i, sum.M)) return false;
  border_.phi.assign(m_ > 0 ? n_v_ : 0, MatrixXd::Zero(m_, p_));
  border_.K.assign(n_v_, MatrixXd());
  for (Index a = 0; m_ > 0 && a < n_v_; ++a)
    if (layout_.in_leaf(a)) border_.K[a] = MatrixXd::Zero(m_, m_);
  for (Run& run : runs_) add_leaf_terms(run, sum);
  if (m_ > 0) add_border_terms(i, sum);
  return true;
}

void KenwardRogerCluster::split_runs(Index i) {
  const Index first = layout_.design().first(i), last = first + layout_.design().size(i);
  const IntegerMap& level = layout_.group(layout_.leaf()).index;
  runs_.clear();
  for (Index j = first; j < last; ++j) {
    if (j == first || level[j] != level[j - 1]) {
      runs_.emplace_back();
      runs_.back().first = j;
    }
    runs_.back().last = j + 1;
  }
}

// X'WX and X'D^-1 X of the rows, and what the run hands to the border.
bool KenwardRogerCluster::add_run(Run& run, KenwardRogerPieces& sum) {
  const Index n = run.last - run.first;
  const auto X = layout_.design().X.middleRows(run.first, n);
  const auto W = W_.segment(run.first, n);
  MatrixXd Z(n, q1_);
  for (Index c = 0; c < q1_; ++c)
    Z.col(c) =
        layout_.design().Z.col(layout_.group(layout_.leaf()).columns[c]).segment(run.first, n);
  const MatrixXd WX = W.asDiagonal() * X, WZ = W.asDiagonal() * Z;
  const MatrixXd ZWX = Z.transpose() * WX, C = Z.transpose() * WZ;
  MatrixXd A_inverse;
  if (!posterior_factor(Lambda_[layout_.leaf()], C, A_inverse)) return false;
  const MatrixXd G = MatrixXd::Identity(q1_, q1_) - C * A_inverse;
  run.y.noalias() = G * ZWX;
  run.b.noalias() = G * C;
  const MatrixXd XWX = X.transpose() * WX;
  sum.M_0 += XWX;
  sum.M += XWX;
  sum.M.noalias() -= ZWX.transpose() * A_inverse * ZWX;
  if (m_ == 0) return true;
  const MatrixXd F = border_rows(run, WX, WZ);
  const MatrixXd AF = A_inverse * F;
  run.f = G * F;
  scatter_square(-F.transpose() * AF, run.near, border_.c);
  scatter(-AF.transpose() * ZWX, run.near, border_.y);
  return true;
}

// Z_2'WZ_2 and Z_2'WX of the rows into the border; returns Z_1'WZ_2 (columns `near`).
MatrixXd KenwardRogerCluster::border_rows(Run& run, const MatrixXd& WX, const MatrixXd& WZ) {
  const MatrixMap& Z = layout_.design().Z;
  std::vector<std::pair<Index, double>> effects;  // of a row: position in the border, value
  std::vector<std::pair<Index, VectorXd>> columns;
  for (Index j = run.first; j < run.last; ++j) {
    effects.clear();
    for (int f = 0; f < layout_.factors(); ++f) {
      if (f == layout_.leaf()) continue;
      const Group& group = layout_.group(f);
      for (Index e = 0; e < group.q(); ++e)
        effects.emplace_back(offset_[f] + layout_.place(j, f) * group.q() + e,
                             Z(j, group.columns[e]));
    }
    const Index row = j - run.first;
    for (const auto& [k, z] : effects) {
      border_.y.row(k) += z * WX.row(row);
      for (const auto& [l, other] : effects) border_.c(k, l) += W_[j] * z * other;
      if (where_[k] < 0) {
        where_[k] = static_cast<int>(run.near.size());
        run.near.push_back(static_cast<int>(k));
        columns.emplace_back(k, VectorXd::Zero(q1_));
      }
      columns[where_[k]].second += z * WZ.row(row).transpose();
    }
  }
  MatrixXd F(q1_, columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k) F.col(k) = columns[k].second;
  for (int k : run.near) where_[k] = -1;
  return F;
}

bool KenwardRogerCluster::solve_border(Index i, MatrixXd& M) {
  MatrixXd L = MatrixXd::Zero(m_, m_);
  for (int f = 0; f < layout_.factors(); ++f) {
    if (f == layout_.leaf()) continue;
    const Index q = layout_.group(f).q();
    for (Index l = 0; l < layout_.count(i, f); ++l)
      L.block(offset_[f] + l * q, offset_[f] + l * q, q, q) = Lambda_[f];
  }
  if (!posterior_factor(L, border_.c, border_.H)) return false;
  border_.g = border_.H * border_.y;
  M.noalias() -= border_.y.transpose() * border_.g;
  return true;
}

// Terms with D^-1 alone, for the entries of the largest factor, and sums that the border needs.
void KenwardRogerCluster::add_leaf_terms(Run& run, KenwardRogerPieces& sum) {
  if (m_ > 0) run.y.noalias() -= run.f * gather(border_.g, run.near);
  MatrixXd h, fE;
  if (m_ > 0) {
    MatrixXd H(run.near.size(), run.near.size());
    for (Index l = 0; l < H.cols(); ++l)
      for (Index k = 0; k < H.rows(); ++k) H(k, l) = border_.H(run.near[k], run.near[l]);
    h = run.f * H * run.f.transpose();
  }
  for (Index a = 0; a < n_v_; ++a) {
    if (!layout_.in_leaf(a)) continue;
    const VarianceEntry& v = layout_.entry(a);
    tau_[a].setZero(q1_, p_);
    apply_entry(v, q1_, run.y, 0, 1, tau_[a]);
    b_tau_[a].noalias() = run.b * tau_[a];
    sum.P[a].noalias() -= run.y.transpose() * tau_[a];
    sum.t[a] += entry_trace(v, q1_, run.b, 0, 1);
    if (m_ > 0) {
      fE.setZero(q1_, run.near.size());
      apply_entry(v, q1_, run.f, 0, 1, fE);
      scatter_square(run.f.transpose() * fE, run.near, border_.K[a]);
      scatter(run.f.transpose() * tau_[a], run.near, border_.phi[a]);
    }
    for (Index b = 0; b <= a; ++b) {
      if (!layout_.in_leaf(b)) continue;
      const VarianceEntry& u = layout_.entry(b);
      sum.Q[KenwardRogerPieces::pair(a, b)].noalias() += tau_[a].transpose() * b_tau_[b];
      sum.T(a, b) += pair_trace(v, 0, u, 0, run.b, run.b);
      if (m_ > 0)
        sum.T(a, b) -= pair_trace(v, 0, u, 0, run.b, h) + pair_trace(v, 0, u, 0, h, run.b);
    }
  }
}

void KenwardRogerCluster::add_border_terms(Index i, KenwardRogerPieces& sum) {
  Border& z = border_;
  const MatrixXd Y = z.y - z.c * z.g;
  z.tau.assign(n_v_, MatrixXd::Zero(m_, p_));
  std::vector<MatrixXd> psi = z.phi, H_psi(n_v_);  // Z_2'D^-1 Z E_a Y
  for (Index a = 0; a < n_v_; ++a) {
    const VarianceEntry& v = layout_.entry(a);
    if (!layout_.in_leaf(a)) {
      apply_entry(v, layout_.group(v.factor).q(), Y, offset_[v.factor], layout_.count(i, v.factor),
                  z.tau[a]);
      sum.P[a].noalias() -= Y.transpose() * z.tau[a];
      psi[a].noalias() += z.c * z.tau[a];
    }
    H_psi[a] = z.H * psi[a];
  }
  for (Index a = 0; a < n_v_; ++a)
    for (Index b = 0; b <= a; ++b) {
      MatrixXd& Q = sum.Q[KenwardRogerPieces::pair(a, b)];
      Q.noalias() += z.phi[a].transpose() * z.tau[b];
      Q.noalias() += z.tau[a].transpose() * psi[b];
      Q.noalias() -= psi[a].transpose() * H_psi[b];
    }
  add_border_traces(i, sum);
}

// With N = I - H c: the blocks of B are B_12 = f N of a run, and B_22 = c N.
void KenwardRogerCluster::add_border_traces(Index i, KenwardRogerPieces& sum) const {
  const MatrixXd N = MatrixXd::Identity(m_, m_) - border_.H * border_.c, B = border_.c * N;
  auto levels = [&](int f) { return layout_.count(i, f); };
  std::vector<MatrixXd> HK(n_v_), NKN(n_v_);
  for (Index a = 0; a < n_v_; ++a) {
    const VarianceEntry& v = layout_.entry(a);
    if (layout_.in_leaf(a)) {
      HK[a] = border_.H * border_.K[a];
      NKN[a] = N.transpose() * border_.K[a] * N;
      sum.t[a] -= HK[a].trace();
    } else {
      sum.t[a] +=
          entry_trace(v, layout_.group(v.factor).q(), B, offset_[v.factor], levels(v.factor));
    }
  }
  for (Index a = 0; a < n_v_; ++a)
    for (Index b = 0; b <= a; ++b) {
      if (layout_.in_leaf(a) && layout_.in_leaf(b)) {
        sum.T(a, b) += HK[a].cwiseProduct(HK[b].transpose()).sum();
        continue;
      }
      const VarianceEntry &v = layout_.entry(a), &u = layout_.entry(b);
      if (layout_.in_leaf(a) || layout_.in_leaf(b)) {
        const VarianceEntry& other = layout_.in_leaf(a) ? u : v;
        sum.T(a, b) +=
            entry_trace(other, layout_.group(other.factor).q(), NKN[layout_.in_leaf(a) ? a : b],
                        offset_[other.factor], levels(other.factor));
        continue;
      }
      const Index qa = layout_.group(v.factor).q(), qb = layout_.group(u.factor).q();
      for (Index k = 0; k < levels(v.factor); ++k)
        for (Index l = 0; l < levels(u.factor); ++l)
          sum.T(a, b) +=
              pair_trace(v, offset_[v.factor] + k * qa, u, offset_[u.factor] + l * qb, B, B);
    }
}

KenwardRogerPieces kenward_roger_pieces(const GroupedDesign& design, const VectorXd& W,
                                        const MatrixXd& Lambda, const RunContext& context) {
  const WorkingLayout layout(design);
  const Index p = design.p(), n_v = layout.variances();
  const auto blocks = cluster_blocks(design.clusters(), 16);
  std::vector<KenwardRogerPieces> parts(blocks.size(), KenwardRogerPieces(p, n_v));
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    KenwardRogerCluster cluster(layout, W, Lambda);
    for (Index i = block.first; i < block.last; ++i)
      if (!cluster.add(i, parts[b])) parts[b].status = Status::not_finite;
  });
  KenwardRogerPieces out(p, n_v);
  for (const KenwardRogerPieces& part : parts) {
    out.add(part);
    out.status = worst(out.status, part.status);
  }
  out.symmetrize();
  if (!finished) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
