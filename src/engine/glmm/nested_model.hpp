// What the leaves of a nested model share: data, family, rule, parameters, and the blocks of their
// matrices in the order (leaf, cluster).
#pragma once

#include "glmm/nested_design.hpp"
#include "glmm/nodes.hpp"

namespace margmix {

// QB, QA: random columns of the leaf and of the cluster.
template <int QB, int QA>
struct NestedModel {
  static constexpr int Q = QB == Dynamic || QA == Dynamic ? Dynamic : QB + QA;

  NestedModel(const NestedDesign& d, const Family& f, const NestedRule& r, const VectorXd& psi)
      : design(d),
        family(f),
        rule(r),
        beta(psi.head(d.flat.p())),
        Lambda(d.Lambda(psi.data() + d.flat.p())) {}

  Index qb() const { return QB == Dynamic ? design.qb : Index(QB); }
  Index qa() const { return QA == Dynamic ? design.qa : Index(QA); }
  Index q() const { return qb() + qa(); }
  template <class M>
  auto bb(M& m) const {
    return m.template block<QB, QB>(0, 0, qb(), qb());
  }
  template <class M>
  auto ba(M& m) const {
    return m.template block<QB, QA>(0, qb(), qb(), qa());
  }
  template <class M>
  auto aa(M& m) const {
    return m.template block<QA, QA>(qb(), qb(), qa(), qa());
  }
  template <class V>
  auto b(V& v) const {
    return v.template segment<QB>(0, qb());
  }
  template <class V>
  auto a(V& v) const {
    return v.template segment<QA>(qb(), qa());
  }
  // The rows of m that belong to u_b.
  template <class M>
  auto b_rows(M& m) const {
    return m.topRows(qb());
  }

  const NestedDesign& design;
  const Family& family;
  const NestedRule& rule;
  VectorXd beta;
  SquareQ<Q> Lambda;
};

}  // namespace margmix
