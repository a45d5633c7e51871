#include "glmm/nested_tangents.hpp"

#include <algorithm>
#include <cmath>

#include "glmm/nested_tangents_adjoint.hpp"

namespace margmix {

template <int QB, int QA>
void NestedTangents<QB, QA>::begin(Index from, Index count) {
  from_ = from;
  D_ = count;
  parts_.resize(mode_.count);
  ya_.setZero(model_.qa(), D_);
  Yaa_.assign(D_, SquareA::Zero(model_.qa(), model_.qa()));
  dKaa_ = dPs_ = Yaa_;
}

template <int QB, int QA>
void NestedTangents<QB, QA>::columns(Index from, Index count, const NodesOf& nodes, MatrixXd& H) {
  begin(from, count);
  for (Index i = 0; i < mode_.count; ++i) mode_slopes(i);
  dua_ = mode_.P * ya_;
  for (Index i = 0; i < mode_.count; ++i) modes(i);
  for (Index d = 0; d < D_; ++d) dPs_[d] = -mode_.P * upper_half(Yaa_[d]);
  da_.setZero(rho_.size(), D_);
  for (Index i = 0; i < mode_.count; ++i) weights(i, nodes(i));
  ya_.setZero();
  top_weights();
  for (Index i = 0; i < mode_.count; ++i) {
    moments(i, nodes(i));
    adjoints_of_P(i);
  }
  for (SquareA& dK : dKaa_) dK = symtri(dK);
  for (Index i = 0; i < mode_.count; ++i) adjoints_of_information(i);
  for (Index i = 0; i < mode_.count; ++i) adjoints_of_rows(i, H);
}

// A du~ = dV'g - V'W (deta0 + dV u~): the right-hand side, and y = P'rhs.
template <int QB, int QA>
void NestedTangents<QB, QA>::mode_slopes(Index i) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  part.deta.resize(n, D_);
  part.y.resize(q, D_);
  for (Index d = 0; d < D_; ++d) {
    Vector rhs = Vector::Zero(q);
    for (Index j = 0; j < n; ++j) {
      const double given =
          in_Lambda(d) ? leaf.Z(j, row(d)) * leaf.mode.u[column(d)] : leaf.X()(j, from_ + d);
      part.deta(j, d) = given;
      for (Index r = 0; r < q; ++r) rhs[r] -= leaf.V(j, r) * leaf.mode.W[j] * given;
      if (in_Lambda(d)) rhs[column(d)] += leaf.Z(j, row(d)) * leaf.mode.g[j];
    }
    const Vector y = leaf.mode.P.transpose() * rhs;
    part.y.col(d) = y;
    ya_.col(d) += leaf.weight() * model_.a(y);
  }
}

// Tangents of the mode, of eta and W there, and of A in Y = P'dA P.
template <int QB, int QA>
void NestedTangents<QB, QA>::modes(Index i) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  part.du.resize(q, D_);
  part.dW.resize(n, D_);
  part.dA.resize(D_);
  part.Y.resize(D_);
  for (Index d = 0; d < D_; ++d) {
    Vector y = part.y.col(d);
    model_.a(y) = ya_.col(d);
    const Vector du = leaf.mode.P * y;
    part.du.col(d) = du;
    Square dA = Square::Zero(q, q);
    for (Index j = 0; j < n; ++j) {
      double deta = part.deta(j, d);
      for (Index r = 0; r < q; ++r) deta += leaf.V(j, r) * du[r];
      part.deta(j, d) = deta;
      const double dW = leaf.T[j] * deta;
      part.dW(j, d) = dW;
      for (Index c = 0; c < q; ++c)
        for (Index r = 0; r <= c; ++r) dA(r, c) += leaf.V(j, r) * dW * leaf.V(j, c);
      if (!in_Lambda(d)) continue;
      // dV has the one column `column`, equal to Z(., row)
      const Index c = column(d);
      const double WZ = leaf.mode.W[j] * leaf.Z(j, row(d));
      for (Index r = 0; r < q; ++r)
        dA(std::min(r, c), std::max(r, c)) += (r == c ? 2 : 1) * WZ * leaf.V(j, r);
    }
    part.dA[d] = symtri(dA);
    part.Y[d] = leaf.mode.P.transpose() * part.dA[d] * leaf.mode.P;
    Yaa_[d] += leaf.weight() * model_.aa(part.Y[d]);
  }
}

