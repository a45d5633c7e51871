// The auxiliary predictor log phi = D gamma of a design, and derivatives in it.
#pragma once

#include "design/design.hpp"

namespace margmix {

// Gives the family the phi of every row; aux are the last entries of psi.
inline void set_dispersion(const Design& design, const VectorXd& psi, Family& family) {
  if (!family.has_dispersion()) return;
  if (design.D.cols() == 0)
    family.set_log_dispersion(psi[psi.size() - 1]);
  else
    family.set_log_dispersion(VectorXd(design.D * psi.tail(design.D.cols())));
}

// Derivatives in the log phi of a run of rows, at their eta: of l, its sum, g and W.
struct PhiDerivatives {
  double sum = 0;
  VectorXd l, g, W;  // l is empty where one phi is that of all rows

  PhiDerivatives(const Design& design, const Family& family, const Rows& rows, const double* eta)
      : l(design.D.cols() ? rows.n : 0), g(rows.n), W(rows.n) {
    sum = family.rows_dispersion(rows, eta, g.data(), W.data(), l.size() ? l.data() : nullptr);
  }
};

// sum_j D_j (l_j + Wb_j W_j + gb_j g_j) over a run of rows that begins at `first`: the derivative
// in aux, given adjoints of W and g.
inline VectorXd aux_gradient(const Design& design, Index first, const PhiDerivatives& phi,
                             const VectorXd& Wb, const VectorXd& gb) {
  const Index n = phi.g.size();
  if (design.D.cols() == 0)
    return VectorXd::Constant(1, phi.sum + Wb.head(n).dot(phi.W) + gb.head(n).dot(phi.g));
  const VectorXd by_row = phi.l + Wb.head(n).cwiseProduct(phi.W) + gb.head(n).cwiseProduct(phi.g);
  return design.D.middleRows(first, n).transpose() * by_row;
}

// Change of g in the direction of each entry of aux, n x aux.
inline MatrixXd aux_slopes(const Design& design, Index first, const VectorXd& g_phi) {
  if (design.D.cols() == 0) return g_phi;
  return g_phi.asDiagonal() * design.D.middleRows(first, g_phi.size());
}

}  // namespace margmix
