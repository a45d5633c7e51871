// One cluster's contribution to the log-likelihood by Laplace (K = 1) or adaptive Gauss-Hermite
// quadrature, its exact gradient in adjoint order and its exact Hessian by forward tangents of
// that gradient.
//
// Value:     log|P| + logsumexp_k [ log omega_k + sum_j l_j(eta_k) - u_k'u_k / 2 + z_k'z_k / 2 ],
//            u_k = u~ + P z_k (Pinheiro & Bates 1995; Liu & Pierce 1994)
// Notation:  bars are adjoints, d(value)/d(quantity); a leading d is a tangent. `dot` = row-wise.
#pragma once

#include <cmath>

#include "glmm/nodes.hpp"
#include "linalg/triangular.hpp"

namespace margmix {

// Derivatives of one cluster in the directions that reach it: eta0 (rows) and Lambda.
template <int Q>
class Cluster {
 public:
  Cluster(const Design& design, const Family& family, const ProductRule& rule,
          const Parameters& psi);

  // order 0: value; 1: gradient; 2: gradient and Hessian. `start` is a guess of the mode.
  Status evaluate(Index i, const VectorQ<Q>& start, int order);

  double value() const { return value_; }
  const Mode<Q>& mode() const { return mode_; }
  // Adds this cluster's gradient to out (P entries) and Hessian to H (P x P).
  void add_gradient(double* out) const;
  void add_hessian(MatrixXd& H) const;
  // p x p block of the Hessian in beta.
  MatrixXd beta_hessian() const;

  // Quadrature weights and nodes: sum rho = 1, u_k = u~ + P z_k (q x N).
  const VectorXd& rho() const { return rho_; }
  MatrixXd u_nodes() const { return (mode_.P * rule_.z).colwise() + mode_.u; }
  // d u~ / d psi (q x (p + n_theta)), after evaluate() of any order.
  MatrixXd mode_tangents();

 private:
  void quadrature(int order);
  void gradient();
  void hessian();
  void directions();
  void tangent_of_mode(Index d);
  void tangent_of_weights();
  void tangent_of_gradient(Index d);
  SquareQ<Q> dLambda(Index d) const;
  RowsByQ<Q> dV(Index d) const;
  Index n() const { return mode_.n; }
  Index q() const { return design_.q(); }
  auto head(const VectorXd& v) const { return v.head(n()); }
  auto V() const { return mode_.V.topRows(n()); }
  auto Z() const { return design_.Z.middleRows(first_, n()); }
  auto X() const { return design_.X.middleRows(first_, n()); }

  const Design& design_;
  const Family& family_;
  const ProductRule& rule_;
  const Parameters& psi_;
  const bool laplace_;
  Mode<Q> mode_;
  Nodes<Q> nodes_;
  NodeMoments<Q> moments_;
  Rows rows_;
  Index first_ = 0;
  double value_ = 0;

