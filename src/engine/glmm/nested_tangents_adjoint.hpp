// The second half of NestedTangents: tangents of the adjoint sweep of a leaf, line by line.
#pragma once

#include "glmm/nested_tangents.hpp"

namespace margmix {

// Tangents of the lines of Leaf::adjoint_of_nodes().
template <int QB, int QA>
void NestedTangents<QB, QA>::adjoints_of_P(Index i) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  part.rhs.resize(q, D_);
  part.dK.resize(D_);
  for (Index d = 0; d < D_; ++d) {
    Vector rhs = Vector::Zero(q);
    Square dPb = Square::Zero(q, q);
    for (Index j = 0; j < n; ++j) {
      for (Index r = 0; r < q; ++r) {
        rhs[r] += leaf.V(j, r) * part.dG(j, d);
        for (Index s = 0; s < q; ++s) dPb(r, s) += leaf.V(j, r) * part.dG(j, D_ + d * q + s);
      }
      if (!in_Lambda(d)) continue;
      const double Z = leaf.Z(j, row(d));
      rhs[column(d)] += Z * (leaf.moments.g[j] + leaf.eb[j]);
      for (Index s = 0; s < q; ++s) dPb(column(d), s) += Z * leaf.moments.gz(j, s);
    }
    const Vector du = part.du.col(d), ds1 = part.dmean.middleCols(d * q, q).transpose();
    const Square dS2 = part.da.middleCols(d * q, q);
    const Square &P = leaf.mode.P, &dP = part.dP[d];
    const Vector prior_u = du + dP * leaf.s1 + P * ds1;
    const Square prior_P =
        du * leaf.s1.transpose() + leaf.mode.u * ds1.transpose() + dP * leaf.S2 + P * dS2;
    model_.b(rhs) -= model_.b(prior_u);
    model_.b_rows(dPb) -= model_.b_rows(prior_P);
    part.rhs.col(d) = rhs;
    part.dK[d] = dP.transpose() * leaf.Pb + P.transpose() * dPb;
    dKaa_[d] += leaf.weight() * model_.aa(part.dK[d]);
  }
}

// Tangents of the lines of Leaf::adjoint_of_information().
template <int QB, int QA>
void NestedTangents<QB, QA>::adjoints_of_information(Index i) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  const Square &P = leaf.mode.P, &L = model_.Lambda;
  part.deb.resize(n, D_);
  part.dLAb.resize(D_);
  part.dG2.assign(D_, Square::Zero(q, q));
  for (Index d = 0; d < D_; ++d) {
    Square dS = symtri(part.dK[d]);
    model_.aa(dS) = dKaa_[d];
    const Square half = part.dP[d] * leaf.S * P.transpose();
    const Square dAb = -0.5 * (half + half.transpose() + P * dS * P.transpose());
    Square dL = Square::Zero(q, q);
    if (in_Lambda(d)) dL(row(d), column(d)) = 1.0;
    const Square dLAb = dL * leaf.Ab + L * dAb;
    const Square dC = dLAb * L.transpose() + leaf.LAb * dL.transpose();
    Vector rhs = part.rhs.col(d);
    for (Index j = 0; j < n; ++j) {
      double dWb = 0;
      for (Index s = 0; s < q; ++s)
        for (Index r = 0; r < q; ++r) {
          const double ZZ = leaf.Z(j, r) * leaf.Z(j, s);
          dWb += dC(r, s) * ZZ;
          part.dG2[d](r, s) += part.dW(j, d) * ZZ;
        }
      const double deb = dWb * leaf.T[j] + leaf.Wb[j] * leaf.F[j] * part.deta(j, d);
      part.deb(j, d) = deb;
      for (Index r = 0; r < q; ++r) rhs[r] += leaf.V(j, r) * deb;
    }
    rhs -= part.dA[d] * leaf.b;
    const Vector y = P.transpose() * rhs;
    part.y.col(d) = y;
    part.dLAb[d] = dLAb;
    ya_.col(d) += leaf.weight() * model_.a(y);
  }
}

// Tangents of the lines of Leaf::adjoint_of_rows().
template <int QB, int QA>
void NestedTangents<QB, QA>::adjoints_of_rows(Index i, MatrixXd& H) {
  const auto& leaf = mode_.leaves[i];
  Part& part = parts_[i];
  const Index q = model_.q(), n = leaf.n();
  part.deta0b.resize(n, D_);
  for (Index d = 0; d < D_; ++d) {
    Vector y = part.y.col(d);
    model_.a(y) = ya_.col(d);
    const Vector db = leaf.mode.P * y, du = part.du.col(d);
    Vector Zdeta0b = Vector::Zero(q), Zdg = Zdeta0b;
    Square ZdGam = Square::Zero(q, q);
    for (Index j = 0; j < n; ++j) {
      double dVb = in_Lambda(d) ? leaf.Z(j, row(d)) * leaf.b[column(d)] : 0.0;
      for (Index r = 0; r < q; ++r) dVb += leaf.V(j, r) * db[r];
      const double deta0b =
          part.dG(j, d) + part.deb(j, d) - part.dW(j, d) * leaf.Vb[j] - leaf.mode.W[j] * dVb;
      part.deta0b(j, d) = leaf.weight() * deta0b;
      for (Index r = 0; r < q; ++r) {
        const double Z = leaf.Z(j, r);
        Zdeta0b[r] += Z * deta0b;
        Zdg[r] -= Z * leaf.mode.W[j] * part.deta(j, d);
        for (Index s = 0; s < q; ++s) ZdGam(r, s) += Z * part.dG(j, D_ + d * q + s);
      }
    }
    const Square dLb = Zdeta0b * leaf.mode.u.transpose() + leaf.Zeta0b * du.transpose() +
                       ZdGam * leaf.mode.P.transpose() + leaf.ZGam * part.dP[d].transpose() +
                       2.0 * (part.dG2[d] * leaf.LAb + leaf.G2 * part.dLAb[d]) +
                       Zdg * leaf.b.transpose() + leaf.Zg * db.transpose();
    for (Index t = 0; t < model_.design.n_theta(); ++t)
      H(p() + t, from_ + d) +=
          leaf.weight() * dLb(model_.design.theta_row[t], model_.design.theta_col[t]);
  }
  add_transposed_multiply(leaf.X(), part.deta0b, H.block(0, from_, p(), D_));
}

}  // namespace margmix
