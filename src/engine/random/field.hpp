// Spatial fields: levels are places, with a correlation that falls with their distance d,
//
//   exponential      exp(-u)                 u = d / range, range = exp(rho)
//   gaussian         exp(-u^2)
//   matern_3_2       (1 + u) exp(-u)
//   matern_5_2       (1 + u + u^2 / 3) exp(-u)
//
// and variance one, of which the share `nugget` is a place's own.
//
// Places of the core of a block have the precision K^-1 of their correlation matrix K, a dense
// block. Another place c depends on those before it through its parents P alone (Vecchia 1988),
// b_c = C'b_P + N(0, F), with C = K_PP^-1 K_Pc and F = 1 - K_cP C, which adds (1, -C)'(1, -C) / F
// to Q. A place whose parents are the whole core has its exact distribution given them.
#pragma once

#include "random/levels.hpp"
#include "random/places.hpp"

namespace margmix {

struct FieldSpec {
  std::string correlation;
  double nugget = 0;
  Places places;
  // By place: kCore, kGivenCore, or kGivenParents with a list of parents.
  enum Role { kGivenParents = 0, kCore = 1, kGivenCore = 2 };
  std::vector<int> role;
  std::vector<std::vector<int>> parents;
};

class Field : public Levels {
 public:
  explicit Field(FieldSpec spec);
  Index n_rho() const override { return 1; }
  Precision at(const double* rho) const override;
  Precision derivative(const double* rho, Index) const override;

 private:
  // Places `children` whose parents are `parents`, which are the core of a block, or not. `entry`:
  // where pairs of parents, by column below the diagonal, and then parents x children are in the
  // pattern.
  struct Neighbourhood {
    std::vector<int> parents, children;
    bool core;
    std::vector<int> entry;
  };
  struct Blocks {
    MatrixXd PP, PC;  // parents x parents, parents x children
  };
  Blocks correlations(const Neighbourhood& near, double range) const;
  Blocks correlation_slopes(const Neighbourhood& near, double range) const;
  template <class Function>
  Blocks by_distance(const Neighbourhood& near, Function function, double diagonal) const;
  // Adds X on the parents, -Y on parents x children and `own` on the diagonal of the children.
  void add(const Neighbourhood& near, const MatrixXd& X, const MatrixXd& Y, const VectorXd& own,
           Precision& Q) const;
  void find_entries(Neighbourhood& near) const;
  Precision zero() const;

  FieldSpec spec_;
  std::vector<Neighbourhood> near_;
};

}  // namespace margmix
