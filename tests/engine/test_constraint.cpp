// Singular precisions under a constraint: against the generalized inverse by eigenvalues, which
// knows neither anchors nor factors, and areas of two parts against their definition.
#include <Eigen/Eigenvalues>

#include "check.hpp"
#include "dense.hpp"
#include "random/known_covariance.hpp"
#include "random/levels.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

struct Matrices {
  MatrixXd inverse;  // generalized
  double log_det = 0;
};

Matrices generalized(const MatrixXd& Q) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(Q);
  Matrices out{MatrixXd::Zero(Q.rows(), Q.rows())};
  for (Index k = 0; k < Q.rows(); ++k) {
    const double value = eigen.eigenvalues()[k];
    if (value < 1e-9 * eigen.eigenvalues().maxCoeff()) continue;
    out.inverse += eigen.eigenvectors().col(k) * eigen.eigenvectors().col(k).transpose() / value;
    out.log_det += std::log(value);
  }
  return out;
}

struct Sparse {
  Pattern pattern;
  Precision Q;
};

Sparse sparse(const MatrixXd& Q) {
  Sparse out;
  std::vector<double> below;
  out.pattern.start.assign(1, 0);
  for (Index j = 0; j < Q.rows(); ++j) {
    for (Index i = j + 1; i < Q.rows(); ++i) {
      if (Q(i, j) == 0) continue;
      out.pattern.row.push_back(static_cast<int>(i));
      below.push_back(Q(i, j));
    }
    out.pattern.start.push_back(static_cast<int>(below.size()));
  }
  out.Q = {Q.diagonal(), VectorMap(below.data(), static_cast<Index>(below.size())),
           VectorXd::Zero(Q.rows())};
  return out;
}

MatrixXd walk(Index m, Index order) {
  MatrixXd D = MatrixXd::Identity(m, m);
  for (Index k = 0; k < order; ++k) {
    const Index n = D.rows() - 1;
    D = (D.bottomRows(n) - D.topRows(n)).eval();
  }
  return D.transpose() * D;
}

Constraint polynomials(Index m, Index order, std::vector<int> anchor) {
  Constraint out{MatrixXd::Ones(m, order), std::move(anchor), VectorXd::Constant(order, 3.0)};
  if (order > 1) out.C.col(1) = VectorXd::LinSpaced(m, 2, 2 + static_cast<double>(m));
  return out;
}

void walks() {
  for (const Index order : {1, 2})
    for (const int first : {0, 4}) {
      const Index m = 30;
      const MatrixXd Q = walk(m, order);
      const Sparse s = sparse(Q);
      std::vector<int> anchor = {first};
      if (order == 2) anchor.push_back(27);
      const Constraint constraint = polynomials(m, order, anchor);
      const Matrices expected = generalized(Q);
      const PrecisionFacts facts = precision_facts(s.pattern, s.Q.diagonal, s.Q.below, constraint);
      CHECK(facts.definite);
      CHECK_NEAR(facts.log_det.sum(), expected.log_det, 1e-8);
      const double unit = largest(expected.inverse);
      CHECK_NEAR(largest(facts.variance - expected.inverse.diagonal()) / unit, 0.0, 1e-9);
      const MatrixXd root = related_draws(s.pattern, s.Q, MatrixXd::Identity(m, m), constraint);
      CHECK_NEAR(largest(root * root.transpose() - expected.inverse) / unit, 0.0, 1e-8);
      // What is not definite on these effects is found.
      CHECK(!precision_facts(s.pattern, s.Q.diagonal - VectorXd::Constant(m, 0.5), s.Q.below,
                             constraint)
                 .definite);
    }
}

