#include "glmm/conditional_logistic.hpp"

#include <cmath>
#include <vector>

#include "linalg/decompositions.hpp"
#include "parallel/blocks.hpp"

namespace margmix {

namespace {

// One cluster of N trials, s of them successes. The conditional likelihood does not change if a
// constant is added to eta; with independent Y_j ~ Bernoulli(p_j), logit p_j = eta_j + c, it is
//
//   P(y | s) = prod p_j^y_j (1 - p_j)^(1 - y_j) / P(sum Y_j = s),
//
// and the denominator follows from P_k(t) = (1 - p_k) P_(k-1)(t) + p_k P_(k-1)(t - 1) (Gail, Lubin
// and Rubinstein 1981), all terms of it positive and at most 1. c makes s the mean of sum Y_j, so
// that none of what counts underflows. G and H are P times the conditional mean of T = sum x_j Y_j
// and of TT', by the same recursion; x is centred at its mean, which cancels from both.
class ConditionalKernel {
 public:
  ConditionalKernel(const Design& design, const VectorXd& beta)
      : gradient(VectorXd::Zero(design.p())),
        information(MatrixXd::Zero(design.p(), design.p())),
        design_(design),
        beta_(beta) {}

  void add(Index i) {
    const Index first = design_.first(i), n = design_.size(i);
    const double* y = design_.response.y + first;
    Index s = 0, N = 0;
    for (Index j = 0; j < n; ++j) {
      s += std::lround(y[j]);
      N += trials(first + j);
    }
    if (s == 0 || s == N) return;  // certain, whatever beta
    tilt(first, n, s);
    recursion(first, n, s, N);
    VectorXd T = VectorXd::Zero(design_.p());
    double log_p = 0;
    for (Index j = 0; j < n; ++j) {
      const double failures = static_cast<double>(trials(first + j)) - y[j];
      log_p += y[j] * log_p_[j] + failures * log_q_[j];
      T += y[j] * x_.col(j);
    }
    value += log_p - std::log(P_[s]);
    const VectorXd mean = G_.col(s) / P_[s];
    gradient += T - mean;
    information += Eigen::Map<const MatrixXd>(&H_(0, s), T.size(), T.size()) / P_[s];
    information -= mean * mean.transpose();
  }

  double value = 0;
  VectorXd gradient;
  MatrixXd information;

 private:
  Index trials(Index row) const {
    return design_.response.size ? std::lround(design_.response.size[row]) : 1;
  }

  // Solves sum p_j = s; any c is right, and one near the solution keeps all digits.
  void tilt(Index first, Index n, Index s) {
    VectorXd eta = design_.offset.segment(first, n);
    eta += design_.X.middleRows(first, n) * beta_;
    double low = -eta.maxCoeff() - 40, high = -eta.minCoeff() + 40;
    for (int step = 0; step < 60 && high - low > 1e-3; ++step) {
      const double c = (low + high) / 2;
      double sum = 0;
      for (Index j = 0; j < n; ++j) sum += trials(first + j) / (1 + std::exp(-eta[j] - c));
      (sum < static_cast<double>(s) ? low : high) = c;
    }
    eta.array() += (low + high) / 2;
    log_p_ = eta.array().min(0.0) - (-eta.array().abs()).exp().log1p();
    log_q_ = log_p_ - eta;
    VectorXd p = log_p_.array().exp();
    for (Index j = 0; j < n; ++j) p[j] *= static_cast<double>(trials(first + j));
    const VectorXd centre = design_.X.middleRows(first, n).transpose() * p / p.sum();
    x_ = design_.X.middleRows(first, n).transpose();
    x_.colwise() -= centre;
  }

  void recursion(Index first, Index n, Index s, Index N) {
    const Index q = design_.p();
    P_ = VectorXd::Zero(s + 1);
    G_ = MatrixXd::Zero(q, s + 1);
    H_ = MatrixXd::Zero(q * q, s + 1);
    P_[0] = 1;
    Index done = 0;
    for (Index j = 0; j < n; ++j) {
      const double p = std::exp(log_p_[j]), r = std::exp(log_q_[j]);
      const auto x = x_.col(j);
      for (Index trial = 0; trial < trials(first + j); ++trial, ++done) {
        // those from which s can still be reached
        const Index least = std::max<Index>(0, s - (N - done - 1));
        for (Index t = std::min(s, done + 1); t >= least; --t) step(t, p, r, x);
      }
    }
  }

  template <class X>
  void step(Index t, double p, double r, const X& x) {
    const Index q = x.size();
    Eigen::Map<MatrixXd> H(&H_(0, t), q, q);
    H *= r;
    G_.col(t) *= r;
    P_[t] *= r;
    if (t == 0) return;
    const auto G = G_.col(t - 1);
    H += p * Eigen::Map<const MatrixXd>(&H_(0, t - 1), q, q);
    H.noalias() += p * (x * G.transpose() + (G + P_[t - 1] * x) * x.transpose());
    G_.col(t) += p * (G + P_[t - 1] * x);
    P_[t] += p * P_[t - 1];
  }

  const Design& design_;
  const VectorXd& beta_;
  VectorXd log_p_, log_q_, P_;
  MatrixXd x_, G_, H_;  // x_: p x rows, centred; G_: p x (s + 1); H_: p^2 x (s + 1)
};

bool improves(const ConditionalLogistic& now, const ConditionalLogistic& before) {
  return now.status == Status::ok && now.value >= before.value - 1e-12 * std::abs(before.value);
}

}  // namespace

ConditionalLogistic conditional_logistic(const Design& design, const VectorXd& beta,
                                         const RunContext& context) {
  const std::vector<Block> blocks = cluster_blocks(design.clusters());
  std::vector<ConditionalKernel> kernels(blocks.size(), ConditionalKernel(design, beta));
  const bool finished = for_each_block(blocks, context, [&](int b, const Block& block) {
    for (Index i = block.first; i < block.last; ++i) kernels[b].add(i);
  });
  ConditionalLogistic out;
  out.beta = beta;
  out.gradient = VectorXd::Zero(design.p());
  out.information = MatrixXd::Zero(design.p(), design.p());
  for (const ConditionalKernel& kernel : kernels) {
    out.value += kernel.value;
    out.gradient += kernel.gradient;
    out.information += kernel.information;
  }
  if (!std::isfinite(out.value) || !out.information.allFinite()) out.status = Status::not_finite;
  if (!finished) out.status = Status::interrupted;
  return out;
}

ConditionalLogistic fit_conditional_logistic(const Design& design, double tolerance, int iterations,
                                             const RunContext& context) {
  ConditionalLogistic now = conditional_logistic(design, VectorXd::Zero(design.p()), context);
  for (int k = 1; k <= iterations && now.status == Status::ok; ++k) {
    const VectorXd step = solve_symmetric(now.information, now.gradient);
    now.criterion = now.gradient.dot(step);
    if (!std::isfinite(now.criterion) || now.criterion < tolerance) break;
    ConditionalLogistic next;
    for (double length = 1; length > 1e-6; length /= 2) {
      next = conditional_logistic(design, now.beta + length * step, context);
      if (next.status == Status::interrupted) return next;
      if (improves(next, now)) break;
    }
    if (!improves(next, now)) break;
    next.iterations = k;
    next.criterion = now.criterion;
    now = next;
  }
  return now;
}

}  // namespace margmix