  // nodes
  VectorXd rho_;
  VectorQ<Q> s1_;   // sum rho z
  SquareQ<Q> S2_;   // sum rho z z'
  // mode rows
  VectorXd T_, F_, scratch_;
  // adjoints
  SquareQ<Q> Pb_, S_, Ab_, G2_, LAb_, C_;
  VectorQ<Q> b_;
  VectorXd Wb_, eb_, eta0b_, Vb_;
  VectorQ<Q> Zg_mode_, Zeta0b_;
  SquareQ<Q> ZGam_, Lb_;
  double log_phib_ = 0;
  // tangents: directions are D0 columns in eta0 (X, or the identity where p > n) and n_theta
  bool row_directions_ = false;
  Index D0_ = 0, D_ = 0;
  MatrixXd N_;                       // n x D0
  MatrixXd deta_, dW_;               // n x D
  Eigen::Matrix<double, Q, Dynamic> du_;   // q x D
  std::vector<SquareQ<Q>> dA_, dP_, dS2_;
  std::vector<VectorQ<Q>> ds1_;
  MatrixXd drho_, GdB_, deta0b_;     // N x D; n x D (1 + q); n x D
  MatrixXd dtheta_;                  // n_theta x D: tangents of the theta gradient
};

template <int Q>
Cluster<Q>::Cluster(const Design& design, const Family& family, const ProductRule& rule,
                    const Parameters& psi)
    : design_(design), family_(family), rule_(rule), psi_(psi), laplace_(rule.K == 1),
      nodes_(family, rule) {
  const Index most = design.largest_cluster();
  mode_.reserve(most, q());
  for (VectorXd* v : {&T_, &F_, &scratch_, &Wb_, &eb_, &eta0b_, &Vb_}) v->resize(most);
}

template <int Q>
Status Cluster<Q>::evaluate(Index i, const VectorQ<Q>& start, int order) {
  first_ = design_.first(i);
  mode_.n = design_.size(i);
  rows_ = design_.response.part(first_, n());
  for (Index j = 0; j < n(); ++j) mode_.eta0[j] = design_.offset[first_ + j];
  for (Index c = 0; c < design_.p(); ++c) {
    const double beta = psi_.beta[c];
    const double* x = design_.X.data() + c * design_.X.rows() + first_;
    for (Index j = 0; j < n(); ++j) mode_.eta0[j] += beta * x[j];
  }
  for (Index c = 0; c < q(); ++c)
    for (Index j = 0; j < n(); ++j) {
      double v = 0;
      for (Index r = c; r < q(); ++r) v += design_.Z(first_ + j, r) * psi_.Lambda(r, c);
      mode_.V(j, c) = v;
    }
  const Status status = mode_.find(rows_, family_, start);
  if (status != Status::ok) {
    value_ = status == Status::not_finite ? -kInf : kNaN;
    return status;
  }
  quadrature(order);
  if (!std::isfinite(value_)) return Status::not_finite;
  if (order >= 1) gradient();
  if (order >= 2) hessian();
  return Status::ok;
}

template <int Q>
void Cluster<Q>::quadrature(int order) {
  if (laplace_) {
    value_ = mode_.log_det_P + mode_.rows_value - 0.5 * mode_.u.squaredNorm();
    rho_.setOnes(1);
    return;
  }
  nodes_.evaluate(rows_, mode_, order);
  const Index N = rule_.size();
  rho_.resize(N);
  double most = -kInf;
  for (Index k = 0; k < N; ++k) {
    const VectorQ<Q> u = mode_.u + mode_.P * rule_.z.col(k);
    rho_[k] = rule_.log_weight[k] + nodes_.lsum()[k] - 0.5 * u.squaredNorm();
    most = std::max(most, rho_[k]);
  }
  rho_ = (rho_.array() - most).exp();
  const double sum = rho_.sum();
  rho_ /= sum;
  value_ = mode_.log_det_P + most + std::log(sum);
}

// The adjoint sweep; every line is one quantity of the value traced back.
template <int Q>
void Cluster<Q>::gradient() {
  auto& m = moments_;
  family_.rows(rows_, mode_.eta.data(), mode_.g.data(), mode_.W.data(), T_.data(), nullptr);
  if (laplace_) {
    m.g = head(mode_.g);
    m.gz.setZero(n(), q());
    s1_.setZero(q());
    S2_.setZero(q(), q());
  } else {
    nodes_.weigh(rho_, m, false);
    s1_ = rule_.z * rho_;
    S2_ = rule_.z * rho_.asDiagonal() * rule_.z.transpose();
  }
  const SquareQ<Q>& P = mode_.P;
  const SquareQ<Q> L = psi_.Lambda;
  const auto g = head(mode_.g), W = head(mode_.W), T = head(T_);
  // nodes -> (u~, P)
  VectorQ<Q> ub = V().transpose().lazyProduct(m.g);
  ub -= mode_.u + P * s1_;
  Pb_ = V().transpose().lazyProduct(m.gz);
  Pb_ -= mode_.u * s1_.transpose() + P * S2_;
  // P and log|P| -> A
  S_ = symtri(SquareQ<Q>(P.transpose() * Pb_));
  S_.diagonal().array() += 1.0;
  Ab_ = -0.5 * P * S_ * P.transpose();
  // A -> W -> eta at the mode
  LAb_ = L * Ab_;
  C_ = LAb_ * L.transpose();
  G2_.resize(q(), q());
  for (Index r = 0; r < q(); ++r)
    for (Index s = 0; s < q(); ++s) {
      double sum = 0;
      for (Index j = 0; j < n(); ++j) sum += Z()(j, r) * W[j] * Z()(j, s);
      G2_(r, s) = sum;
    }
  for (Index j = 0; j < n(); ++j) {
    double sum = 0;
    for (Index s = 0; s < q(); ++s)
      for (Index r = 0; r < q(); ++r) sum += Z()(j, r) * C_(r, s) * Z()(j, s);
    Wb_[j] = sum;
    eb_[j] = sum * T[j];
  }
  // the implicit mode: A b = ub + V'eb
  ub += V().transpose().lazyProduct(head(eb_));
  b_ = P * (P.transpose() * ub);
  Vb_.head(n()) = V().lazyProduct(b_);
  eta0b_.head(n()) = m.g + head(eb_) - W.cwiseProduct(head(Vb_));
  // Lambda
  Zeta0b_ = Z().transpose().lazyProduct(head(eta0b_));
  Zg_mode_ = Z().transpose().lazyProduct(g);
  ZGam_ = Z().transpose().lazyProduct(m.gz);
  Lb_ = Zeta0b_ * mode_.u.transpose() + ZGam_ * P.transpose() + 2.0 * G2_ * LAb_ +
        Zg_mode_ * b_.transpose();
  if (!family_.has_dispersion()) return;
  VectorXd g_phi(n()), W_phi(n());
  const double at_mode =
      family_.rows_dispersion(rows_, mode_.eta.data(), g_phi.data(), W_phi.data());
  log_phib_ = (laplace_ ? at_mode : nodes_.dispersion(rho_)) + head(Wb_).dot(W_phi) +
              head(Vb_).dot(g_phi);
}

template <int Q>
void Cluster<Q>::add_gradient(double* out) const {
  for (Index c = 0; c < design_.p(); ++c) {
    const double* x = design_.X.data() + c * design_.X.rows() + first_;
    double sum = 0;
    for (Index j = 0; j < n(); ++j) sum += x[j] * eta0b_[j];
    out[c] += sum;
  }
  out += design_.p();
  for (Index t = 0; t < design_.n_theta(); ++t)
    out[t] += Lb_(design_.theta_row[t], design_.theta_col[t]);
  if (family_.has_dispersion()) out[design_.n_theta()] += log_phib_;
}

// ---- tangents ------------------------------------------------------------------------------

template <int Q>
SquareQ<Q> Cluster<Q>::dLambda(Index d) const {
  SquareQ<Q> dL = SquareQ<Q>::Zero(q(), q());
  if (d >= D0_) dL(design_.theta_row[d - D0_], design_.theta_col[d - D0_]) = 1.0;
  return dL;
}

template <int Q>
RowsByQ<Q> Cluster<Q>::dV(Index d) const {
  RowsByQ<Q> v = RowsByQ<Q>::Zero(n(), q());
  if (d >= D0_) v.col(design_.theta_col[d - D0_]) = Z().col(design_.theta_row[d - D0_]);
  return v;
}

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
  const auto W = head(mode_.W), T = head(T_);
  const RowsByQ<Q> V = this->V();
  const SquareQ<Q>& P = mode_.P;
  VectorQ<Q> rhs = VectorQ<Q>::Zero(q());
  const bool in_theta = d >= D0_;
  const RowsByQ<Q> dv = in_theta ? dV(d) : RowsByQ<Q>(0, q());
  if (in_theta) {
    deta_.col(d).noalias() = dv * mode_.u;
    rhs += dv.transpose().lazyProduct(head(mode_.g));
  } else {
    deta_.col(d) = N_.col(d);
  }
  rhs -= V.transpose().lazyProduct(W.cwiseProduct(deta_.col(d)));
  const VectorQ<Q> du = P * (P.transpose() * rhs);
  du_.col(d) = du;
  deta_.col(d) += V.lazyProduct(du);
  dW_.col(d) = T.cwiseProduct(deta_.col(d));
  SquareQ<Q> dA = SquareQ<Q>::Zero(q(), q());
  for (Index c = 0; c < q(); ++c)
    for (Index r = 0; r <= c; ++r) {
      double sum = 0;
      for (Index j = 0; j < n(); ++j) {
        sum += V(j, r) * dW_(j, d) * V(j, c);
        if (in_theta) sum += W[j] * (dv(j, r) * V(j, c) + V(j, r) * dv(j, c));
      }
      dA(r, c) = dA(c, r) = sum;
    }
  dA_[d] = dA;
  dP_[d] = -P * upper_half(SquareQ<Q>(P.transpose() * dA * P));
}