// Two components and an island; b = sqrt(phi) u + N(0, 1 - phi).
void areas() {
  MatrixXd R = MatrixXd::Zero(8, 8);
  R.topLeftCorner(4, 4) = 0.7 * walk(4, 1);
  R.block(4, 4, 3, 3) = 1.3 * walk(3, 1);
  R(7, 7) = 1;
  Constraint constraint{MatrixXd::Zero(8, 2), {1, 5}, VectorXd::Constant(2, 1.0)};
  constraint.C.col(0).head(4).setOnes();
  constraint.C.col(1).segment(4, 3).setOnes();
  const Sparse s = sparse(R);
  const Matrices part = generalized(R);
  const SharedAreas levels(s.pattern, s.Q.diagonal, s.Q.below, part.log_det, constraint);
  for (const double rho : {-3.0, 0.4, 6.0}) {
    const double phi = 1 / (1 + std::exp(-rho));
    const Precision Q = levels.at(&rho);
    const PrecisionFacts facts =
        precision_facts(levels.pattern(), Q.diagonal, Q.below, levels.constraint());
    CHECK(facts.definite);
    CHECK_NEAR(facts.log_det.sum(), Q.log_det.sum(), 1e-9);
    CHECK_NEAR(Q.log_det.sum(), part.log_det - 8 * std::log(1 - phi), 1e-10);
    MatrixXd covariance(16, 16);
    covariance << phi * part.inverse + (1 - phi) * MatrixXd::Identity(8, 8),
        std::sqrt(phi) * part.inverse, std::sqrt(phi) * part.inverse, part.inverse;
    CHECK_NEAR(largest(facts.variance - covariance.diagonal()), 0.0, 1e-9);
    const MatrixXd root =
        related_draws(levels.pattern(), Q, MatrixXd::Identity(16, 16), levels.constraint());
    CHECK_NEAR(largest(root * root.transpose() - covariance), 0.0, 1e-9);
    const Precision d = levels.derivative(&rho, 0);
    for (Index j = 0; j < 16; ++j)
      for (Index i = j; i < 16; ++i)
        CHECK_NEAR(
            dense(levels, d)(i, j),
            toy::slope([&](double x) { return dense(levels, levels.at(&x))(i, j); }, rho, 1e-3),
            1e-8);
    CHECK_NEAR(d.log_det.sum(),
               toy::slope([&](double x) { return levels.at(&x).log_det.sum(); }, rho, 1e-3), 1e-9);
  }
}

// Blocks in any order, one of them singular; too many zeros are only counted; what is no covariance
// is named with its smallest eigenvalue.
void known_covariances() {
  const Index m = 9;
  const std::vector<int> block = {3, 1, 3, 1, 1, 3, 2, 3, 1};
  toy::Random random(4);
  MatrixXd root(m, 12);
  for (Index k = 0; k < root.size(); ++k) root.data()[k] = random.normal();
  MatrixXd K = root * root.transpose();
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < m; ++j)
      if (block[i] != block[j]) K(i, j) = 0;
  K.row(4) = 2 * K.row(1);
  K.col(4) = 2 * K.col(1);
  K(4, 4) = 4 * K(1, 1);
  const auto precision = [&](Index most) {
    const Sparse s = sparse(K);
    return precision_of_covariance(s.pattern, s.Q.diagonal, s.Q.below, block, most);
  };
  const PrecisionOfCovariance found = precision(100);
  CHECK(found.indefinite.empty() && found.zeros == 1);
  CHECK(static_cast<Index>(found.pattern.row.size()) == 6 + 6);  // pairs in blocks of 4, 4 and 1
  const PrecisionFacts facts =
      precision_facts(found.pattern, found.diagonal, found.below, found.constraint);
  CHECK(facts.definite);
  CHECK_NEAR(facts.log_det.sum(), -generalized(K).log_det, 1e-9);
  CHECK_NEAR(found.log_det, -generalized(K).log_det, 1e-9);
  CHECK_NEAR(largest(facts.variance - K.diagonal()), 0.0, 1e-9);
  const Precision Q{found.diagonal, found.below, VectorXd::Zero(m)};
  const MatrixXd draws =
      related_draws(found.pattern, Q, MatrixXd::Identity(m, m), found.constraint);
  CHECK_NEAR(largest(draws * draws.transpose() - K), 0.0, 1e-9);
  CHECK(precision(0).zeros == 1 && precision(0).constraint.anchor.empty());
  K(6, 6) = -2;
  CHECK(precision(100).indefinite == std::vector<int>{6});
  CHECK_NEAR(precision(100).least, -2.0, 1e-12);
}

