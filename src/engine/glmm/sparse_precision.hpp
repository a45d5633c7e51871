// The prior precision of all random effects u: Q(rho) of the factors whose levels are related, one
// block for each column of Z, and I of the others. Related factors lie in block 2. A singular Q has
// a constraint of u (random/constraint.hpp).
#pragma once

#include "design/groups.hpp"

namespace margmix {

class SparsePrecision {
 public:
  SparsePrecision(const GroupedDesign& design, const SparsePlan& plan);

  void set(const double* rho);
  bool related() const { return related_; }
  double log_det() const { return log_det_; }

  VectorXd times(const VectorXd& u) const;  // Q u
  double quadratic(const VectorXd& u) const { return related_ ? u.dot(times(u)) : u.squaredNorm(); }
  // The part of block 2 of A: its diagonal, with the anchors of constraints, and the entries on its
  // pattern.
  void fill(VectorXd& diagonal, VectorXd& below) const;

  ConstrainedInverse constrained() const;  // the constraints of all factors and columns

  // With Q_r = dQ/drho_r: Q_r u, and by cluster the sums of d log|Q|/drho_r / 2 and of Q_r(i, j)
  // pair(i, j) over all i and j, for a symmetric function of two positions in u.
  VectorXd derivative_times(Index r, const VectorXd& u) const;
  template <class Pair>
  VectorXd derivative_sums(Index r, Pair pair) const;

 private:
  struct Part {
    std::size_t group;
    Index first_rho;
    Precision Q;
    mutable std::vector<Precision> slopes;  // dQ by entry of rho, once they were asked for
  };
  // visit(i, j, x, level) for the entries x of a matrix on the pattern of a factor's Q, j <= i.
  template <class Visit>
  void visit_entries(std::size_t group, const Precision& Q, Visit visit) const;
  template <class Visit>
  void visit_anchors(std::size_t group, Visit visit) const;  // visit(place in block 2, weight)
  const Part& part_of(Index r) const;
  const Precision& derivative(const Part& part, Index r) const;
  void add_product(const Part& part, const Precision& Q, const VectorXd& u, VectorXd& out) const;

  const GroupedDesign& design_;
  const SparsePlan& plan_;
  std::vector<Part> parts_;
  VectorXd rho_;
  bool related_ = false;
  double log_det_ = 0;
};

template <class Visit>
void SparsePrecision::visit_entries(std::size_t group, const Precision& Q, Visit visit) const {
  const Pattern& pattern = design_.groups[group].relation->pattern();
  const Index q = design_.groups[group].q(), first = plan_.size1();
  const int* at = plan_.places[group].data();
  for (Index l = 0; l < pattern.size(); ++l) {
    for (Index c = 0; c < q; ++c)
      visit(first + at[l * q + c], first + at[l * q + c], Q.diagonal[l], l);
    for (int e = pattern.start[l]; e < pattern.start[l + 1]; ++e)
      for (Index c = 0; c < q; ++c)
        visit(first + at[pattern.row[e] * q + c], first + at[l * q + c], Q.below[e], l);
  }
}

template <class Visit>
void SparsePrecision::visit_anchors(std::size_t group, Visit visit) const {
  const Constraint& constraint = design_.groups[group].relation->constraint();
  const Index q = design_.groups[group].q();
  for (std::size_t k = 0; k < constraint.anchor.size(); ++k)
    for (Index c = 0; c < q; ++c)
      visit(plan_.places[group][constraint.anchor[k] * q + c],
            constraint.weight[static_cast<Index>(k)]);
}

template <class Pair>
VectorXd SparsePrecision::derivative_sums(Index r, Pair pair) const {
  const Part& part = part_of(r);
  const Group& group = design_.groups[part.group];
  const Precision& Q_r = derivative(part, r);
  VectorXd out = VectorXd::Zero(design_.clusters());
  const auto cluster = [&](Index level) {
    return group.cluster.empty() ? 0 : group.cluster[level];
  };
  for (Index l = 0; l < Q_r.log_det.size(); ++l)
    out[cluster(l)] += 0.5 * static_cast<double>(group.q()) * Q_r.log_det[l];
  visit_entries(part.group, Q_r, [&](Index i, Index j, double x, Index l) {
    if (x != 0) out[cluster(l)] += (i == j ? 1 : 2) * x * pair(i, j);
  });
  return out;
}

}  // namespace margmix
