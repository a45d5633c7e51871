// The Hessian of a cluster with one random column, q = 1: second tangents are few enough to be
// written out, and only sums over rows and over nodes are left.
//
//   value = log P + log sum_k exp(a_k),  a_k = const_k + sum_j l_j(eta_jk) - u_k^2 / 2,
//   u_k = u~ + P z_k,  eta_k = eta0 + v u_k,  v = Z theta
//   H_de = d2 log P + cov_rho(da_d, da_e) + sum_k rho_k d2a_k
//
// for directions d, e: columns of X (or rows of the cluster), and theta, the last one. What W and T
// at the mode carry into the value comes through A and u~, whose adjoints are Ab and b:
//   P = A^-1/2       d2P = -P^3 d2A / 2 + 3 dP dP / P
//   A = 1 + v'W v    d2A = sum v^2 (F deta deta + T d2eta) + 4 v dv T deta + 2 dv W dv
//   v'g = u~         A d2u~ = -sum v T deta deta + 2 dv W deta + 2 v W dv du~
// with deta the tangent at the mode, dv = Z in the direction theta and 0 in others, d2eta = 2 dv
// du~ and every product of two tangents symmetrised.
#include "glmm/cluster.hpp"

namespace margmix {

// deta, du~, dP at the mode; da_k less its mean over the nodes in the first N rows of S.
template <>
void Cluster<1>::scalar_tangents() {
  auto& [B, GB, S, wS, H, du, dP, weight, w, r, c] = scalar_;
  const Index t = D0_, N = laplace_ ? 0 : rule_.size();
  const double P = mode_.P(0, 0), u = mode_.u[0];
  const auto W = mode_.W.head(n()).array(), T = T_.head(n()).array();
  const auto v = mode_.V.col(0).head(n()).array();
  B.resize(n(), D_);
  B.leftCols(t) = N_;
  B.col(t) = design_.Z.col(0).segment(first_, n());
  const auto z = B.col(t).array();
  deta_.leftCols(t) = N_;
  deta_.col(t).array() = z * u;
  w = (W * v).matrix();
  du.noalias() = -P * P * (deta_.transpose() * w);
  du[t] += P * P * Zg_mode_[0];
  deta_.noalias() += mode_.V.col(0).head(n()) * du.transpose();
  w = (T * v.square()).matrix();
  dP.noalias() = deta_.transpose() * w;
  dP[t] += 2 * (W * v * z).sum();
  dP *= -0.5 * P * P * P;
  S.resize(N + n(), D_);
  S.bottomRows(n()) = deta_;
  if (laplace_) return;
  nodes_.project(B, GB);
  const auto z_k = rule_.z.row(0).transpose().array();
  auto da = S.topRows(N);
  r = (psi_.Lambda(0, 0) * GB.col(t).array() - u - P * z_k).matrix();  // h_u at the nodes
  GB.col(t).array() *= u + P * z_k;
  for (Index d = 0; d < D_; ++d) {
    da.col(d) = GB.col(d).array() + r.array() * (du[d] + dP[d] * z_k);
    da.col(d).array() -= da.col(d).dot(rho_);
  }
}

template <>
void Cluster<1>::scalar_hessian() {
  scalar_tangents();
  auto& [B, GB, S, wS, H, du, dP, weight, w, r, c] = scalar_;
  const Index t = D0_, N = S.rows() - n();
  const double P = mode_.P(0, 0), theta = psi_.Lambda(0, 0), Ab = Ab_(0, 0), b = b_[0];
  const auto W = mode_.W.head(n()).array(), T = T_.head(n()).array(), F = F_.head(n()).array();
  const auto v = mode_.V.col(0).head(n()).array();
  const auto z = B.col(t).array();
  const auto M0 = moments_.W.col(0).array(), M1 = moments_.W.col(1).array();
  const auto M2 = moments_.W.col(2).array();

  // the terms in da da, with weights rho, and in deta deta
  weight.resize(S.rows());
  weight.head(N) = rho_.head(N);
  weight.tail(n()) = (v * (Ab * v * F - b * T) - M0).matrix();
  small_crossproduct(S, weight, wS, H);

  // the terms in dv, which only theta has
  const double M2zz = (M2 * z.square()).sum();
  const double by_du =
      (z * moments_.g.array()).sum() - b * (v * z * W).sum() + Ab * (v.square() * z * T).sum();
  const double by_dP = ZGam_(0, 0) - theta * P * M2zz;
  w = (z * (2 * Ab * v * T - P * M1 - b * W)).matrix();
  r.noalias() = deta_.transpose() * w;
  r += by_du * du + by_dP * dP;
  H.row(t) += r.transpose();
  H.col(t) += r;
  H(t, t) += 2 * Ab * (W * z.square()).sum() - P * P * M2zz;

  // the terms in du~ and dP
  const double PP = S2_(0, 0) + theta * theta * M2zz - (2 / P + 3 * Pb_(0, 0)) / P;
  w = (M1 * v).matrix();
  c.noalias() = deta_.transpose() * w;
  c += s1_[0] * du;
  for (Index e = 0; e < D_; ++e) H.col(e) -= du[e] * du + dP[e] * c + (c[e] + PP * dP[e]) * dP;
}

template class Cluster<1>;

}  // namespace margmix
