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
#include "glmm/stages.hpp"
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
  MatrixXd u_nodes() const { return mode_.P.lazyProduct(rule_.z).colwise() + mode_.u; }
  // d u~ / d psi (q x P), after evaluate() of any order.
  MatrixXd mode_tangents();

 private:
  void reserve(Index rows);
  void quadrature(int order);
  void gradient(int order);
  void hessian();
  void directions();
  void tangent_of_mode(Index d);
  void tangent_of_weights();
  void tangent_of_moments(Index d, Index j);
  void tangent_of_gradient(Index d);
  void scalar_tangents();
  void scalar_hessian();
  Index n() const { return mode_.n; }
  // A constant where Q is, so that loops over the random columns unroll.
  Index q() const { return Q == Dynamic ? design_.q() : Index(Q); }
  auto X() const { return design_.X.middleRows(first_, n()); }
  double Z(Index j, Index r) const { return design_.Z(first_ + j, r); }
  double V(Index j, Index r) const { return mode_.V(j, r); }
  // Direction d moves the entry (row, column) of Lambda, or eta0 alone.
  bool moves_Lambda(Index d) const { return d >= D0_; }
  Index dL_row(Index d) const { return design_.theta_row[d - D0_]; }
  Index dL_column(Index d) const { return design_.theta_col[d - D0_]; }
  SquareQ<Q> dLambda(Index d) const {
    SquareQ<Q> dL = SquareQ<Q>::Zero(q(), q());
    if (moves_Lambda(d)) dL(dL_row(d), dL_column(d)) = 1.0;
    return dL;
  }

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
  VectorQ<Q> s1_;  // sum rho z
  SquareQ<Q> S2_;  // sum rho z z'
  // mode rows
  VectorXd T_, F_;
  // adjoints
  SquareQ<Q> Pb_, S_, Ab_, G2_, LAb_;
  VectorQ<Q> b_;
  VectorXd Wb_, eb_, eta0b_, Vb_;
  VectorQ<Q> Zg_mode_, Zeta0b_;
  SquareQ<Q> ZGam_, Lb_;
  VectorXd auxb_;
  // tangents: directions are D0 columns in eta0 (X, or the identity where p > n) and n_theta
  bool row_directions_ = false;
  Index D0_ = 0, D_ = 0;
  MatrixXd N_;                            // n x D0
  MatrixXd deta_, dW_;                    // n x D
  Eigen::Matrix<double, Q, Dynamic> du_;  // q x D
  std::vector<SquareQ<Q>> dA_, dP_, dS2_;
  std::vector<VectorQ<Q>> ds1_;
  MatrixXd dB_, GdB_, deta0b_;  // N x D (1 + q): drho, drho z'; n x D (1 + q); n x D
  VectorXd dgbar_, deb_;
  RowsByQ<Q> dGam_;
  MatrixXd dtheta_;  // n_theta x D: tangents of the theta gradient
  // q = 1 (cluster_1.cpp)
  struct {
    MatrixXd B, GB, S, wS, H;  // n x D, N x D, (N + n) x D twice, D x D
    VectorXd du, dP, weight, w, r, c;
  } scalar_;
};

template <int Q>
Cluster<Q>::Cluster(const Design& design, const Family& family, const ProductRule& rule,
                    const Parameters& psi)
    : design_(design),
      family_(family),
      rule_(rule),
      psi_(psi),
      laplace_(rule.K == 1),
      nodes_(family, rule) {
  reserve(1);
}

template <int Q>
void Cluster<Q>::reserve(Index rows) {
  mode_.reserve(rows, q());
  dGam_.resize(rows, q());
  for (VectorXd* v : {&T_, &F_, &Wb_, &eb_, &eta0b_, &Vb_, &dgbar_, &deb_}) v->resize(rows);
}

template <int Q>
Status Cluster<Q>::evaluate(Index i, const VectorQ<Q>& start, int order) {
  first_ = design_.first(i);
  if (design_.size(i) > T_.size()) reserve(design_.size(i));
  rows_ = design_.response.part(first_, design_.size(i));
  attach_rows(
      design_, [this](Index j, Index r) { return Z(j, r); }, psi_.beta, psi_.Lambda, first_,
      design_.size(i), mode_);
  const Status found = mode_.find(rows_, family_, start, order >= 1 ? T_.data() : nullptr,
                                  order >= 2 ? F_.data() : nullptr);
  return after_mode(
      found, order, value_, [&] { quadrature(order); }, [&] { gradient(order); },
      [&] { hessian(); });
}

template <int Q>
void Cluster<Q>::quadrature(int order) {
  if (laplace_) {
    value_ = mode_.log_det_P + mode_.rows_value - 0.5 * mode_.u.squaredNorm();
    rho_.setOnes(1);
    return;
  }
  nodes_.evaluate(rows_, mode_, order);
  rho_.resize(rule_.size());
  if (Q == 1)
    rho_ = (mode_.u[0] + mode_.P(0, 0) * rule_.z.row(0).transpose().array()).square();
  else
    for (Index k = 0; k < rho_.size(); ++k)
      rho_[k] = VectorQ<Q>(mode_.u + mode_.P * rule_.z.col(k)).squaredNorm();
  rho_ = rule_.log_weight - 0.5 * rho_;
  value_ = mode_.log_det_P + nodes_.softmax(rho_);
}