// Tangents of P and of the log-integrand at the nodes; their means over the leaf's nodes.
template <int QB, int QA>
void NestedTangents<QB, QA>::weights(Index i, Nodes<Q>& nodes) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), qb = model_.qb(), n = leaf.n();
  const MatrixXd& z = model_.rule.both.z;
  const Index N = z.cols(), K = rho_.size();
  const Index fixed = std::max<Index>(0, std::min(D_, p() - from_));
  MatrixXd B(n, fixed + q), GB;
  B.leftCols(fixed) = leaf.X().middleCols(std::min(from_, p() - fixed), fixed);
  for (Index r = 0; r < q; ++r)
    for (Index j = 0; j < n; ++j) B(j, fixed + r) = leaf.Z(j, r);
  nodes.project(B, GB);  // N x (fixed + q)
  const auto GZ = GB.rightCols(q);
  const MatrixXd Pz = leaf.mode.P * z;
  MatrixXd slope = (GZ * model_.Lambda).transpose();  // q x N: what u moves
  slope.topRows(qb) -= Pz.topRows(qb).colwise() + model_.b(leaf.mode.u);
  part.dP.resize(D_);
  part.da.resize(N, D_);
  part.dmean.resize(K, D_);
  for (Index d = 0; d < D_; ++d) {
    Square Y = part.Y[d];
    model_.aa(Y) = Yaa_[d];
    const Square dP = -leaf.mode.P * upper_half(Y);
    part.dP[d] = dP;
    for (Index k = 0; k < N; ++k) {
      double da =
          in_Lambda(d) ? GZ(k, row(d)) * (leaf.mode.u[column(d)] + Pz(column(d), k)) : GB(k, d);
      for (Index r = 0; r < q; ++r) {
        double du = part.du(r, d);
        for (Index s = r; s < q; ++s) du += dP(r, s) * z(s, k);
        da += slope(r, k) * du;
      }
      part.da(k, d) = std::isfinite(da) ? da : 0.0;  // a node without weight
    }
    // w = rho_k pi_m|k
    const Eigen::Map<const MatrixXd> da(part.da.col(d).data(), K, N / K);
    part.dmean.col(d) = leaf.w.cwiseProduct(da).rowwise().sum();
    for (Index k = 0; k < K; ++k)
      if (rho_[k] > 0) part.dmean(k, d) /= rho_[k];
  }
  da_ += leaf.weight() * part.dmean;
}

// Tangents of log rho; the prior's share of the adjoints of P_s and u_a.
template <int QB, int QA>
void NestedTangents<QB, QA>::top_weights() {
  const MatrixXd& z = model_.rule.top.z;
  const SquareA& P = mode_.P;
  const MatrixXd u = (P * z).colwise() + mode_.u;
  for (Index d = 0; d < D_; ++d) {
    const VectorA du = dua_.col(d);
    const MatrixXd moved = (dPs_[d] * z).colwise() + du;
    da_.col(d) -= u.cwiseProduct(moved).colwise().sum().transpose();
    da_.col(d).array() -= rho_.dot(da_.col(d));
    const VectorXd drho = rho_.cwiseProduct(da_.col(d));
    const VectorA ds1 = z * drho;
    const SquareA dS2 = z * drho.asDiagonal() * z.transpose();
    const VectorA prior_u = du + dPs_[d] * adjoint_.s1 + P * ds1;
    const SquareA prior_P =
        du * adjoint_.s1.transpose() + mode_.u * ds1.transpose() + dPs_[d] * adjoint_.S2 + P * dS2;
    dKaa_[d] = -dPs_[d].transpose() * adjoint_.prior_P - P.transpose() * prior_P;
    ya_.col(d) = -P.transpose() * prior_u;
  }
}