// drho and its first two moments in z, for all directions at once.
template <int Q>
void Cluster<Q>::tangent_of_weights() {
  const Index N = rule_.size();
  const SquareQ<Q> L = psi_.Lambda;
  MatrixXd B(n(), D0_ + q()), GB;
  B.leftCols(D0_) = N_;
  B.rightCols(q()) = Z();
  nodes_.project(B, GB);  // N x (D0 + q)
  const MatrixXd GZ = GB.rightCols(q());
  MatrixXd Pz = mode_.P * rule_.z;
  MatrixXd slope = (GZ * L).transpose() - Pz;  // q x N: h_u at the nodes
  slope.colwise() -= mode_.u;
  drho_.resize(N, D_);
  MatrixXd dB(N, D_ * (1 + q()));
  for (Index d = 0; d < D_; ++d) {
    MatrixXd du = dP_[d] * rule_.z;
    du.colwise() += du_.col(d);
    VectorXd da = slope.cwiseProduct(du).colwise().sum().transpose();
    if (d < D0_) {
      da += GB.col(d);
    } else {
      const Index r = design_.theta_row[d - D0_], c = design_.theta_col[d - D0_];
      da.array() += GZ.col(r).array() * (mode_.u[c] + Pz.row(c).transpose().array());
    }
    for (Index k = 0; k < N; ++k)
      if (rho_[k] == 0) da[k] = 0;
    drho_.col(d) = rho_.array() * (da.array() - rho_.dot(da));
    ds1_[d] = rule_.z * drho_.col(d);
    dS2_[d] = rule_.z * drho_.col(d).asDiagonal() * rule_.z.transpose();
    dB.col(d) = drho_.col(d);
    for (Index r = 0; r < q(); ++r)
      dB.col(D_ + d * q() + r) = drho_.col(d).cwiseProduct(rule_.z.row(r).transpose());
  }
  nodes_.apply(dB, GdB_);
}

