#include "glmm/sparse_precision.hpp"

namespace margmix {

SparsePrecision::SparsePrecision(const GroupedDesign& design, const SparsePlan& plan)
    : design_(design), plan_(plan), rho_(VectorXd::Zero(design.n_rho)), related_(design.related()) {
  Index first = 0;
  for (std::size_t k = 0; k < design.groups.size(); ++k) {
    if (!design.groups[k].relation) continue;
    parts_.push_back({k, first, {}, {}});
    first += design.groups[k].relation->n_rho();
  }
}

void SparsePrecision::set(const double* rho) {
  rho_ = VectorMap(rho, design_.n_rho);
  log_det_ = 0;
  for (Part& part : parts_) {
    const Group& group = design_.groups[part.group];
    part.Q = group.relation->at(rho_.data() + part.first_rho);
    part.slopes.clear();
    log_det_ += static_cast<double>(group.q()) * part.Q.log_det.sum();
  }
}

void SparsePrecision::fill(VectorXd& diagonal, VectorXd& below) const {
  diagonal = VectorXd::Ones(plan_.size2());
  below.setZero();
  for (const Part& part : parts_) {
    const int* to = plan_.Q_below[part.group].data();
    visit_entries(part.group, part.Q, [&](Index i, Index j, double x, Index) {
      if (i == j)
        diagonal[i - plan_.size1()] = x;
      else
        below[*to++] = x;
    });
    visit_anchors(part.group, [&](Index at, double weight) { diagonal[at] += weight; });
  }
}

ConstrainedInverse SparsePrecision::constrained() const {
  Index r = 0;
  for (const Part& part : parts_) {
    const Group& group = design_.groups[part.group];
    r += group.q() * group.relation->constraint().C.cols();
  }
  if (r == 0) return {};
  MatrixXd C = MatrixXd::Zero(plan_.size(), r);
  std::vector<Index> anchor;
  VectorXd weights(r);
  for (const Part& part : parts_) {
    const Group& group = design_.groups[part.group];
    const MatrixXd& own = group.relation->constraint().C;
    const auto first = static_cast<Index>(anchor.size());
    visit_anchors(part.group, [&](Index at, double weight) {
      weights[static_cast<Index>(anchor.size())] = weight;
      anchor.push_back(plan_.size1() + at);
    });
    const int* at = plan_.places[part.group].data();
    for (Index l = 0; l < own.rows(); ++l)
      for (Index c = 0; c < group.q(); ++c)
        for (Index k = 0; k < own.cols(); ++k)
          C(plan_.size1() + at[l * group.q() + c], first + k * group.q() + c) = own(l, k);
  }
  return ConstrainedInverse(C, anchor, weights);
}

void SparsePrecision::add_product(const Part& part, const Precision& Q, const VectorXd& u,
                                  VectorXd& out) const {
  const Pattern& pattern = design_.groups[part.group].relation->pattern();
  const Index q = design_.groups[part.group].q();
  const int* at = plan_.places[part.group].data();
  const double* from = u.data() + plan_.size1();
  double* to = out.data() + plan_.size1();
  for (Index l = 0; l < pattern.size(); ++l)
    for (Index c = 0; c < q; ++c) {
      const int j = at[l * q + c];
      const double u_j = from[j];
      double sum = Q.diagonal[l] * u_j;
      for (int e = pattern.start[l]; e < pattern.start[l + 1]; ++e) {
        const int i = at[pattern.row[e] * q + c];
        to[i] += Q.below[e] * u_j;
        sum += Q.below[e] * from[i];
      }
      to[j] += sum;
    }
}

VectorXd SparsePrecision::times(const VectorXd& u) const {
  VectorXd out = u;
  for (const Part& part : parts_) {
    for (int at : plan_.places[part.group]) out[plan_.size1() + at] = 0;
    add_product(part, part.Q, u, out);
  }
  return out;
}

VectorXd SparsePrecision::derivative_times(Index r, const VectorXd& u) const {
  const Part& part = part_of(r);
  VectorXd out = VectorXd::Zero(u.size());
  add_product(part, derivative(part, r), u, out);
  return out;
}

const Precision& SparsePrecision::derivative(const Part& part, Index r) const {
  const Levels& levels = *design_.groups[part.group].relation;
  if (part.slopes.empty())
    for (Index k = 0; k < levels.n_rho(); ++k)
      part.slopes.push_back(levels.derivative(rho_.data() + part.first_rho, k));
  return part.slopes[r - part.first_rho];
}

const SparsePrecision::Part& SparsePrecision::part_of(Index r) const {
  std::size_t k = parts_.size() - 1;
  while (parts_[k].first_rho > r || design_.groups[parts_[k].group].relation->n_rho() == 0) --k;
  return parts_[k];
}

}  // namespace margmix
