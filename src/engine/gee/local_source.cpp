#include "gee/local_source.hpp"

#include <numeric>

#include "gee/adjusted_residuals.hpp"

namespace margmix {

bool LocalSource::move(const VectorXd& beta, const Correlation& R, const MomentRule& rule,
                       const PointAsk& ask) {
  bool finished = equations_.residuals(beta, ask.slopes, *at_);
  valid_ = at_->valid;
  if (finished && valid_ && ask.sums) finished = equations_.moments(R, rule, *at_);
  sums_ = at_->sums;
  if (ask.likelihood) likelihood_ = valid_ && finished ? likelihood_at(beta) : -kInf;
  return finished;
}

double LocalSource::likelihood_at(const VectorXd& beta) const {
  const Layout& layout = data_.layout;
  const std::vector<Block> blocks = cluster_blocks(layout.clusters());
  std::vector<double> parts(blocks.size(), 0.0);
  for_each_block(blocks, RunContext{equations_.context().threads}, [&](int b, const Block& block) {
    const Index first = layout.first(block.first), n = layout.start[block.last] - first;
    VectorXd eta = data_.offset.segment(first, n);
    eta.noalias() += data_.X.middleRows(first, n) * beta;
    parts[b] = family_.family.rows(data_.response.part(first, n), eta.data(), nullptr, nullptr,
                                   nullptr, nullptr);
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

bool LocalSource::moments(const Correlation& R, const MomentRule& rule) {
  const bool finished = equations_.moments(R, rule, *at_);
  sums_ = at_->sums;
  return finished;
}

bool LocalSource::adjust(const Correlation& R, const MomentRule& rule) {
  return adjusted(nullptr, R, rule);
}

bool LocalSource::adjust_by(const MatrixXd& B, const Correlation& R, const MomentRule& rule) {
  return adjusted(&B, R, rule);
}

bool LocalSource::adjusted(const MatrixXd* B, const Correlation& R, const MomentRule& rule) {
  return adjust_residuals(equations_, R, B, *at_) && moments(R, rule);
}

bool LocalSource::equations(const Correlation& R, const MatrixXd* hat, EquationSums& out) {
  return equations_.sums(*at_, R, hat, out);
}

bool LocalSource::products(const Correlation& R, MatrixXd& out) {
  out.setZero(R.parameters(), 3);
  MatrixXd own = out;
  for (Index i = 0; i < data_.layout.clusters(); ++i) {
    own.setZero();
    R.add_products(i, at_->e.data() + data_.layout.first(i), own);
    out += data_.weight_of(i) * own;
  }
  return true;
}

void LocalSource::least_squares(double level, MatrixXd& XX, VectorXd& Xy) {
  XX = data_.X.transpose() * data_.X;
  Xy = data_.X.transpose() * (level - data_.offset.array()).matrix();
}

// The influence of a cluster on alpha is the derivative of the estimate in the direction of its
// share of the sums, and of the move of beta that it causes.
bool LocalSource::squared_influence(const Correlation& R, const MomentRule& rule, double phi,
                                    const MomentTotals& totals, VectorXd& out) {
  out.setZero(1 + R.parameters());
  return each_influence(R, rule, phi, totals,
                        [&](const VectorXd& influence) { out += influence.cwiseAbs2(); });
}

bool LocalSource::exact_influence(const Correlation& R, const MomentRule& rule, double phi,
                                  const MomentTotals& totals, ExactSums& to) {
  return each_influence(R, rule, phi, totals, [&](const VectorXd& influence) {
    const VectorXd squares = influence.cwiseAbs2();
    to.add(0, squares.data(), squares.size());
  });
}

template <class Add>
bool LocalSource::each_influence(const Correlation& R, const MomentRule& rule, double phi,
                                 const MomentTotals& totals, Add add) {
  constexpr double t = 1e-4;
  const Index q = R.parameters();
  MatrixXd scores, information;
  if (!equations_.pieces(*at_, R, phi, scores, information)) return false;
  const MatrixXd by_score = totals.slopes * totals.bread;  // (1 + sums) x p
  const MomentSums& sums = totals.sums;
  const double pearson = pearson_phi(sums, rule);
  const VectorXd scale = R.report_derivative(R.current());
  const auto alpha_at = [&](double step, const MomentSums& own, double d_phi) {
    MomentSums shifted = sums;
    shifted.num += step * own.num;
    shifted.off += step * own.off;
    shifted.den += step * own.den;
    return R.estimate(shifted, pearson + step * d_phi, rule);
  };
  for (Index i = 0; i < data_.layout.clusters(); ++i) {
    const double w = data_.weight_of(i);
    const Index first = data_.layout.first(i), n = data_.layout.size(i);
    const bool adjusted = at_->adjusted.size() > 0;
    const VectorXd moved = by_score * scores.col(i);
    const VectorXd e = at_->e.segment(first, n);
    const VectorXd e_adjusted = adjusted ? VectorXd(at_->adjusted.segment(first, n)) : VectorXd();
    MomentSums own(R.sums());
    add_cluster(data_.layout, i, e.data(), adjusted ? e_adjusted.data() : nullptr, R, rule, own);
    own.num = w * own.num + moved.tail(R.sums());
    own.off *= w;
    own.den *= w;
    VectorXd influence(1 + q);
    influence[0] = pearson / sums.squares *
                   (w * (own.squares - sums.squares / sums.rows * own.rows) + moved[0]);
    if (q > 0)
      influence.tail(q) =
          scale.cwiseProduct(alpha_at(t, own, influence[0]) - alpha_at(-t, own, influence[0])) /
          (2 * t);
    add(influence);
  }
  return true;
}

}  // namespace margmix
