// The contribution of one cluster with two nested levels of random effects, by adaptive
// Gauss-Hermite quadrature level by level (Pinheiro & Chao 2006), with its exact gradient and
// Hessian:
//   log|P_s| + sum_b w_b log|P_b| + lse_k { log omega_k + (z_k'z_k - u_ak'u_ak) / 2
//     + sum_b w_b lse_m [ log omega_m + (z_m'z_m - u_bkm'u_bkm) / 2 + sum_j l_j(eta_km) ] },
//   u_ak = u~_a + P_s z_k,   u_bkm = u~_b + P_b z_m + Q_b z_k,   Q_b = -P_b E_b P_s.
// For weights w_b = 1 it equals the rule in all q_a + B q_b dimensions, since that sum factors.
// Other weights are those of a pseudo-likelihood (Rabe-Hesketh & Skrondal 2006).
#pragma once

#include <deque>

#include "glmm/nested_cluster.hpp"
#include "glmm/nested_tangents.hpp"

namespace margmix {

template <int QB, int QA>
class NestedKernel final : public NestedCluster {
 public:
  using Model = NestedModel<QB, QA>;
  static constexpr int Q = Model::Q;
  using SquareA = SquareQ<QA>;
  using VectorA = VectorQ<QA>;

  NestedKernel(const NestedDesign& design, const Family& family, const NestedRule& rule,
               const VectorXd& psi)
      : model_(design, family, rule, psi), mode_(model_) {}

  Status evaluate(Index i, const MatrixXd& top, const MatrixXd& leaf, int order) override;

  double value() const override { return value_; }
  void add_gradient(double* out) const override;
  void add_hessian(MatrixXd& H) const override;
  MatrixXd beta_hessian() const override;

  double height() const override { return mode_.height(); }
  Mode top_mode() const override { return {mode_.u, mode_.P}; }
  Mode leaf_mode(Index l) const override {
    const auto& mode = mode_.leaves[l].mode;
    return {mode.u, mode.P};
  }
  LeafRows leaf_rows(Index l) const override {
    const auto& leaf = mode_.leaves[l];
    return {leaf.rows, leaf.mode.eta0.head(leaf.n()), leaf.mode.V.topRows(leaf.n()), leaf.weight()};
  }
  void store_modes(Index i, MatrixXd& top, MatrixXd& leaf) const override;
  std::vector<MatrixXd> mode_tangents() override;

  Moments top_moments() const override {
    return moments(mode_.u, mode_.P, model_.rule.top.z, rho_);
  }
  Moments leaf_moments(Index l) const override {
    const auto& leaf = mode_.leaves[l];
    const MatrixXd w = rho_.asDiagonal() * leaf.w;
    return moments(leaf.mode.u, leaf.mode.P, model_.rule.both.z,
                   Eigen::Map<const VectorXd>(w.data(), w.size()));
  }

 private:
  static constexpr Index kKeptEntries = Index(1) << 22;

  static Moments moments(const VectorXd& u, const MatrixXd& P, const MatrixXd& z,
                         const VectorXd& weight) {
    const VectorXd s1 = z * weight;
    const MatrixXd S2 = z * weight.asDiagonal() * z.transpose() - s1 * s1.transpose();
    return {u + P * s1, P * S2 * P.transpose()};
  }
  MatrixXd top_nodes() const { return (mode_.P * model_.rule.top.z).colwise() + mode_.u; }
  void attach(Index i, const MatrixXd& top, const MatrixXd& leaf);
  void quadrature(int order);
  void gradient(int order);
  void hessian();
  Nodes<Q>& nodes(Index i) { return nodes_[keep_ ? i : 0]; }
  // Values at the nodes are kept where memory allows, otherwise computed again when needed.
  Nodes<Q>& filled_nodes(Index i, int order) {
    if (!keep_) nodes(i).evaluate(mode_.leaves[i].rows, mode_.leaves[i].mode, order);
    return nodes(i);
  }

