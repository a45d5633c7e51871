#include "glmm/sparse_rows.hpp"

#include <cmath>

namespace margmix {

LocalRows::LocalRows(const Design& design, Family& family, const int* cell, Index cells)
    : SparseRows(family), design_(design), cell_(cell), cells_(cell ? cells : design.X.rows()) {}

void LocalRows::move(const VectorXd& psi) {
  set_dispersion(design_, psi, family_);
  eta0_ = design_.offset;
  eta0_.noalias() += design_.X * psi.head(design_.p());
  x_.resize(0);
}

VectorXd LocalRows::by_row(const VectorXd& of_cells) const {
  if (!cell_) return of_cells;
  VectorXd out(design_.X.rows());
  for (Index j = 0; j < out.size(); ++j) out[j] = of_cells[cell_[j]];
  return out;
}

MatrixXd LocalRows::by_cell(MatrixXd of_rows) const {
  if (!cell_) return of_rows;
  MatrixXd out = MatrixXd::Zero(cells_, of_rows.cols());
  for (Index k = 0; k < out.cols(); ++k)
    for (Index j = 0; j < of_rows.rows(); ++j) out(cell_[j], k) += of_rows(j, k);
  return out;
}

VectorXd LocalRows::eta(const VectorXd& x) const {
  if (!cell_) return eta0_ + x;
  return eta0_ + by_row(x);
}

double LocalRows::terms(const VectorXd& x, VectorXd& g, VectorXd& W) {
  const VectorXd at = eta(x);
  g.resize(at.size());
  W.resize(at.size());
  const double l = family_.rows(design_.response, at.data(), g.data(), W.data(), nullptr, nullptr);
  if (!cell_) return l;
  g = by_cell(g);
  W = by_cell(W);
  return l;
}

double LocalRows::value(const VectorXd& x) {
  return family_.rows(design_.response, eta(x).data(), nullptr, nullptr, nullptr, nullptr);
}

double LocalRows::constant() {
  if (std::isnan(constant_) || family_.has_dispersion())
    constant_ = family_.constant(design_.response);
  return constant_;
}

void LocalRows::derive(const VectorXd& x) {
  if (x_.size() == x.size() && x_ == x) return;
  x_ = x;
  eta_ = eta(x);
  g_.resize(eta_.size());
  W_.resize(eta_.size());
  T_.resize(eta_.size());
  family_.rows(design_.response, eta_.data(), g_.data(), W_.data(), T_.data(), nullptr);
}

VectorXd LocalRows::third(const VectorXd& x) {
  derive(x);
  return by_cell(T_);
}

MatrixXd LocalRows::gradient(const VectorXd& x, const VectorXd& g_bar, const VectorXd& W_bar) {
  derive(x);
  const VectorXd gb = by_row(g_bar), Wb = by_row(W_bar);
  const VectorXd a = g_ + T_.cwiseProduct(Wb) - W_.cwiseProduct(gb);
  const Index p = design_.p(), aux = design_.n_aux(family_);
  MatrixXd out(p + aux, design_.clusters());
  for (Index i = 0; i < design_.clusters(); ++i) {
    const Index first = design_.first(i), m = design_.size(i);
    out.col(i).head(p).noalias() = design_.X.middleRows(first, m).transpose() * a.segment(first, m);
    if (aux == 0) continue;
    const PhiDerivatives phi(design_, family_, design_.response.part(first, m),
                             eta_.data() + first);
    out.col(i).tail(aux) =
        aux_gradient(design_, first, phi, Wb.segment(first, m), gb.segment(first, m));
  }
  return out;
}

WorkingSums LocalRows::working(const VectorXd& x) {
  derive(x);
  const Index n = eta_.size(), p = design_.p();
  MatrixXd F(n, p + 1);
  F.leftCols(p) = design_.X;
  for (Index j = 0; j < n; ++j) F(j, p) = W_[j] > 0 ? g_[j] / W_[j] : 0;
  MatrixXd WF = W_.asDiagonal() * F;
  MatrixXd gram = F.transpose() * WF;
  return {by_cell(std::move(WF)), std::move(gram)};
}

void LocalRows::visit_WX(const VectorXd& x,
                         const std::function<void(Index, const VectorXd&)>& visit) {
  derive(x);
  for (Index k = 0; k < design_.p(); ++k) visit(k, by_cell(W_.cwiseProduct(design_.X.col(k))));
}

MatrixXd LocalRows::aux_slopes(const VectorXd& x) {
  const VectorXd at = eta(x);
  VectorXd g_phi(at.size());
  family_.rows_dispersion(design_.response, at.data(), g_phi.data(), nullptr);
  return by_cell(margmix::aux_slopes(design_, 0, g_phi));
}

namespace {

VectorXd root_mean_squares(const MatrixMap& x) {
  VectorXd out(x.cols());
  for (Index k = 0; k < x.cols(); ++k) out[k] = root_mean_square(x.col(k));
  return out;
}

}  // namespace

VectorXd LocalRows::sizes_X() { return root_mean_squares(design_.X); }
VectorXd LocalRows::sizes_Z() { return root_mean_squares(design_.Z); }

}  // namespace margmix