void low_rank(Index m, Index rank) {
  toy::Random random(8);
  MatrixXd root(m, rank);
  for (Index k = 0; k < root.size(); ++k) root.data()[k] = random.normal();
  const MatrixXd K = root * root.transpose();
  const Sparse s = sparse(K);
  const PrecisionOfCovariance found =
      precision_of_covariance(s.pattern, s.Q.diagonal, s.Q.below, std::vector<int>(m, 1), 100);
  CHECK(found.zeros == m - rank);
  const Matrices expected = generalized(K);
  const Precision Q{found.diagonal, found.below, VectorXd::Zero(m)};
  const KnownPrecision levels(found.pattern, Q);
  const double unit = largest(K), inverse = largest(expected.inverse);
  CHECK_NEAR(largest(dense(levels, Q) - expected.inverse) / inverse, 0.0, 1e-9);
  CHECK_NEAR(found.log_det, -expected.log_det, 1e-9);
  const PrecisionFacts facts =
      precision_facts(found.pattern, found.diagonal, found.below, found.constraint);
  CHECK(facts.definite);
  CHECK_NEAR(facts.log_det.sum(), -expected.log_det, 1e-9);
  CHECK_NEAR(largest(facts.variance - K.diagonal()) / unit, 0.0, 1e-9);
  const MatrixXd draws =
      related_draws(found.pattern, Q, MatrixXd::Identity(m, m), found.constraint);
  CHECK_NEAR(largest(draws * draws.transpose() - K) / unit, 0.0, 1e-9);
}

// The constraints and their anchors together may be more than the levels. From 64 levels on a few
// zeros are found without all eigenvectors.
void low_rank_covariances() {
  for (const Index rank : {1, 4, 6, 11}) low_rank(12, rank);
  for (const Index rank : {50, 62, 65, 69}) low_rank(70, rank);
}

// Far from zero, near it, and below: what is no covariance is named with its eigenvalue.
void large_covariances() {
  const Index m = 70;
  MatrixXd K = MatrixXd::Identity(m, m) + 0.5 * MatrixXd::Ones(m, m);
  const auto precision = [&](double change) {
    K(1, 0) = K(0, 1) = 1.5 + change;  // K has the eigenvalue -change
    const Sparse s = sparse(K);
    return precision_of_covariance(s.pattern, s.Q.diagonal, s.Q.below, std::vector<int>(m, 1), 100);
  };
  CHECK(precision(0).zeros == 1 && precision(0).indefinite.empty());
  CHECK(precision(-1e-6).zeros == 0 && precision(-1e-6).indefinite.empty());
  CHECK_NEAR(precision(-1e-6).diagonal[0] * 2e-6, 1.0, 1e-6);
  CHECK(precision(1e-3).indefinite.size() == m);
  CHECK_NEAR(precision(1e-3).least, -1e-3, 1e-12);
  // rows that add up to zero: a projection times 3
  K = 3 * (MatrixXd::Identity(m, m) - MatrixXd::Constant(m, m, 1.0 / m));
  const Sparse s = sparse(K);
  const PrecisionOfCovariance found =
      precision_of_covariance(s.pattern, s.Q.diagonal, s.Q.below, std::vector<int>(m, 1), 100);
  CHECK(found.zeros == 1);
  CHECK_NEAR(found.log_det, -(m - 1) * std::log(3.0), 1e-12);
  CHECK_NEAR(largest(9 * found.below - s.Q.below), 0.0, 1e-13);
  CHECK_NEAR(largest(9 * found.diagonal - K.diagonal()), 0.0, 1e-13);
}

}  // namespace

int main() {
  walks();
  areas();
  known_covariances();
  low_rank_covariances();
  large_covariances();
  return check::summary();
}
