#include "glmm/mass_points.hpp"

#include <cmath>
#include <vector>

#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// The rows of one cluster at one value of its effect.
class ClusterAt {
 public:
  ClusterAt(const Design& design, const Family& family, const VectorXd& fixed)
      : design_(design), family_(family), fixed_(fixed), eta_(design.largest_cluster()) {}

  double operator()(Index i, double b, double* g = nullptr, double* W = nullptr) {
    const Index first = design_.first(i), n = design_.size(i);
    eta_.head(n) = fixed_.segment(first, n) + b * design_.Z.col(0).segment(first, n);
    const double l =
        family_.rows(design_.response.part(first, n), eta_.data(), g, W, nullptr, nullptr);
    return std::isfinite(l) ? l : -kInf;
  }

 private:
  const Design& design_;
  const Family& family_;
  const VectorXd& fixed_;
  VectorXd eta_;
};

VectorXd softmax(const VectorXd& alpha) {
  VectorXd full = VectorXd::Zero(alpha.size() + 1);
  full.head(alpha.size()) = alpha;
  full.array() -= full.maxCoeff();
  full = full.array().exp();
  return full / full.sum();
}

// What a block of clusters adds up. With w_k the posterior of the points of a cluster and s_k, H_k
// the derivatives of log{pi_k f(y | a_k)}, those of its log-likelihood are s = sum w_k s_k and
// sum w_k (H_k + s_k s_k') - s s'.
class MassPointKernel {
 public:
  MassPointKernel(const Design& design, const Family& family, const VectorXd& psi,
                  const VectorXd& fixed, const VectorXd& pi, int order)
      : design_(design),
        pi_(pi),
        a_(psi.segment(design.p(), pi.size())),
        order_(order),
        cluster_(design, family, fixed),
        g_(design.largest_cluster(), pi.size()),
        W_(design.largest_cluster(), pi.size()),
        s_(psi.size(), pi.size()) {
    if (order >= 1) gradient = VectorXd::Zero(psi.size());
    if (order >= 2) hessian = MatrixXd::Zero(psi.size(), psi.size());
  }

  void add(Index i, Eigen::Ref<VectorXd> w) {
    const Index K = pi_.size();
    VectorXd l(K);
    for (Index k = 0; k < K; ++k)
      l[k] = std::log(pi_[k]) + cluster_(i, a_[k], order_ >= 1 ? &g_(0, k) : nullptr,
                                         order_ >= 2 ? &W_(0, k) : nullptr);
    const double most = l.maxCoeff();
    value += most;
    if (!std::isfinite(most)) return;
    w = (l.array() - most).exp();
    value += std::log(w.sum());
    w /= w.sum();
    if (order_ >= 1) add_gradient(i, w);
    if (order_ >= 2) add_hessian(i, w);
  }

  double value = 0;
  VectorXd gradient;
  MatrixXd hessian;

 private:
  void add_gradient(Index i, const VectorXd& w) {
    const Index first = design_.first(i), n = design_.size(i), p = design_.p(), K = pi_.size();
    s_.setZero();
    s_.topRows(p).noalias() = design_.X.middleRows(first, n).transpose() * g_.topRows(n);
    for (Index k = 0; k < K; ++k) {
      s_(p + k, k) = design_.Z.col(0).segment(first, n).dot(g_.col(k).head(n));
      s_.col(k).tail(K - 1) = -pi_.head(K - 1);
      if (k < K - 1) s_(p + K + k, k) += 1;
    }
    mean_ = s_ * w;
    gradient += mean_;
  }

  void add_hessian(Index i, const VectorXd& w) {
    const Index first = design_.first(i), n = design_.size(i), p = design_.p(), K = pi_.size();
    const auto X = design_.X.middleRows(first, n);
    const auto z = design_.Z.col(0).segment(first, n);
    hessian.noalias() += s_ * w.asDiagonal() * s_.transpose();
    hessian.noalias() -= mean_ * mean_.transpose();
    VectorXd Ww = VectorXd::Zero(n);
    for (Index k = 0; k < K; ++k) {
      const VectorXd Wk = w[k] * W_.col(k).head(n);
      Ww += Wk;
      const VectorXd Wz = Wk.cwiseProduct(z), cross = X.transpose() * Wz;
      hessian.col(p + k).head(p) -= cross;
      hessian.row(p + k).head(p) -= cross.transpose();
      hessian(p + k, p + k) -= Wz.dot(z);
    }
    hessian.topLeftCorner(p, p).noalias() -= X.transpose() * Ww.asDiagonal() * X;
    const VectorXd pi = pi_.head(K - 1);
    hessian.bottomRightCorner(K - 1, K - 1).diagonal() -= pi;
    hessian.bottomRightCorner(K - 1, K - 1).noalias() += pi * pi.transpose();
  }

  const Design& design_;
  const VectorXd& pi_;
  const VectorXd a_;
  int order_;
  ClusterAt cluster_;
  MatrixXd g_, W_, s_;
  VectorXd mean_;
};

}  // namespace

ConditionalDensity conditional_log_density(const Design& design, Family& family,
                                           const VectorMap& beta, double log_phi,
                                           const VectorMap& b, const RunContext& context) {
  if (family.has_dispersion()) family.set_log_dispersion(log_phi);
  const VectorXd fixed = design.offset + design.X * beta;
  ConditionalDensity out;
  out.log_density.resize(b.size(), design.clusters());
  const bool finished =
      for_each_block(cluster_blocks(design.clusters()), context, [&](int, const Block& block) {
        ClusterAt cluster(design, family, fixed);
        for (Index i = block.first; i < block.last; ++i)
          for (Index k = 0; k < b.size(); ++k) out.log_density(k, i) = cluster(i, b[k]);
      });
  if (!finished) out.status = Status::interrupted;
  return out;
}

MassPointTotals mass_point_likelihood(const Design& design, const Family& family,
                                      const VectorXd& psi, int order, const RunContext& context) {
  const Index p = design.p(), K = (psi.size() - p + 1) / 2;
  const VectorXd pi = softmax(psi.tail(K - 1));
  const VectorXd fixed = design.offset + design.X * psi.head(p);
  MassPointTotals out;
  out.posterior = MatrixXd::Zero(K, design.clusters());
  const auto blocks = cluster_blocks(design.clusters());
  std::vector<MassPointKernel> parts(blocks.size(),
                                     MassPointKernel(design, family, psi, fixed, pi, order));
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    for (Index i = block.first; i < block.last; ++i) parts[b].add(i, out.posterior.col(i));
  });
  out.value = family.constant(design.response);
  if (order >= 1) out.gradient = VectorXd::Zero(psi.size());
  if (order >= 2) out.hessian = MatrixXd::Zero(psi.size(), psi.size());
  for (const MassPointKernel& part : parts) {
    out.value += part.value;
    if (order >= 1) out.gradient += part.gradient;
    if (order >= 2) out.hessian += part.hessian;
  }
  if (!std::isfinite(out.value)) out.status = Status::not_finite;
  if (!finished) out.status = Status::interrupted;
  return out;
}

}  // namespace margmix
