// The modes of one integrand, and what a rule misses of the integral at others than the one that it
// is centred at.
#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "glmm/mode.hpp"
#include "quadrature/gauss_hermite.hpp"

namespace margmix {

// Starts of the search along each axis, on the scale of the prior sd.
constexpr std::array<double, 6> kModeStarts = {-6.0, -3.0, -1.5, 1.5, 3.0, 6.0};

inline bool is_higher(double height, double than) {
  return height > than + 1e-6 * (1 + std::fabs(than));
}

// The modes u_m of exp{h(u)}, h(u) = sum_j l_j(eta0_j + V_j'u) - u'u / 2, with P_m at each.
class Peaks {
 public:
  // `mode` has eta0 and V of the rows.
  Peaks(const Family& family, const Rows& rows, Mode<Dynamic>& mode)
      : family_(family), rows_(rows), mode_(mode) {}

  // Looks for the first mode, where the rule is centred, from `start`, and for others around u = 0.
  bool search(const VectorXd& start);
  bool has_better() const;
  // |log of the integral with all modes - that by the rule at the first one|
  double missed(const ProductRule& rule) const;

 private:
  struct Peak {
    VectorXd u;
    MatrixXd P;
    double height, log_det_P;
    double laplace() const { return height + log_det_P; }
    // log of the normal curve that fits the peak
    double curve(const VectorXd& at) const {
      return height - 0.5 * P.triangularView<Eigen::Upper>().solve(at - u).squaredNorm();
    }
  };

  void climb(const VectorXd& start);
  double h(const VectorXd& u) const;
  double log_integral(const std::vector<Peak>& peaks, const ProductRule& rule) const;

  const Family& family_;
  Rows rows_;
  Mode<Dynamic>& mode_;
  std::vector<Peak> peaks_;
};

}  // namespace margmix
