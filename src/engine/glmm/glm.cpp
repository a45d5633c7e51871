#include "glmm/glm.hpp"

#include "linalg/decompositions.hpp"
#include "linalg/exact_blocks.hpp"
#include "linalg/row_products.hpp"

namespace margmix {

double GlmObjective::operator()(const VectorXd& beta, VectorXd* gradient, MatrixXd* information,
                                double* largest_eta, bool clip_W) const {
  const Index p = design_.p();
  const std::vector<Block> blocks = cluster_blocks((design_.X.rows() + kChunk - 1) / kChunk);
  Sums zero;
  if (gradient) zero.gradient.setZero(p);
  if (information) zero.information.setZero(p, p);
  std::vector<Sums> parts(blocks.size(), zero);
  for_each_block(blocks, RunContext{threads_},
                 [&](int b, const Block& chunks) { add_chunks(chunks, beta, clip_W, parts[b]); });
  for (const Sums& part : parts) {
    zero.value += part.value;
    zero.largest = std::max(zero.largest, part.largest);
    zero.gradient += part.gradient;
    zero.information += part.information;
  }
  if (gradient) *gradient = zero.gradient;
  if (information) *information = zero.information;
  if (largest_eta) *largest_eta = zero.largest;
  return std::isfinite(zero.value) ? zero.value : -kInf;
}

// Derivatives where there is room for them.
void GlmObjective::add_chunks(const Block& chunks, const VectorXd& beta, bool clip_W,
                              Sums& to) const {
  const bool gradient = to.gradient.size() > 0, information = to.information.size() > 0;
  VectorXd eta(kChunk), g(kChunk), W(kChunk);
  MatrixXd WX;
  for (Index k = chunks.first; k < chunks.last; ++k) {
    const Index first = k * kChunk, count = std::min(kChunk, design_.X.rows() - first);
    const auto X = design_.X.middleRows(first, count);
    eta.head(count) = design_.offset.segment(first, count);
    eta.head(count).noalias() += X * beta;
    to.largest = std::max(to.largest, eta.head(count).cwiseAbs().maxCoeff());
    to.value +=
        family_.rows(design_.response.part(first, count), eta.data(), gradient ? g.data() : nullptr,
                     information ? W.data() : nullptr, nullptr, nullptr);
    if (gradient) to.gradient.noalias() += X.transpose() * g.head(count);
    if (!information) continue;
    if (clip_W) W = W.cwiseMax(0.0);
    WX.noalias() = W.head(count).asDiagonal() * X;
    to.information.noalias() += X.transpose() * WX;
  }
}

double GlmObjective::add_exactly(const VectorXd& beta, bool derivatives, bool clip_W,
                                 ExactSums& to) const {
  const Index p = design_.p(), most = padded(design_.largest_cluster());
  VectorXd eta(most), g(most), W(most), gradient(p), information(triangle_size(p));
  double largest = 0;
  for (Index i = 0; i < design_.clusters(); ++i) {
    const Index first = design_.first(i), n = design_.size(i);
    const auto X = design_.X.middleRows(first, n);
    eta.head(n) = design_.offset.segment(first, n);
    add_products_by_row(X, beta, eta.head(n));
    largest = std::max(largest, eta.head(n).cwiseAbs().maxCoeff());
    to.add(0, family_.rows(design_.response.part(first, n), eta.data(),
                           derivatives ? g.data() : nullptr, derivatives ? W.data() : nullptr,
                           nullptr, nullptr));
    if (!derivatives) continue;
    if (clip_W) W.head(n) = W.head(n).cwiseMax(0.0);
    Index at = 0;
    for (Index c = 0; c < p; ++c) {
      eta.head(n) = W.head(n).cwiseProduct(X.col(c));
      gradient[c] = 0;
      for (Index j = 0; j < n; ++j) gradient[c] += X(j, c) * g[j];
      for (Index r = c; r < p; ++r) {
        double sum = 0;
        for (Index j = 0; j < n; ++j) sum += X(j, r) * eta[j];
        information[at++] = sum;
      }
    }
    to.add(1, gradient.data(), p);
    to.add(1 + p, information.data(), at);
  }
  return largest;
}

VectorXd constant_start(const Design& design, double level) {
  const Index p = design.p();
  if (p > 0 && (design.X.col(0).array() == 1).all()) return level * VectorXd::Unit(p, 0);
  const MatrixXd XX = design.X.transpose() * design.X;
  const VectorXd column_sums = design.X.colwise().sum();
  return solve_symmetric(XX, column_sums * level);
}

GlmFit search_glm(const GlmSums& sums, VectorXd beta) {
  GlmFit fit;
  VectorXd gradient;
  double value = sums(beta, &gradient, &fit.information, &fit.largest_eta, false);
  for (fit.iterations = 0; fit.iterations < 60 && std::isfinite(value); ++fit.iterations) {
    Cholesky cholesky(fit.information);
    fit.definite = cholesky.definite();
    if (!fit.definite) {
      sums(beta, &gradient, &fit.information, nullptr, true);
      fit.information.diagonal() *= 1 + 1e-8;
      cholesky.compute(fit.information);
      if (!cholesky.definite()) break;
    }
    const VectorXd step = cholesky.solve(gradient);
    const double decrement = gradient.dot(step);
    if (fit.definite && decrement < 1e-9) {
      fit.converged = true;
      break;
    }
    // The first trial is nearly always accepted, so it comes with its derivatives.
    double t = 1;
    double trial = sums(beta + step, &gradient, &fit.information, &fit.largest_eta, false);
    const double least = value - 1e-12 * std::fabs(value);
    if (!(trial >= least)) {
      for (int halvings = 1; halvings < 60 && !(trial >= least); ++halvings) {
        t *= 0.5;
        trial = sums(beta + t * step, nullptr, nullptr, nullptr, false);
      }
      if (!(trial >= least)) t = 0;
      trial = sums(beta + t * step, &gradient, &fit.information, &fit.largest_eta, false);
      if (t == 0) break;
    }
    beta += t * step;
    value = trial;
  }
  fit.beta = beta;
  fit.value = value;
  return fit;
}

GlmFit fit_glm(const Design& design, const Family& family, VectorXd beta, int threads) {
  GlmFit fit = search_glm(GlmObjective(design, family, threads), std::move(beta));
  fit.value += family.constant(design.response);
  return fit;
}

}  // namespace margmix
