// One sub-cluster (leaf) of a nested model: its rows, its part of the joint mode, its nodes and its
// part of the adjoint sweep.
//
// The leaf sees u = (u_b, u_a), its own random effects and those of its cluster, and
//   u_km = u~ + P (z_m, z_k),   P = [P_b Q_b; 0 P_s]  (upper triangular).
// All matrices here are q x q in that order. What belongs to u_a alone is a sum over leaves, which
// NestedCluster takes; a leaf returns its share of it, times its weight. All else of a leaf is that
// of one with weight 1: a weight multiplies its log-integral, hence the leaf's whole part of h, of
// the value and of its derivatives, and cancels in the equations of u_b given u_a.
#pragma once

#include "glmm/nested_model.hpp"
#include "glmm/stages.hpp"
#include "linalg/small_cholesky.hpp"
#include "linalg/triangular.hpp"

namespace margmix {

template <int QB, int QA>
class Leaf {
 public:
  using Model = NestedModel<QB, QA>;
  static constexpr int Q = Model::Q;
  using Square = SquareQ<Q>;
  using Vector = VectorQ<Q>;
  using SquareA = SquareQ<QA>;
  using VectorA = VectorQ<QA>;

  explicit Leaf(const Model& model) : model_(model) {}

  // Takes the rows of leaf number `leaf`: eta0 and V.
  void attach(Index leaf);
  Index first() const { return first_; }
  Index n() const { return mode.n; }
  double weight() const { return weight_; }
  double Z(Index j, Index r) const { return model_.design.Z(first_ + j, r); }
  double V(Index j, Index r) const { return mode.V(j, r); }
  auto X() const { return model_.design.flat.X.middleRows(first_, n()); }

  // ---- mode: h and its derivatives at mode.u
  double evaluate();  // sum of l - |u_b|^2 / 2
  // Eliminates u_b: P_b, E = P_b'A_ba; adds w (A_aa - E'E) to schur. False: not positive definite.
  bool factor(bool clip, SquareA& schur);
  // f = (V'g - u_b, V'g): adds w (f_a - E'P_b'f_b) to the slope of u_a, w |P_b'f_b|^2 to the
  // decrement.
  void eliminate_slope(VectorA& slope, double& decrement);
  // The Newton direction given that of u_a; its largest change of eta.
  void step(const VectorA& d_a, double& longest);
  void keep() { u_old_ = mode.u; }
  void move(double t) { mode.u = u_old_ + t * d_; }
  void finish_mode(const SquareA& P_s);  // P, log|P_b|

  // ---- nodes: w[k, m] = pi_m given k; returns log-sum-exp over m for each k
  const VectorXd& integrate(Nodes<Q>& nodes, int order);
  void weigh(const VectorXd& rho) { w.array().colwise() *= rho.array(); }  // w = rho_k pi_m|k
  const VectorXd weights() const { return Eigen::Map<const VectorXd>(w.data(), w.size()); }

  // ---- adjoint sweep, in three steps with sums over leaves between them
  void adjoint_of_nodes(Nodes<Q>& nodes, int order, SquareA& K_aa);
  void adjoint_of_information(const SquareA& S_aa, VectorA& y_a);
  void adjoint_of_rows(const VectorA& y_a);
  VectorXd dispersion(Nodes<Q>& nodes) const;

  Mode<Q> mode;  // of which V, P, eta, g, W are the rows' own and u = (u_b, u_a)
  Rows rows;
  double log_det_P = 0;  // log|P_b|
  MatrixXd w;            // nodes of the cluster x nodes of the leaf
  VectorXd T, F, Wb, eb, eta0b, Vb;
  NodeMoments<Q> moments;
  Vector s1, b, Zg, Zeta0b;  // sum w z; A^-1 of the adjoint of u~
  Square S2, Pb, S, Ab, LAb, G2, ZGam, Lb;

