// Families with a dispersion phi, written as a density of y given its mean and a link.
//
// A density D supplies, for one row of weight one,
//   at<Order>(y, size, mu, nu)    the part of log f that depends on mu, and its derivatives in mu
//   by_log_phi(y, size, mu, nu)   d / d log phi of that part, of its first and second derivative
//   constant(y, size, w), constant_by_log_phi(...)   the rest of log f
//   tabulate()                  makes tables for many rows of one phi; see PlainDensity
// and kPrecision: does a prior weight w stand for phi / w? It then multiplies the part with mu,
// which must be proportional to 1 / phi, and changes the constant. Otherwise, and where weights
// are frequencies, a weight multiplies log f.
#pragma once

#include "family/family.hpp"
#include "family/gamma_functions.hpp"
#include "family/links.hpp"

namespace margmix {

struct MuTerms {
  double l, d1, d2, d3, d4;
};

struct PhiTerms {
  double l, d1, d2;
};

// A density without tables.
struct PlainDensity {
  void tabulate() {}
};

// l as a function of eta: the chain rule.
template <class Density, class Link>
struct RowDensity {
  static RowTerms terms(const Density& density, double y, double size, double eta) {
    const LinkTerms m = Link::at(eta);
    const MuTerms t = density.at(y, size, m.mu, m.nu);
    const double m11 = m.d1 * m.d1;
    RowTerms out;
    out.l = t.l;
    out.g = t.d1 * m.d1;
    out.W = -(t.d2 * m11 + t.d1 * m.d2);
    out.T = -(t.d3 * m11 * m.d1 + 3 * t.d2 * m.d1 * m.d2 + t.d1 * m.d3);
    out.F = -(t.d4 * m11 * m11 + 6 * t.d3 * m11 * m.d2 +
              t.d2 * (3 * m.d2 * m.d2 + 4 * m.d1 * m.d3) + t.d1 * m.d4);
    return out;
  }
};

template <class Density, class Link, bool kLogConcave>
class DispersionFamily : public RowwiseFamily<DispersionFamily<Density, Link, kLogConcave>> {
 public:
  static constexpr bool kHasF = true, kHasPhi = true;
  explicit DispersionFamily(bool frequency, Density density = {})
      : density_(density), precision_(Density::kPrecision && !frequency) {
    density_.set(0.0);
  }

  bool has_dispersion() const override { return true; }
  void set_phi(double log_phi) override { density_.set(log_phi); }
  void tabulate() override { density_.tabulate(); }
  bool log_concave() const override { return kLogConcave; }
  double longest_step() const override { return Link::kHasUnits ? kInf : 5.0; }

  template <int Order>
  RowTerms terms(double y, double size, double eta) const {
    if (!Link::inside(eta)) return RowTerms::outside();
    const RowTerms t = RowDensity<Density, Link>::terms(density_, y, size, eta);
    // beyond the largest and smallest numbers, where the density is zero
    const bool finite = std::isfinite(t.l + t.g + t.W) && (Order < 3 || std::isfinite(t.T + t.F));
    return finite ? t : RowTerms::outside();
  }

  double constant(const Rows& r) const override {
    return this->with_phi(r, [&](auto at) {
      double sum = 0;
      for (Index j = 0; j < r.n; ++j) {
        const double w = r.w(j);
        if (w == 0) continue;
        const Density& density = at(j).density_;
        sum += precision_ ? density.constant(r.y[j], r.trials(j), w)
                          : w * density.constant(r.y[j], r.trials(j), 1);
      }
      return sum;
    });
  }

  double rows_dispersion(const Rows& r, const double* eta, double* g_phi, double* W_phi,
                         double* l_phi) const override {
    return this->with_phi(r, [&](auto at) {
      double sum = 0;
      for (Index j = 0; j < r.n; ++j) {
        for (double* out : {g_phi, W_phi, l_phi})
          if (out) out[j] = 0;
        const double w = r.w(j), y = r.y[j], size = r.trials(j);
        if (w == 0 || !Link::inside(eta[j])) continue;
        const Density& density = at(j).density_;
        const LinkTerms m = Link::at(eta[j]);
        const PhiTerms t = density.by_log_phi(y, size, m.mu, m.nu);
        if (!std::isfinite(t.l + t.d1 + t.d2)) continue;
        const double l = w * t.l + (precision_ ? density.constant_by_log_phi(y, size, w)
                                               : w * density.constant_by_log_phi(y, size, 1));
        sum += l;
        if (g_phi) g_phi[j] = w * t.d1 * m.d1;
        if (W_phi) W_phi[j] = -w * (t.d2 * m.d1 * m.d1 + t.d1 * m.d2);
        if (l_phi) l_phi[j] = l;
      }
      return sum;
    });
  }

  Family::Mean mean(double eta) const override {
    const LinkTerms m = Link::at(eta);
    return {m.mu, m.d1, m.d2};
  }
  double link(double mu) const override { return Link::link(mu); }

 protected:
  Density density_;
  bool precision_;
};

}  // namespace margmix
