// How the levels of a grouping factor are related: through a sparse precision matrix Q(rho), at
// unit scale. The effects b of a factor, levels x columns, then have cov(vec b) = (Lambda Lambda')
// (x) Q^-1. Independent levels, Q = I, need no object.
#pragma once

#include <vector>

#include "core/types.hpp"
#include "linalg/sparse_cholesky.hpp"
#include "random/constraint.hpp"

namespace margmix {

// Q, or its derivative in one entry of rho.
struct Precision {
  VectorXd diagonal, below;  // entries below the diagonal in the order of the pattern
  VectorXd log_det;          // its parts by level: their sum is log|Q|
};

class Levels {
 public:
  explicit Levels(Pattern pattern, Constraint constraint = {})
      : pattern_(std::move(pattern)), constraint_(std::move(constraint)) {}
  virtual ~Levels() = default;

  Index size() const { return pattern_.size(); }
  const Pattern& pattern() const { return pattern_; }  // of Q at every rho
  const Constraint& constraint() const { return constraint_; }

  // rho is unbounded.
  virtual Index n_rho() const = 0;
  virtual Precision at(const double* rho) const = 0;
  virtual Precision derivative(const double* rho, Index k) const = 0;

 private:
  Pattern pattern_;
  Constraint constraint_;
};

// A known matrix.
class KnownPrecision : public Levels {
 public:
  KnownPrecision(Pattern pattern, Precision Q, Constraint constraint = {})
      : Levels(std::move(pattern), std::move(constraint)), Q_(std::move(Q)) {}
  Index n_rho() const override { return 0; }
  Precision at(const double*) const override { return Q_; }
  Precision derivative(const double*, Index) const override { return {}; }

 private:
  Precision Q_;
};

// Series of variance one in which a level depends on the one before it, `gap` units of time ago,
// with correlation r: AR(1), r = tanh(rho)^gap for whole gaps, or Ornstein-Uhlenbeck,
// r = exp(-exp(rho) gap). The first level of a series has the gap 0.
class Autoregression : public Levels {
 public:
  enum class Kind { ar1, ou };
  Autoregression(Kind kind, std::vector<double> gap);
  Index n_rho() const override { return 1; }
  Precision at(const double* rho) const override;
  Precision derivative(const double* rho, Index) const override;

 private:
  struct Step {
    double r, v, dr, log_v;  // correlation, 1 - r^2, dr/drho, log v
  };
  Step step(double rho, double gap) const;
  template <class Visit>
  void visit_steps(double rho, Visit visit) const;

  Kind kind_;
  std::vector<double> gap_;
};

// Proper conditional autoregression: Q = D - alpha W for a symmetric adjacency matrix W with row
// sums D, alpha = 1 / (1 + exp(-rho)).
class ConditionalAutoregression : public Levels {
 public:
  ConditionalAutoregression(Pattern pattern, VectorXd W);
  Index n_rho() const override { return 1; }
  Precision at(const double* rho) const override;
  Precision derivative(const double* rho, Index) const override;

 private:
  VectorXd W_, D_;
};

// Besag, York and Mollie's areas, in the form of Riebler et al. (2016): m areas b and, as further
// levels, their spatial parts u with the intrinsic precision R, under the constraint of u,
//
//   b = sqrt(phi) u + N(0, 1 - phi),   phi = 1 / (1 + exp(-rho)),   rho at most 18.
//
// Its pattern is that of R, moved by m, and a pair (b, u) of each area.
class SharedAreas : public Levels {
 public:
  // `log_det` of R under the constraint; C and anchors count the m levels of u from 0.
  SharedAreas(const Pattern& R, VectorXd diagonal, VectorXd below, double log_det,
              const Constraint& constraint);
  Index n_rho() const override { return 1; }
  Precision at(const double* rho) const override;
  Precision derivative(const double* rho, Index) const override;

 private:
  VectorXd diagonal_, below_;  // of R
  double log_det_;
};

// What follows from Q alone: is it positive definite under its constraint, log|Q| by level, and the
// diagonal of Q^-1.
struct PrecisionFacts {
  bool definite = false;
  VectorXd log_det, variance, inverse_below;  // the last on the pattern
};

PrecisionFacts precision_facts(const Pattern& pattern, const VectorXd& diagonal,
                               const VectorXd& below, const Constraint& constraint = {});

// Draws with covariance Q^-1 by column, from independent standard normal ones. Throws
// std::invalid_argument where Q is not positive definite.
MatrixXd related_draws(const Pattern& pattern, const Precision& Q, MatrixXd normals,
                       const Constraint& constraint = {});

}  // namespace margmix