// Moments of g over the nodes: eta_km = eta~ + e z in every row, e = V P.
template <int QB, int QA>
void NestedTangents<QB, QA>::moments(Index i, Nodes<Q>& nodes) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  const MatrixXd& z = model_.rule.both.z;
  const Index N = z.cols(), K = rho_.size();
  MatrixXd dw(N, D_ * (1 + q));
  for (Index d = 0; d < D_; ++d) {
    const VectorXd shift = da_.col(d) - part.dmean.col(d);
    for (Index k = 0; k < N; ++k) {
      const double change = leaf.w.data()[k] * (part.da(k, d) + shift[k % K]);
      dw(k, d) = change;
      for (Index r = 0; r < q; ++r) dw(k, D_ + d * q + r) = change * z(r, k);
    }
  }
  nodes.apply(dw, part.dG);
  // ds1 and dS2 in place of the weights, which are not needed again
  part.da = z * dw.rightCols(D_ * q);  // q x D q
  part.dmean = dw.rightCols(D_ * q).colwise().sum();
  const MatrixXd& M = leaf.moments.W;
  for (Index d = 0; d < D_; ++d)
    for (Index j = 0; j < n; ++j) {
      const double deta = part.deta(j, d);
      double dgbar = part.dG(j, d) - M(j, 0) * deta;
      for (Index r = 0; r < q; ++r) part.dG(j, D_ + d * q + r) -= M(j, 1 + r) * deta;
      for (Index s = 0; s < q; ++s) {
        double de = in_Lambda(d) ? leaf.Z(j, row(d)) * leaf.mode.P(column(d), s) : 0.0;
        for (Index r = 0; r <= s; ++r) de += leaf.V(j, r) * part.dP[d](r, s);
        dgbar -= de * M(j, 1 + s);
        for (Index r = 0; r < q; ++r) {
          const Index a = std::min(r, s), c = std::max(r, s);
          part.dG(j, D_ + d * q + r) -= de * M(j, 1 + q + c * (c + 1) / 2 + a);
        }
      }
      part.dG(j, d) = dgbar;
    }
}

template <int QB, int QA>
std::vector<MatrixXd> NestedTangents<QB, QA>::of_modes() {
  const Index aux = model_.design.flat.n_aux(model_.family);
  const Index P = p() + model_.design.n_theta() + aux;
  begin(0, p() + model_.design.n_theta());
  for (Index i = 0; i < mode_.count; ++i) mode_slopes(i);
  dua_ = mode_.P * ya_;
  for (Index i = 0; i < mode_.count; ++i) modes(i);
  std::vector<MatrixXd> out;
  // A du~ = V'dg at fixed eta, for aux
  MatrixXd y_a = MatrixXd::Zero(model_.qa(), aux);
  std::vector<MatrixXd> y;
  for (Index i = 0; i < mode_.count; ++i) {
    const auto& leaf = mode_.leaves[i];
    out.emplace_back(model_.q(), P);
    out[i].leftCols(D_) = parts_[i].du;
    if (!aux) continue;
    VectorXd g_phi(leaf.n());
    model_.family.rows_dispersion(leaf.rows, leaf.mode.eta.data(), g_phi.data(), nullptr);
    const MatrixXd dg = aux_slopes(model_.design.flat, leaf.first(), g_phi);
    y.push_back(leaf.mode.P.transpose() * (leaf.mode.V.topRows(leaf.n()).transpose() * dg));
    y_a += leaf.weight() * y[i].bottomRows(model_.qa());
  }
  for (Index i = 0; aux && i < mode_.count; ++i) {
    y[i].bottomRows(model_.qa()) = y_a;
    out[i].rightCols(aux) = mode_.leaves[i].mode.P * y[i];
  }
  return out;
}

template class NestedTangents<1, 1>;
template class NestedTangents<Dynamic, Dynamic>;

}  // namespace margmix