// The tangent of every line of gradient().
template <int Q>
void Cluster<Q>::tangent_of_gradient(Index d) {
  const auto& m = moments_;
  const auto W = head(mode_.W), T = head(T_), F = head(F_);
  const SquareQ<Q>& P = mode_.P;
  const SquareQ<Q>& dP = dP_[d];
  const SquareQ<Q> L = psi_.Lambda, dL = dLambda(d);
  const RowsByQ<Q> V = this->V(), Z = this->Z(), dv = dV(d);
  const VectorQ<Q> du = du_.col(d);
  const auto deta = deta_.col(d), dW = dW_.col(d);
  // moments of g over the nodes: eta_k = eta~ + e z_k in every row, de = dV P + V dP
  VectorXd dgbar;
  RowsByQ<Q> dGam = RowsByQ<Q>::Zero(n(), q());
  if (laplace_) {
    dgbar = -W.cwiseProduct(deta);
  } else {
    const RowsByQ<Q> de = dv * P + V * dP;
    dgbar = GdB_.col(d) - m.W.col(0).cwiseProduct(deta);
    for (Index r = 0; r < q(); ++r) {
      dgbar -= de.col(r).cwiseProduct(m.W.col(1 + r));
      dGam.col(r) = GdB_.col(D_ + d * q() + r) - deta.cwiseProduct(m.W.col(1 + r));
      for (Index s = 0; s < q(); ++s) {
        const Index a = std::min(r, s), c = std::max(r, s);
        dGam.col(r) -= de.col(s).cwiseProduct(m.W.col(1 + q() + c * (c + 1) / 2 + a));
      }
    }
  }
  const VectorQ<Q> ds1 = laplace_ ? VectorQ<Q>(VectorQ<Q>::Zero(q())) : ds1_[d];
  const SquareQ<Q> dS2 = laplace_ ? SquareQ<Q>(SquareQ<Q>::Zero(q(), q())) : dS2_[d];
  VectorQ<Q> dub = dv.transpose().lazyProduct(m.g);
  dub += V.transpose().lazyProduct(dgbar);
  dub -= du + dP * s1_ + P * ds1;
  SquareQ<Q> dPb = dv.transpose().lazyProduct(m.gz);
  dPb += V.transpose().lazyProduct(dGam);
  dPb -= du * s1_.transpose() + mode_.u * ds1.transpose() + dP * S2_ + P * dS2;
  const SquareQ<Q> dS = symtri(SquareQ<Q>(dP.transpose() * Pb_ + P.transpose() * dPb));
  const SquareQ<Q> half = dP * S_ * P.transpose();
  const SquareQ<Q> dAb = -0.5 * (half + half.transpose() + P * dS * P.transpose());
  const SquareQ<Q> dLAb = dL * Ab_ + L * dAb;
  const SquareQ<Q> dC = dLAb * L.transpose() + LAb_ * dL.transpose();
  VectorXd deb(n());
  SquareQ<Q> dG2 = SquareQ<Q>::Zero(q(), q());
  for (Index j = 0; j < n(); ++j) {
    double dWb = 0;
    for (Index s = 0; s < q(); ++s)
      for (Index r = 0; r < q(); ++r) {
        dWb += Z(j, r) * dC(r, s) * Z(j, s);
        dG2(r, s) += Z(j, r) * dW[j] * Z(j, s);
      }
    deb[j] = dWb * T[j] + Wb_[j] * F[j] * deta[j];
  }
  VectorQ<Q> rhs = dub - dA_[d] * b_;
  rhs += dv.transpose().lazyProduct(head(eb_));
  rhs += V.transpose().lazyProduct(deb);
  const VectorQ<Q> db = P * (P.transpose() * rhs);
  VectorXd dVb = V.lazyProduct(db);
  dVb += dv.lazyProduct(b_);
  deta0b_.col(d) = dgbar + deb - dW.cwiseProduct(head(Vb_)) - W.cwiseProduct(dVb);
  const VectorQ<Q> Zdeta0b = Z.transpose().lazyProduct(deta0b_.col(d));
  const VectorQ<Q> Zdg = -Z.transpose().lazyProduct(W.cwiseProduct(deta));
  const SquareQ<Q> ZdGam = Z.transpose().lazyProduct(dGam);
  const SquareQ<Q> dLb = Zdeta0b * mode_.u.transpose() + Zeta0b_ * du.transpose() +
                         ZdGam * P.transpose() + ZGam_ * dP.transpose() +
                         2.0 * (dG2 * LAb_ + G2_ * dLAb) + Zdg * b_.transpose() +
                         Zg_mode_ * db.transpose();
  for (Index t = 0; t < design_.n_theta(); ++t)
    dtheta_(t, d) = dLb(design_.theta_row[t], design_.theta_col[t]);
}