  const Model model_;
  NestedMode<QB, QA> mode_;
  std::deque<Nodes<Q>> nodes_;
  bool keep_ = true;
  Index first_leaf_ = 0;
  double value_ = 0;
  VectorXd rho_, auxb_;
  TopAdjoint<QA> adjoint_;
  MatrixXd hessian_;  // (p + n_theta) x (p + n_theta)
};

template <int QB, int QA>
void NestedKernel<QB, QA>::attach(Index i, const MatrixXd& top, const MatrixXd& leaf) {
  const NestedDesign& design = model_.design;
  first_leaf_ = design.first_leaf[i];
  mode_.count = design.leaves_of(i);
  mode_.u = top.col(i);
  keep_ = design.flat.size(i) * model_.rule.both.size() <= kKeptEntries;
  while (static_cast<Index>(mode_.leaves.size()) < mode_.count) mode_.leaves.emplace_back(model_);
  const std::size_t wanted = keep_ ? mode_.count : 1;
  while (nodes_.size() < wanted) nodes_.emplace_back(model_.family, model_.rule.both);
  for (Index l = 0; l < mode_.count; ++l) {
    mode_.leaves[l].attach(first_leaf_ + l);
    auto& u = mode_.leaves[l].mode.u;
    u.resize(model_.q());
    model_.b(u) = leaf.col(design.leaf_level[first_leaf_ + l]);
  }
}

template <int QB, int QA>
Status NestedKernel<QB, QA>::evaluate(Index i, const MatrixXd& top, const MatrixXd& leaf,
                                      int order) {
  attach(i, top, leaf);
  return after_mode(
      mode_.find(), order, value_, [&] { quadrature(order); }, [&] { gradient(order); },
      [&] { hessian(); });
}

template <int QB, int QA>
void NestedKernel<QB, QA>::quadrature(int order) {
  const ProductRule& rule = model_.rule.top;
  rho_ = rule.log_weight - 0.5 * top_nodes().colwise().squaredNorm().transpose();
  value_ = mode_.log_det_P;
  for (Index i = 0; i < mode_.count; ++i) {
    auto& leaf = mode_.leaves[i];
    rho_ += leaf.weight() * leaf.integrate(nodes(i), keep_ ? order : 0);
    value_ += leaf.weight() * leaf.log_det_P;
  }
  const double most = rho_.maxCoeff();
  rho_ = (rho_.array() - most).exp();
  const double sum = rho_.sum();
  rho_ /= sum;
  value_ += most + std::log(sum);
}

template <int QB, int QA>
void NestedKernel<QB, QA>::gradient(int order) {
  adjoint_.start(mode_.u, mode_.P, rho_, model_.rule.top.z);
  for (Index i = 0; i < mode_.count; ++i) {
    mode_.leaves[i].weigh(rho_);
    mode_.leaves[i].adjoint_of_nodes(filled_nodes(i, order), order, adjoint_.K);
  }
  adjoint_.information();
  for (Index i = 0; i < mode_.count; ++i)
    mode_.leaves[i].adjoint_of_information(adjoint_.S, adjoint_.y);
  for (Index i = 0; i < mode_.count; ++i) mode_.leaves[i].adjoint_of_rows(adjoint_.y);
  auxb_.setZero(model_.design.flat.n_aux(model_.family));
  for (Index i = 0; auxb_.size() && i < mode_.count; ++i)
    auxb_ += mode_.leaves[i].weight() * mode_.leaves[i].dispersion(filled_nodes(i, 1));
}

template <int QB, int QA>
void NestedKernel<QB, QA>::add_gradient(double* out) const {
  const NestedDesign& design = model_.design;
  const Index p = design.flat.p();
  for (Index i = 0; i < mode_.count; ++i) {
    const auto& leaf = mode_.leaves[i];
    for (Index c = 0; c < p; ++c) {
      const double* x = design.flat.X.data() + c * design.flat.X.rows() + leaf.first();
      double sum = 0;
      for (Index j = 0; j < leaf.n(); ++j) sum += x[j] * leaf.eta0b[j];
      out[c] += leaf.weight() * sum;
    }
    for (Index t = 0; t < design.n_theta(); ++t)
      out[p + t] += leaf.weight() * leaf.Lb(design.theta_row[t], design.theta_col[t]);
  }
  for (Index a = 0; a < auxb_.size(); ++a) out[p + design.n_theta() + a] += auxb_[a];
}

// Directions are taken in batches, so that what is kept of them at the nodes stays in memory.
template <int QB, int QA>
void NestedKernel<QB, QA>::hessian() {
  const Index P = model_.design.flat.p() + model_.design.n_theta();
  const Index batch =
      std::max<Index>(1, std::min(P, kKeptEntries / (mode_.count * model_.rule.both.size())));
  hessian_.setZero(P, P);
  for (Index i = 0; i < mode_.count; ++i) {
    auto& leaf = mode_.leaves[i];
    model_.family.rows(leaf.rows, leaf.mode.eta.data(), nullptr, nullptr, nullptr, leaf.F.data());
  }
  NestedTangents<QB, QA> tangents(model_, mode_, rho_, adjoint_);
  for (Index from = 0; from < P; from += batch)
    tangents.columns(
        from, std::min(batch, P - from), [&](Index i) -> Nodes<Q>& { return filled_nodes(i, 2); },
        hessian_);
}

template <int QB, int QA>
MatrixXd NestedKernel<QB, QA>::beta_hessian() const {
  return hessian_.topLeftCorner(model_.design.flat.p(), model_.design.flat.p());
}

template <int QB, int QA>
void NestedKernel<QB, QA>::add_hessian(MatrixXd& H) const {
  H.topLeftCorner(hessian_.rows(), hessian_.cols()) += hessian_;
}

template <int QB, int QA>
void NestedKernel<QB, QA>::store_modes(Index i, MatrixXd& top, MatrixXd& leaf) const {
  top.col(i) = mode_.u;
  for (Index l = 0; l < mode_.count; ++l)
    leaf.col(model_.design.leaf_level[first_leaf_ + l]) = model_.b(mode_.leaves[l].mode.u);
}

template <int QB, int QA>
std::vector<MatrixXd> NestedKernel<QB, QA>::mode_tangents() {
  for (Index i = 0; i < mode_.count; ++i) {
    auto& leaf = mode_.leaves[i];
    model_.family.rows(leaf.rows, leaf.mode.eta.data(), leaf.mode.g.data(), leaf.mode.W.data(),
                       leaf.T.data(), nullptr);
  }
  NestedTangents<QB, QA> tangents(model_, mode_, rho_, adjoint_);
  return tangents.of_modes();
}

}  // namespace margmix
