#include "inference/cluster_shift.hpp"

#include <boost/math/distributions/chi_squared.hpp>

namespace margmix {

ClusterShift::ClusterShift(const std::vector<MatrixXd>& S, const MatrixXd& v,
                           const VectorXd& epsilon)
    : f_(epsilon.size(), v.cols()) {
  const Index m = v.cols();
  for (Index i = 0; i < m; ++i) f_.col(i) = S[i] * epsilon;
  const VectorXd k = f_.transpose() * epsilon;
  const VectorXd w = (k.array() > 0).select(k.cwiseInverse(), 0.0);
  const VectorXd s = v.transpose() * epsilon, ff = f_.colwise().squaredNorm();
  const MatrixXd F = f_ * f_.transpose(), FW = f_ * w.asDiagonal() * f_.transpose();
  T_ = (s.array().square() * w.array()).sum();
  const double clusters = static_cast<double>((w.array() > 0).count());
  T0_ = clusters - ff.dot(w);
  T1_ = (k - 2 * ff).sum() + (FW.array() * F.array()).sum();
  nu_ = T0_ * T0_ / (clusters - 2 * ff.dot(w) + FW.squaredNorm());
}

double ClusterShift::tau2(double u) const {
  if (!(T1_ > 0 && T0_ > 0 && nu_ > 0)) return 0;
  const double chi2 = boost::math::quantile(boost::math::chi_squared(nu_), u);
  return chi2 > 0 ? std::max(0.0, (nu_ * T_ / chi2 - T0_) / T1_) : 0;
}

}  // namespace margmix