template <int Q>
void Cluster<Q>::hessian() {
  if (!laplace_) nodes_.weigh(rho_, moments_, true);
  row_directions_ = design_.p() > n();
  D0_ = row_directions_ ? n() : design_.p();
  if (row_directions_)
    N_.setIdentity(n(), n());
  else
    N_ = X();
  family_.rows(rows_, mode_.eta.data(), nullptr, nullptr, nullptr, F_.data());
  directions();
  for (Index d = 0; d < D_; ++d) tangent_of_mode(d);
  if (!laplace_) tangent_of_weights();
  deta0b_.resize(n(), D_);
  dtheta_.resize(design_.n_theta(), D_);
  for (Index d = 0; d < D_; ++d) tangent_of_gradient(d);
}

template <int Q>
MatrixXd Cluster<Q>::beta_hessian() const {
  if (row_directions_) return X().transpose() * deta0b_.leftCols(D0_) * X();
  return X().transpose() * deta0b_.leftCols(D0_);
}

template <int Q>
void Cluster<Q>::add_hessian(MatrixXd& H) const {
  const Index p = design_.p(), t = design_.n_theta();
  H.topLeftCorner(p, p) += beta_hessian();
  if (row_directions_)
    H.block(p, 0, t, p) += dtheta_.leftCols(D0_) * X();
  else
    H.block(p, 0, t, p) += dtheta_.leftCols(D0_);
  H.block(0, p, p, t) += X().transpose() * deta0b_.rightCols(t);
  H.block(p, p, t, t) += dtheta_.rightCols(t);
}

template <int Q>
MatrixXd Cluster<Q>::mode_tangents() {
  family_.rows(rows_, mode_.eta.data(), mode_.g.data(), mode_.W.data(), T_.data(), nullptr);
  D0_ = design_.p();
  N_ = X();
  directions();
  for (Index d = 0; d < D_; ++d) tangent_of_mode(d);
  return du_;
}

}  // namespace margmix
