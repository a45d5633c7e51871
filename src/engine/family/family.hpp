// Response distribution and link, seen as a function of the linear predictor eta.
//
// For a row with response y the engine needs the log-likelihood l(eta) and its derivatives
//   g = l',  W = -l'',  T = dW/deta = -l''',  F = dT/deta = -l''''
// with prior weights folded in. W is the observed information, not the expected one.
#pragma once

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/types.hpp"

namespace margmix {

// A run of rows: n responses with their binomial sizes and prior weights (null: all one), of which
// the first is row `first` of the design.
struct Rows {
  Index n = 0;
  const double* y = nullptr;
  const double* size = nullptr;
  const double* weight = nullptr;
  Index first = 0;

  double trials(Index j) const { return size ? size[j] : 1.0; }
  double w(Index j) const { return weight ? weight[j] : 1.0; }
  Rows part(Index from, Index count) const {
    return {count, y + from, size ? size + from : nullptr, weight ? weight + from : nullptr,
            first + from};
  }
};

// l and its derivatives at one row. Outside the range of eta: l = -Inf and zero derivatives, so
// that a quadrature node there gets weight zero without 0 * NaN.
struct RowTerms {
  double l = 0, g = 0, W = 0, T = 0, F = 0;
  static RowTerms outside() {
    RowTerms r;
    r.l = -kInf;
    return r;
  }
};

class Family {
 public:
  virtual ~Family() = default;

  // Sum of w l(eta) over the rows, without the constants; g, W, T, F are filled where not null.
  virtual double rows(const Rows& rows, const double* eta, double* g, double* W, double* T,
                      double* F) const = 0;

  // Sum over the rows of the terms of the log-likelihood that do not depend on eta.
  virtual double constant(const Rows& rows) const = 0;

  // Is h(u) concave for every response, so that its mode is unique?
  virtual bool log_concave() const { return true; }

  // Largest change of eta in one step of the search for a mode: a few units of a nonlinear link.
  // With an identity link eta has the units of the response.
  virtual double longest_step() const { return 5.0; }

  // Is l = y eta - c(exp(eta))? Then a product rule needs no exp per node: rows_exp takes E =
  // exp(eta) and returns the sum of -w c(E).
  virtual bool through_exp() const { return false; }
  virtual double rows_exp(const Rows&, const double* /*E*/, double* /*g*/, double* /*W*/) const {
    return kNaN;
  }

  // 0/1 responses without weights under the logit: l = y eta - log(1 + e^eta) in every row.
  virtual bool bernoulli_logit(const Rows&) const { return false; }

  // Poisson with log link: sums over a cluster are sufficient for a shared shift of eta.
  virtual bool poisson_log() const { return false; }

  // Dispersion phi > 0, as log phi: one for all rows, or one for each row of the design.
  virtual bool has_dispersion() const { return false; }
  void set_log_dispersion(double log_phi) {
    log_phi_ = nullptr;
    set_phi(log_phi);
    tabulate();
  }
  void set_log_dispersion(VectorXd by_row) {
    log_phi_ = std::make_shared<const VectorXd>(std::move(by_row));
  }
  bool phi_by_row() const { return log_phi_ != nullptr; }
  double log_phi(Index row) const { return (*log_phi_)[row]; }
  // phi of the rows that come next, and tables that pay where these are many.
  virtual void set_phi(double /*log_phi*/) {}
  virtual void tabulate() {}

  // Derivatives with respect to the log phi of each row at fixed eta: returns d(sum l)/dlog phi,
  // constants included; fills dg/dlog phi, dW/dlog phi and dl/dlog phi where not null.
  virtual double rows_dispersion(const Rows&, const double* /*eta*/, double* /*g_phi*/,
                                 double* /*W_phi*/, double* /*l_phi*/ = nullptr) const {
    return 0.0;
  }

  // Mean and its first two derivatives in eta.
  struct Mean {
    double mu, d1, d2;
  };
  virtual Mean mean(double eta) const = 0;

  // A value of eta at which the mean is `mu`.
  virtual double link(double mu) const = 0;

 private:
  std::shared_ptr<const VectorXd> log_phi_;  // by row; none: set_phi() was for all
};

// A family written row by row: Derived supplies terms<Order>(y, size, eta), Order the highest
// derivative wanted; weights are applied here. F falls back on differences of T.
template <class Derived>
class RowwiseFamily : public Family {
 public:
  static constexpr bool kHasPhi = false;

  double rows(const Rows& r, const double* eta, double* g, double* W, double* T,
              double* F) const final {
    if (F) return sweep<4>(r, eta, g, W, T, F);
    if (T) return sweep<3>(r, eta, g, W, T, F);
    if (g || W) return sweep<2>(r, eta, g, W, T, F);
    return sweep<0>(r, eta, g, W, T, F);
  }

 protected:
  // work(at), with at(j) the family as it is for row j: this one, or a copy that takes the phi of
  // each row in its turn.
  template <class Work>
  double with_phi(const Rows& r, Work work) const {
    const Derived& self = static_cast<const Derived&>(*this);
    if constexpr (Derived::kHasPhi) {
      std::optional<Derived> own;
      if (phi_by_row()) own.emplace(self);
      double last = kNaN;
      return work([&](Index j) -> const Derived& {
        if (!own) return self;
        const double log_phi = own->log_phi(r.first + j);
        if (log_phi != last) own->set_phi(last = log_phi);
        return *own;
      });
    } else {
      return work([&self](Index) -> const Derived& { return self; });
    }
  }

 private:
  template <int Order>
  double sweep(const Rows& r, const double* eta, double* g, double* W, double* T, double* F) const {
    return with_phi(r, [&](auto at) { return sum_rows<Order>(at, r, eta, g, W, T, F); });
  }

  template <int Order, class At>
  static double sum_rows(At at, const Rows& r, const double* eta, double* g, double* W, double* T,
                         double* F) {
    double sum = 0;
    for (Index j = 0; j < r.n; ++j) {
      const double w = r.w(j);
      if (w == 0) {  // the row counts for nothing, wherever its eta is
        if (g) g[j] = 0;
        if (W) W[j] = 0;
        if (Order >= 3 && T) T[j] = 0;
        if (Order >= 4) F[j] = 0;
        continue;
      }
      const Derived& self = at(j);
      const RowTerms t = self.template terms<Order>(r.y[j], r.trials(j), eta[j]);
      sum += w * t.l;
      if (g) g[j] = w * t.g;
      if (W) W[j] = w * t.W;
      if (Order >= 3 && T) T[j] = w * t.T;
      if (Order >= 4) F[j] = w * (Derived::kHasF ? t.F : difference_T(self, r, j, eta[j]));
    }
    return sum;
  }

  // Four-point difference of T, error O(h^4).
  static double difference_T(const Derived& self, const Rows& r, Index j, double eta) {
    const double h = 1e-3 * std::max(1.0, std::fabs(eta));
    auto T = [&](double x) { return self.template terms<3>(r.y[j], r.trials(j), x).T; };
    return (8.0 * (T(eta + h) - T(eta - h)) - (T(eta + 2 * h) - T(eta - 2 * h))) / (12.0 * h);
  }
};

}  // namespace margmix