 private:
  const Model& model_;
  Index first_ = 0;
  double weight_ = 1;
  SquareQ<QB> P_b_;
  Eigen::Matrix<double, QB, QA> E_;
  VectorQ<QB> y_;
  Vector u_old_, d_, f_, ub_;
  VectorXd lse_;
  Square K_;
};

template <int QB, int QA>
void Leaf<QB, QA>::attach(Index leaf) {
  const NestedDesign& design = model_.design;
  first_ = design.leaf_start[leaf];
  weight_ = design.weight(leaf);
  const Index n = design.leaf_size(leaf), q = model_.q();
  if (mode.eta.size() < n) {
    mode.reserve(n, q);
    for (VectorXd* v : {&T, &F, &Wb, &eb, &eta0b, &Vb}) v->resize(n);
  }
  rows = design.flat.response.part(first_, n);
  attach_rows(
      design.flat, [this](Index j, Index r) { return Z(j, r); }, model_.beta, model_.Lambda, first_,
      n, mode);
  P_b_.resize(model_.qb(), model_.qb());
  E_.resize(model_.qb(), model_.qa());
}

template <int QB, int QA>
double Leaf<QB, QA>::evaluate() {
  for (Index j = 0; j < n(); ++j) {
    double eta = mode.eta0[j];
    for (Index r = 0; r < model_.q(); ++r) eta += V(j, r) * mode.u[r];
    mode.eta[j] = eta;
  }
  mode.rows_value =
      model_.family.rows(rows, mode.eta.data(), mode.g.data(), mode.W.data(), nullptr, nullptr);
  return mode.rows_value - 0.5 * model_.b(mode.u).squaredNorm();
}

template <int QB, int QA>
bool Leaf<QB, QA>::factor(bool clip, SquareA& schur) {
  Square& A = mode.A;
  A.setZero(model_.q(), model_.q());
  for (Index j = 0; j < n(); ++j) {
    const double W = clip ? std::max(mode.W[j], 0.0) : mode.W[j];
    for (Index c = 0; c < model_.q(); ++c)
      for (Index r = 0; r <= c; ++r) A(r, c) += V(j, r) * W * V(j, c);
  }
  A = symtri(A);
  model_.bb(A).diagonal().array() += 1.0;
  const SquareQ<QB> A_bb = model_.bb(A);
  const SmallCholesky<SquareQ<QB>> cholesky(A_bb);
  if (!cholesky.definite()) return false;
  P_b_ = cholesky.inverse_factor();
  E_.noalias() = P_b_.transpose() * model_.ba(A);
  schur += weight_ * (model_.aa(A) - E_.transpose() * E_);
  return true;
}

template <int QB, int QA>
void Leaf<QB, QA>::eliminate_slope(VectorA& slope, double& decrement) {
  f_.setZero(model_.q());
  for (Index r = 0; r < model_.q(); ++r)
    for (Index j = 0; j < n(); ++j) f_[r] += V(j, r) * mode.g[j];
  model_.b(f_) -= model_.b(mode.u);
  y_ = P_b_.transpose() * model_.b(f_);
  slope += weight_ * (model_.a(f_) - E_.transpose() * y_);
  decrement += weight_ * y_.squaredNorm();
}

template <int QB, int QA>
void Leaf<QB, QA>::step(const VectorA& d_a, double& longest) {
  d_.resize(model_.q());
  model_.a(d_) = d_a;
  model_.b(d_) = P_b_ * (y_ - E_ * d_a);
  for (Index j = 0; j < n(); ++j) {
    double change = 0;
    for (Index r = 0; r < model_.q(); ++r) change += V(j, r) * d_[r];
    longest = std::max(longest, std::fabs(change));
  }
}

template <int QB, int QA>
void Leaf<QB, QA>::finish_mode(const SquareA& P_s) {
  mode.P.setZero(model_.q(), model_.q());
  model_.bb(mode.P) = P_b_;
  model_.aa(mode.P) = P_s;
  model_.ba(mode.P) = -P_b_ * E_ * P_s;
  log_det_P = P_b_.diagonal().array().log().sum();
}

template <int QB, int QA>
const VectorXd& Leaf<QB, QA>::integrate(Nodes<Q>& nodes, int order) {
  const ProductRule &leaf = model_.rule.leaf, &top = model_.rule.top;
  nodes.evaluate(rows, mode, order);
  w = Eigen::Map<const MatrixXd>(nodes.lsum().data(), top.size(), leaf.size());
  // |u_b|^2 / 2 at u_b = x_m + y_k
  const MatrixXd x = (model_.bb(mode.P) * leaf.z).colwise() + model_.b(mode.u);
  const MatrixXd y = model_.ba(mode.P) * top.z;
  w.noalias() -= y.transpose().lazyProduct(x);
  w.colwise() -= 0.5 * y.colwise().squaredNorm().transpose();
  w.rowwise() += (leaf.log_weight - 0.5 * x.colwise().squaredNorm().transpose()).transpose();
  VectorXd most = w.rowwise().maxCoeff();
  for (Index k = 0; k < most.size(); ++k)
    if (!std::isfinite(most[k])) most[k] = 0;  // a node outside the range of the link
  w = (w.colwise() - most).array().exp();
  VectorXd sum = w.rowwise().sum();
  lse_ = most.array() + sum.array().log();
  for (Index k = 0; k < sum.size(); ++k)
    if (sum[k] == 0) sum[k] = 1;
  w.array().colwise() /= sum.array();
  return lse_;
}

// Moments of g; Pb: adjoint of P without the prior of u_a; K = P'Pb, of which the share of u_a is
// added to K_aa.
template <int QB, int QA>
void Leaf<QB, QA>::adjoint_of_nodes(Nodes<Q>& nodes, int order, SquareA& K_aa) {
  const Index q = model_.q();
  const MatrixXd& z = model_.rule.both.z;
  const VectorXd weight = weights();
  nodes.weigh(weight, moments, order >= 2);
  model_.family.rows(rows, mode.eta.data(), mode.g.data(), mode.W.data(), T.data(), nullptr);
  s1.setZero(q);
  S2.setZero(q, q);
  for (Index k = 0; k < weight.size(); ++k)
    for (Index r = 0; r < q; ++r) {
      const double wz = weight[k] * z(r, k);
      s1[r] += wz;
      for (Index s = 0; s < q; ++s) S2(r, s) += wz * z(s, k);
    }
  ub_.setZero(q);
  Pb.setZero(q, q);
  G2.setZero(q, q);
  for (Index j = 0; j < n(); ++j)
    for (Index r = 0; r < q; ++r) {
      ub_[r] += V(j, r) * moments.g[j];
      for (Index s = 0; s < q; ++s) {
        Pb(r, s) += V(j, r) * moments.gz(j, s);
        G2(r, s) += Z(j, r) * mode.W[j] * Z(j, s);
      }
    }
  const Square prior = mode.u * s1.transpose() + mode.P * S2;
  const Vector prior_u = mode.u + mode.P * s1;
  model_.b_rows(Pb) -= model_.b_rows(prior);
  model_.b(ub_) -= model_.b(prior_u);
  K_ = mode.P.transpose() * Pb;
  K_aa += weight_ * model_.aa(K_);
}

// P and log|P| -> A -> W -> eta at the mode; the share of y = P'ub that belongs to u_a.
template <int QB, int QA>
void Leaf<QB, QA>::adjoint_of_information(const SquareA& S_aa, VectorA& y_a) {
  S = symtri(K_);
  model_.bb(S).diagonal().array() += 1.0;
  model_.aa(S) = S_aa;
  Ab = -0.5 * mode.P * S * mode.P.transpose();
  LAb = model_.Lambda * Ab;
  const Square C = LAb * model_.Lambda.transpose();
  for (Index j = 0; j < n(); ++j) {
    double sum = 0;
    for (Index s = 0; s < model_.q(); ++s)
      for (Index r = 0; r < model_.q(); ++r) sum += Z(j, r) * C(r, s) * Z(j, s);
    Wb[j] = sum;
    eb[j] = sum * T[j];
    for (Index r = 0; r < model_.q(); ++r) ub_[r] += V(j, r) * eb[j];
  }
  b = mode.P.transpose() * ub_;  // completed in adjoint_of_rows()
  y_a += weight_ * model_.a(b);
}

// The implicit mode, A b = ub, then rows and Lambda.
template <int QB, int QA>
void Leaf<QB, QA>::adjoint_of_rows(const VectorA& y_a) {
  const Index q = model_.q();
  Vector y = b;
  model_.a(y) = y_a;
  b = mode.P * y;
  Zg.setZero(q);
  Zeta0b.setZero(q);
  ZGam.setZero(q, q);
  for (Index j = 0; j < n(); ++j) {
    Vb[j] = 0;
    for (Index r = 0; r < q; ++r) Vb[j] += V(j, r) * b[r];
    eta0b[j] = moments.g[j] + eb[j] - mode.W[j] * Vb[j];
    for (Index r = 0; r < q; ++r) {
      Zeta0b[r] += Z(j, r) * eta0b[j];
      Zg[r] += Z(j, r) * mode.g[j];
      for (Index s = 0; s < q; ++s) ZGam(r, s) += Z(j, r) * moments.gz(j, s);
    }
  }
  Lb =
      Zeta0b * mode.u.transpose() + ZGam * mode.P.transpose() + 2.0 * G2 * LAb + Zg * b.transpose();
}

template <int QB, int QA>
VectorXd Leaf<QB, QA>::dispersion(Nodes<Q>& nodes) const {
  PhiDerivatives phi(model_.design.flat, model_.family, rows, mode.eta.data());
  nodes.dispersion(weights(), phi);
  return aux_gradient(model_.design.flat, first(), phi, Wb, Vb);
}

}  // namespace margmix