// The adjoint sweep; every quantity of the value is traced back to eta0 and Lambda.
template <int Q>
void Cluster<Q>::gradient(int order) {
  auto& m = moments_;
  if (laplace_) {
    m.g = mode_.g.head(n());
    m.gz.setZero(n(), q());
    if (order >= 2) {
      m.W.setZero(n(), 1 + q() + q() * (q() + 1) / 2);
      m.W.col(0) = mode_.W.head(n());
    }
    s1_.setZero(q());
    S2_.setZero(q(), q());
  } else {
    nodes_.weigh(rho_, m, order >= 2);
    s1_.setZero(q());
    S2_.setZero(q(), q());
    for (Index k = 0; k < rule_.size(); ++k)
      for (Index r = 0; r < q(); ++r) {
        const double rho_z = rho_[k] * rule_.z(r, k);
        s1_[r] += rho_z;
        for (Index s = 0; s < q(); ++s) S2_(r, s) += rho_z * rule_.z(s, k);
      }
  }
  const SquareQ<Q>& P = mode_.P;
  const SquareQ<Q> L = psi_.Lambda;
  const VectorXd &g = mode_.g, &W = mode_.W;
  // nodes -> (u~, P)
  VectorQ<Q> ub = -mode_.u - P * s1_;
  Pb_ = -mode_.u * s1_.transpose() - P * S2_;
  G2_.setZero(q(), q());
  for (Index j = 0; j < n(); ++j)
    for (Index r = 0; r < q(); ++r) {
      ub[r] += V(j, r) * m.g[j];
      for (Index s = 0; s < q(); ++s) {
        Pb_(r, s) += V(j, r) * m.gz(j, s);
        G2_(r, s) += Z(j, r) * W[j] * Z(j, s);
      }
    }
  // P and log|P| -> A
  S_ = symtri(SquareQ<Q>(P.transpose() * Pb_));
  S_.diagonal().array() += 1.0;
  Ab_ = -0.5 * P * S_ * P.transpose();
  // A -> W -> eta at the mode
  LAb_ = L * Ab_;
  const SquareQ<Q> C = LAb_ * L.transpose();
  for (Index j = 0; j < n(); ++j) {
    double sum = 0;
    for (Index s = 0; s < q(); ++s)
      for (Index r = 0; r < q(); ++r) sum += Z(j, r) * C(r, s) * Z(j, s);
    Wb_[j] = sum;
    eb_[j] = sum * T_[j];
    for (Index r = 0; r < q(); ++r) ub[r] += V(j, r) * eb_[j];
  }
  // the implicit mode: A b = ub + V'eb
  b_ = P * (P.transpose() * ub);
  Zeta0b_.setZero(q());
  Zg_mode_.setZero(q());
  ZGam_.setZero(q(), q());
  for (Index j = 0; j < n(); ++j) {
    double Vb = 0;
    for (Index r = 0; r < q(); ++r) Vb += V(j, r) * b_[r];
    Vb_[j] = Vb;
    eta0b_[j] = m.g[j] + eb_[j] - W[j] * Vb;
    for (Index r = 0; r < q(); ++r) {
      Zeta0b_[r] += Z(j, r) * eta0b_[j];
      Zg_mode_[r] += Z(j, r) * g[j];
      for (Index s = 0; s < q(); ++s) ZGam_(r, s) += Z(j, r) * m.gz(j, s);
    }
  }
  // Lambda
  Lb_ = Zeta0b_ * mode_.u.transpose() + ZGam_ * P.transpose() + 2.0 * G2_ * LAb_ +
        Zg_mode_ * b_.transpose();
  if (!family_.has_dispersion()) return;
  PhiDerivatives phi(design_, family_, rows_, mode_.eta.data());
  if (!laplace_) nodes_.dispersion(rho_, phi);
  auxb_ = aux_gradient(design_, first_, phi, Wb_, Vb_);
}

template <int Q>
void Cluster<Q>::add_gradient(double* out) const {
  for (Index c = 0; c < design_.p(); ++c)
    out[c] += design_.X.col(c).segment(first_, n()).dot(eta0b_.head(n()));
  out += design_.p();
  for (Index t = 0; t < design_.n_theta(); ++t)
    out[t] += Lb_(design_.theta_row[t], design_.theta_col[t]);
  if (!family_.has_dispersion()) return;
  out += design_.n_theta();
  for (Index a = 0; a < auxb_.size(); ++a) out[a] += auxb_[a];
}

}  // namespace margmix

#include "glmm/cluster_tangents.hpp"
