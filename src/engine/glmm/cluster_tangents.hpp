// The second half of Cluster: its Hessian, by forward tangents of the lines of gradient(). A
// leading d is a tangent; see the notation of cluster.hpp.
#pragma once

#include "glmm/cluster.hpp"

namespace margmix {

template <int Q>
void Cluster<Q>::directions() {
  D_ = D0_ + design_.n_theta();
  deta_.resize(n(), D_);
  dW_.resize(n(), D_);
  du_.resize(q(), D_);
  dA_.resize(D_), dP_.resize(D_), dS2_.resize(D_), ds1_.resize(D_);
}

// A du~ = dV'g - V'W (deta0 + dV u~), then the tangents of eta, W, A and P.
template <int Q>
void Cluster<Q>::tangent_of_mode(Index d) {
  const VectorXd &g = mode_.g, &W = mode_.W;
  const SquareQ<Q>& P = mode_.P;
  const bool in_Lambda = moves_Lambda(d);
  const Index row = in_Lambda ? dL_row(d) : 0, column = in_Lambda ? dL_column(d) : 0;
  VectorQ<Q> rhs = VectorQ<Q>::Zero(q());
  for (Index j = 0; j < n(); ++j) {
    const double explicit_part = in_Lambda ? Z(j, row) * mode_.u[column] : N_(j, d);
    deta_(j, d) = explicit_part;
    for (Index r = 0; r < q(); ++r) rhs[r] -= V(j, r) * W[j] * explicit_part;
    if (in_Lambda) rhs[column] += Z(j, row) * g[j];
  }
  const VectorQ<Q> du = P * (P.transpose() * rhs);
  du_.col(d) = du;
  SquareQ<Q> dA = SquareQ<Q>::Zero(q(), q());
  for (Index j = 0; j < n(); ++j) {
    double deta = deta_(j, d);
    for (Index r = 0; r < q(); ++r) deta += V(j, r) * du[r];
    deta_(j, d) = deta;
    const double dW = T_[j] * deta;
    dW_(j, d) = dW;
    for (Index c = 0; c < q(); ++c)
      for (Index r = 0; r <= c; ++r) dA(r, c) += V(j, r) * dW * V(j, c);
    if (!in_Lambda) continue;
    // dV has the one column `column`, equal to Z(., row)
    const double WZ = W[j] * Z(j, row);
    for (Index r = 0; r < q(); ++r)
      dA(std::min(r, column), std::max(r, column)) += (r == column ? 2 : 1) * WZ * V(j, r);
  }
  dA_[d] = symtri(dA);
  dP_[d] = -P * upper_half(SquareQ<Q>(P.transpose() * dA_[d] * P));
}

// drho and its first two moments in z, for all directions at once.
template <int Q>
void Cluster<Q>::tangent_of_weights() {
  const Index N = rule_.size();
  const SquareQ<Q> L = psi_.Lambda;
  const MatrixXd& z = rule_.z;
  MatrixXd B(n(), D0_ + q()), GB;
  B.leftCols(D0_) = N_;
  B.rightCols(q()) = design_.Z.middleRows(first_, n());
  nodes_.project(B, GB);  // N x (D0 + q)
  const auto GZ = GB.rightCols(q());
  const MatrixXd Pz = mode_.P.lazyProduct(z);
  MatrixXd slope = GZ.lazyProduct(L).transpose() - Pz;  // q x N: h_u at the nodes
  slope.colwise() -= mode_.u;
  dB_.resize(N, D_ * (1 + q()));
  for (Index d = 0; d < D_; ++d) {
    const bool in_Lambda = moves_Lambda(d);
    const Index row = in_Lambda ? dL_row(d) : 0, column = in_Lambda ? dL_column(d) : 0;
    const SquareQ<Q>& dP = dP_[d];
    auto drho = dB_.col(d);
    double mean = 0;
    for (Index k = 0; k < N; ++k) {
      double da = in_Lambda ? GZ(k, row) * (mode_.u[column] + Pz(column, k)) : GB(k, d);
      for (Index r = 0; r < q(); ++r) {
        double du = du_(r, d);
        for (Index s = r; s < q(); ++s) du += dP(r, s) * z(s, k);
        da += slope(r, k) * du;
      }
      drho[k] = rho_[k] > 0 ? da : 0.0;
      mean += rho_[k] * drho[k];
    }
    ds1_[d].setZero(q());
    dS2_[d].setZero(q(), q());
    for (Index k = 0; k < N; ++k) {
      drho[k] = rho_[k] * (drho[k] - mean);
      for (Index r = 0; r < q(); ++r) {
        const double drho_z = drho[k] * z(r, k);
        dB_(k, D_ + d * q() + r) = drho_z;
        ds1_[d][r] += drho_z;
        for (Index s = 0; s < q(); ++s) dS2_[d](r, s) += drho_z * z(s, k);
      }
    }
  }
  nodes_.apply(dB_, GdB_);
}

// Moments of g over the nodes: eta_k = eta~ + e z_k in every row, e = V P. Row j of dgbar, dGam.
template <int Q>
void Cluster<Q>::tangent_of_moments(Index d, Index j) {
  const double deta = deta_(j, d);
  if (laplace_) {
    dgbar_[j] = -mode_.W[j] * deta;
    return;
  }
  const MatrixXd& M = moments_.W;
  double dgbar = GdB_(j, d) - M(j, 0) * deta;
  for (Index r = 0; r < q(); ++r) dGam_(j, r) = GdB_(j, D_ + d * q() + r) - M(j, 1 + r) * deta;
  for (Index s = 0; s < q(); ++s) {
    double de = moves_Lambda(d) ? Z(j, dL_row(d)) * mode_.P(dL_column(d), s) : 0.0;
    for (Index r = 0; r <= s; ++r) de += V(j, r) * dP_[d](r, s);
    dgbar -= de * M(j, 1 + s);
    for (Index r = 0; r < q(); ++r) {
      const Index a = std::min(r, s), c = std::max(r, s);
      dGam_(j, r) -= de * M(j, 1 + q() + c * (c + 1) / 2 + a);
    }
  }
  dgbar_[j] = dgbar;
}

// The tangent of every line of gradient().
template <int Q>
void Cluster<Q>::tangent_of_gradient(Index d) {
  const auto& m = moments_;
  const VectorXd& W = mode_.W;
  const SquareQ<Q>&P = mode_.P, &dP = dP_[d];
  const SquareQ<Q> L = psi_.Lambda, dL = dLambda(d);
  const VectorQ<Q> du = du_.col(d);
  const bool in_Lambda = moves_Lambda(d);
  const Index row = in_Lambda ? dL_row(d) : 0, column = in_Lambda ? dL_column(d) : 0;
  VectorQ<Q> rhs = -du - dP * s1_;
  SquareQ<Q> dPb = -du * s1_.transpose() - dP * S2_;
  if (!laplace_) {
    rhs -= P * ds1_[d];
    dPb -= mode_.u * ds1_[d].transpose() + P * dS2_[d];
  }
  for (Index j = 0; j < n(); ++j) {
    tangent_of_moments(d, j);
    for (Index r = 0; r < q(); ++r) {
      rhs[r] += V(j, r) * dgbar_[j];
      if (!laplace_)
        for (Index s = 0; s < q(); ++s) dPb(r, s) += V(j, r) * dGam_(j, s);
    }
    if (!in_Lambda) continue;
    rhs[column] += Z(j, row) * (m.g[j] + eb_[j]);
    if (!laplace_)
      for (Index s = 0; s < q(); ++s) dPb(column, s) += Z(j, row) * m.gz(j, s);
  }
  const SquareQ<Q> dS = symtri(SquareQ<Q>(dP.transpose() * Pb_ + P.transpose() * dPb));
  const SquareQ<Q> half = dP * S_ * P.transpose();
  const SquareQ<Q> dAb = -0.5 * (half + half.transpose() + P * dS * P.transpose());
  const SquareQ<Q> dLAb = dL * Ab_ + L * dAb;
  const SquareQ<Q> dC = dLAb * L.transpose() + LAb_ * dL.transpose();
  SquareQ<Q> dG2 = SquareQ<Q>::Zero(q(), q());
  for (Index j = 0; j < n(); ++j) {
    double dWb = 0;
    for (Index s = 0; s < q(); ++s)
      for (Index r = 0; r < q(); ++r) {
        const double ZZ = Z(j, r) * Z(j, s);
        dWb += dC(r, s) * ZZ;
        dG2(r, s) += dW_(j, d) * ZZ;
      }
    deb_[j] = dWb * T_[j] + Wb_[j] * F_[j] * deta_(j, d);
    for (Index r = 0; r < q(); ++r) rhs[r] += V(j, r) * deb_[j];
  }
  rhs -= dA_[d] * b_;
  const VectorQ<Q> db = P * (P.transpose() * rhs);
  VectorQ<Q> Zdeta0b = VectorQ<Q>::Zero(q()), Zdg = Zdeta0b;
  SquareQ<Q> ZdGam = SquareQ<Q>::Zero(q(), q());
  for (Index j = 0; j < n(); ++j) {
    double dVb = in_Lambda ? Z(j, row) * b_[column] : 0.0;
    for (Index r = 0; r < q(); ++r) dVb += V(j, r) * db[r];
    const double deta0b = dgbar_[j] + deb_[j] - dW_(j, d) * Vb_[j] - W[j] * dVb;
    deta0b_(j, d) = deta0b;
    for (Index r = 0; r < q(); ++r) {
      Zdeta0b[r] += Z(j, r) * deta0b;
      Zdg[r] -= Z(j, r) * W[j] * deta_(j, d);
      if (!laplace_)
        for (Index s = 0; s < q(); ++s) ZdGam(r, s) += Z(j, r) * dGam_(j, s);
    }
  }
  const SquareQ<Q> dLb = Zdeta0b * mode_.u.transpose() + Zeta0b_ * du.transpose() +
                         ZdGam * P.transpose() + ZGam_ * dP.transpose() +
                         2.0 * (dG2 * LAb_ + G2_ * dLAb) + Zdg * b_.transpose() +
                         Zg_mode_ * db.transpose();
  for (Index t = 0; t < design_.n_theta(); ++t)
    dtheta_(t, d) = dLb(design_.theta_row[t], design_.theta_col[t]);
}

template <int Q>
void Cluster<Q>::hessian() {
  row_directions_ = design_.p() > n();
  D0_ = row_directions_ ? n() : design_.p();
  if (row_directions_)
    N_.setIdentity(n(), n());
  else
    N_ = X();
  directions();
  if (Q == 1) return scalar_hessian();
  for (Index d = 0; d < D_; ++d) tangent_of_mode(d);
  if (!laplace_) tangent_of_weights();
  deta0b_.resize(n(), D_);
  dtheta_.resize(design_.n_theta(), D_);
  for (Index d = 0; d < D_; ++d) tangent_of_gradient(d);
}

template <int Q>
MatrixXd Cluster<Q>::beta_hessian() const {
  if (Q == 1 && !row_directions_) return scalar_.H.topLeftCorner(D0_, D0_);
  const MatrixXd& J = Q == 1 ? scalar_.H : deta0b_;
  MatrixXd JX = J.leftCols(D0_), H = MatrixXd::Zero(design_.p(), design_.p());
  if (row_directions_) {
    JX.resize(n(), design_.p());
    multiply(J.topLeftCorner(n(), D0_), X(), JX);
  }
  add_transposed_multiply(X(), JX, H);
  return H;
}

template <int Q>
void Cluster<Q>::add_hessian(MatrixXd& H) const {
  if (Q == 1 && !row_directions_) {
    H.topLeftCorner(D_, D_) += scalar_.H;
    return;
  }
  const Index p = design_.p(), t = design_.n_theta();
  H.topLeftCorner(p, p) += beta_hessian();
  if (Q == 1) {
    const VectorXd cross = X().transpose() * scalar_.H.col(D0_).head(n());
    H.col(p).head(p) += cross;
    H.row(p).head(p) += cross;
    H(p, p) += scalar_.H(D0_, D0_);
    return;
  }
  add_transposed_multiply(X(), deta0b_.rightCols(t), H.block(0, p, p, t));
  if (row_directions_)
    H.block(p, 0, t, p) += dtheta_.leftCols(D0_).lazyProduct(X());
  else
    H.block(p, 0, t, p) += dtheta_.leftCols(D0_);
  H.block(p, p, t, t) += dtheta_.rightCols(t);
}

template <int Q>
MatrixXd Cluster<Q>::mode_tangents() {
  family_.rows(rows_, mode_.eta.data(), mode_.g.data(), mode_.W.data(), T_.data(), nullptr);
  D0_ = design_.p();
  N_ = X();
  directions();
  for (Index d = 0; d < D_; ++d) tangent_of_mode(d);
  MatrixXd out(q(), D_ + design_.n_aux(family_));
  out.leftCols(D_) = du_;
  if (!family_.has_dispersion()) return out;
  // A du~ = V' dg at fixed eta
  VectorXd g_phi(n());
  family_.rows_dispersion(rows_, mode_.eta.data(), g_phi.data(), nullptr);
  const MatrixXd dg = aux_slopes(design_, first_, g_phi);
  for (Index a = 0; a < dg.cols(); ++a) {
    const VectorQ<Q> rhs = mode_.V.topRows(n()).transpose() * dg.col(a);
    out.col(D_ + a) = mode_.P * (mode_.P.transpose() * rhs);
  }
  return out;
}

// One random column: written out by hand in cluster_1.cpp.
template <int Q>
void Cluster<Q>::scalar_tangents() {}
template <int Q>
void Cluster<Q>::scalar_hessian() {}
template <>
void Cluster<1>::scalar_tangents();
template <>
void Cluster<1>::scalar_hessian();

}  // namespace margmix
