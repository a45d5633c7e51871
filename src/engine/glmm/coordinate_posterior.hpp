// The marginal posterior density of one random effect of a cluster, and the median of a density.
#pragma once

#include <functional>
#include <optional>

#include "design/design.hpp"
#include "glmm/nodes.hpp"

namespace margmix {

// log of the integral over u ~ N(0, I) of exp{sum_j l_j(eta0_j + V_j'u)}, by the adaptive rule, up
// to a constant of the rule's dimension.
class InnerIntegral {
 public:
  InnerIntegral(const Family& family, const ProductRule& rule, const Rows& rows, const MatrixXd& V)
      : family_(family), rule_(rule), rows_(rows), nodes_(family, rule) {
    mode_.reserve(V.rows(), V.cols());
    mode_.n = V.rows();
    mode_.V = V;
    start_ = VectorXd::Zero(V.cols());
  }

  double operator()(const VectorXd& eta0);

 private:
  const Family& family_;
  const ProductRule& rule_;
  Rows rows_;
  VectorXd start_;
  Mode<Dynamic> mode_;
  Nodes<Dynamic> nodes_;
};

// Median of a distribution with a log density, its mean and sd: panels of Gauss-Legendre points
// around the mean; bisection and Newton steps inside the panel of the median.
double median_of(const std::function<double(double)>& log_density, double mean, double sd);

// The marginal posterior of one coordinate, b_c = lambda'u with lambda' the row c of Lambda.
// A Householder matrix H turns u into w, b_c = |lambda| w_1; at a given w_1 the other coordinates
// are integrated by the adaptive rule in q - 1 dimensions.
class CoordinatePosterior {
 public:
  CoordinatePosterior(const Design& design, const Family& family, const Parameters& psi, Index i,
                      Index coordinate, const ProductRule& inner);

  double scale() const { return scale_; }

  // log density of w_1, up to a constant
  double operator()(double w);

 private:
  const Family& family_;
  Rows rows_;
  VectorXd eta0_, v1_;
  std::optional<InnerIntegral> others_;
  double scale_ = 0;
};

}  // namespace margmix
