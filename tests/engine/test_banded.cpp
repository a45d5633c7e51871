// Linear models in rotated rows, against the normal density of the rows themselves, whose
// covariance is written out, and against differences; and the rotation to a band.
#include "check.hpp"
#include "dense.hpp"
#include "glmm/banded_lmm.hpp"
#include "linalg/band.hpp"
#include "linalg/dense_kernels.hpp"
#include "linalg/products.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

MatrixXd random_matrix(Index rows, Index columns, unsigned seed) {
  toy::Random random(seed);
  MatrixXd out(rows, columns);
  for (Index k = 0; k < out.size(); ++k) out.data()[k] = random.normal();
  return out;
}

// Of sizes below, at and beyond the width of the band, and of a rank below that.
void rotation_to_a_band() {
  for (const Index n : {1, 2, 5, 17, 18, 33, 70})
    for (const Index rank : {n, std::min<Index>(n, 7)}) {
      const MatrixXd G = random_matrix(n, rank, 3), A = G * G.transpose();
      MatrixXd T = A.triangularView<Eigen::Lower>(), B = random_matrix(n, 2, 4);
      const MatrixXd B0 = B;
      rotate_to_band(T, 16, B);
      T = MatrixXd(T.selfadjointView<Eigen::Lower>());
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i < n; ++i)
          if (std::abs(i - j) > 16) T(i, j) = 0;
      // what a rotation of A and B leaves unchanged
      const double size = A.norm() + 1;
      CHECK_NEAR(T.trace() / size, A.trace() / size, 1e-13 * n);
      CHECK_NEAR((T * T).trace() / size / size, (A * A).trace() / size / size, 1e-13 * n);
      MatrixXd left = B, right = B0;
      for (int power = 0; power < 4; ++power, left = T * left / size, right = A * right / size)
        CHECK_NEAR(largest(B.transpose() * left - B0.transpose() * right), 0.0, 1e-12 * n);
    }
}

// The kernels of every processor, and those of this one.
void kernels() {
  const Index n = 90, stride = 100;
  const MatrixXd A = random_matrix(stride, n, 6), B = random_matrix(n, 5, 7),
                 C = random_matrix(n, 5, 8);
  const MatrixXd S = A.topRows(n).selfadjointView<Eigen::Lower>();
  for (const auto product : {dense_symmetric_multiply, baseline::dense_symmetric_multiply}) {
    MatrixXd out(n, 5);
    product(A.data(), stride, n, B.data(), 5, out.data());
    CHECK_NEAR(largest(out - S * B), 0.0, 1e-12);
  }
  for (const auto update : {dense_rank_update, baseline::dense_rank_update}) {
    MatrixXd out = A;
    update(out.data(), stride, n, B.data(), C.data(), 5);
    MatrixXd want = A;
    want.topRows(n).triangularView<Eigen::Lower>() -= B * C.transpose();
    CHECK_NEAR(largest(out - want), 0.0, 1e-12);
  }
  CHECK_NEAR(largest(row_products(MatrixMap(B.data(), n, 5)) - B * B.transpose()), 0.0, 1e-13);
}

// 60 rows of 40 people, six of whom have none and many several; K of full rank, or of rank 9.
struct Model {
  toy::Data data;
  Eigen::VectorXi person;
  MatrixXd K;

  Model(Index rank, bool weighted, bool slope, unsigned seed)
      : data(1, 60, 3, 1, seed), person(60) {
    toy::Random random(seed + 1);
    for (Index j = 0; j < 60; ++j) {
      person[j] = static_cast<int>(34 * random.uniform());
      data.y[j] = 2 + random.normal();
      if (slope) data.Z(j, 0) = random.normal();
    }
    data.weighted = weighted;
    const MatrixXd G = random_matrix(40, rank, seed + 2);
    K = G * G.transpose() / rank;
  }

  GroupedDesign design() const {
    GroupedDesign out{data.design(), {}};
    out.groups.push_back({IntegerMap(person.data(), 60), {0}, 40});
    return out;
  }

  BandedRows rows(bool frequency) const {
    return banded_rows(design(), MatrixMap(K.data(), 40, 40), frequency);
  }

  VectorXd weights() const { return data.weighted ? data.weight : VectorXd::Ones(60); }

  // Covariance of the rows over phi.
  MatrixXd V(double theta) const {
    MatrixXd out = weights().cwiseInverse().asDiagonal();
    for (Index i = 0; i < 60; ++i)
      for (Index j = 0; j < 60; ++j)
        out(i, j) += theta * theta * data.Z(i, 0) * data.Z(j, 0) * K(person[i], person[j]);
    return out;
  }
};

constexpr double kLog2Pi = 1.83787706640934548356;

double log_density(const Model& model, const VectorXd& psi) {
  const double phi = std::exp(psi[4]);
  const MatrixXd V = phi * model.V(psi[3] / std::sqrt(phi));
  const VectorXd r = model.data.y - model.data.offset - model.data.X * psi.head(3);
  const Eigen::LLT<MatrixXd> llt(V);
  return -0.5 * (60 * kLog2Pi + 2 * MatrixXd(llt.matrixL()).diagonal().array().log().sum() +
                 r.dot(llt.solve(r)));
}

// The restricted likelihood: with REML the density of contrasts, up to X'X.
double profile(const Model& model, double theta, double log_phi, bool reml, VectorXd* beta) {
  const MatrixXd V = model.V(theta), &X = model.data.X;
  const Eigen::LLT<MatrixXd> llt(V);
  const MatrixXd B = X.transpose() * llt.solve(X);
  const VectorXd y = model.data.y - model.data.offset;
  *beta = B.llt().solve(X.transpose() * llt.solve(y));
  const VectorXd r = y - X * *beta;
  const double rss = r.dot(llt.solve(r)), N = reml ? 57 : 60;
  const double phi = std::isnan(log_phi) ? rss / N : std::exp(log_phi);
  return -0.5 * (N * (kLog2Pi + std::log(phi)) + std::log(V.determinant()) + rss / phi +
                 (reml ? std::log(B.determinant()) : 0.0));
}

void profiles() {
  for (const Index rank : {40, 9})
    for (const bool weighted : {false, true})
      for (const bool slope : {false, true}) {
        const Model model(rank, weighted, slope, 5);
        const BandedRows rows = model.rows(false);
        for (const bool reml : {false, true})
          for (const double theta : {0.0, 0.8, 30.0})
            for (const double log_phi : {kNaN, 0.3}) {
              VectorXd beta;
              const LmmResult r = banded_lmm(rows, theta, log_phi, reml);
              CHECK(r.status == Status::ok);
              CHECK_NEAR(r.value, profile(model, theta, log_phi, reml, &beta), 1e-10);
              CHECK_NEAR(largest(r.beta - beta), 0.0, 1e-10);
              const MatrixXd &X = model.data.X, B = X.transpose() * model.V(theta).llt().solve(X);
              CHECK_NEAR(largest(r.B - B) / largest(B), 0.0, 1e-11);
              const auto value = [&](double t, double f) {
                return profile(model, t, f, reml, &beta);
              };
              CHECK_NEAR(r.gradient[0],
                         toy::slope([&](double t) { return value(t, log_phi); }, theta, 1e-3),
                         1e-8);
              if (std::isnan(log_phi)) continue;
              CHECK_NEAR(r.gradient[1],
                         toy::slope([&](double f) { return value(theta, f); }, log_phi, 1e-3),
                         1e-8);
            }
      }
}

void likelihoods() {
  for (const Index rank : {40, 9})
    for (const bool weighted : {false, true})
      for (const double theta : {0.0, 0.8}) {
        const Model model(rank, weighted, weighted, 8);
        const BandedRows rows = model.rows(false);
        VectorXd psi(5);
        psi << 1.5, -0.2, 0.3, theta, -0.4;
        const BandedLikelihood r = banded_likelihood(rows, psi, 2);
        CHECK(r.status == Status::ok);
        CHECK_NEAR(r.value, log_density(model, psi), 1e-11);
        const VectorXd gradient =
            toy::gradient([&](const VectorXd& at) { return log_density(model, at); }, psi, 1e-3);
        CHECK_NEAR(largest(r.gradient - gradient) / largest(gradient), 0.0, 1e-9);
        for (Index k = 0; k < 5; ++k) {
          const VectorXd column = toy::gradient(
              [&](const VectorXd& at) { return banded_likelihood(rows, at, 1).gradient[k]; }, psi,
              2e-4);
          CHECK_NEAR(largest(r.hessian.col(k) - column) / largest(r.hessian), 0.0, 1e-9);
        }
      }
}

// Rows of weight two are two rows; rows of weight zero are none.
void frequencies() {
  VectorXd psi(5);
  psi << 1.5, -0.2, 0.3, 0.8, -0.4;
  Model half(40, true, false, 12);
  for (Index j = 30; j < 60; ++j) {
    half.data.X.row(j) = half.data.X.row(j - 30);
    half.data.y[j] = half.data.y[j - 30];
    half.data.offset[j] = half.data.offset[j - 30];
    half.person[j] = half.person[j - 30];
  }
  Model counted = half;
  half.data.weight.setOnes();
  counted.data.weight.head(30).setConstant(2);
  counted.data.weight.tail(30).setZero();
  CHECK_NEAR(counted.rows(true).rows, 60.0, 0.0);
  CHECK_NEAR(counted.rows(false).rows, 30.0, 0.0);
  CHECK_NEAR(counted.rows(false).log_weights, 30 * std::log(2), 1e-13);
  const BandedLikelihood one = banded_likelihood(half.rows(true), psi, 2);
  const BandedLikelihood other = banded_likelihood(counted.rows(true), psi, 2);
  CHECK_NEAR(one.value, other.value, 1e-12);
  CHECK_NEAR(largest(one.gradient - other.gradient), 0.0, 1e-10);
  CHECK_NEAR(largest(one.hessian - other.hessian), 0.0, 1e-10);
}

// A matrix that is no covariance has no likelihood where an effect is large.
void not_definite() {
  Model model(40, false, false, 12);
  model.K = -model.K;
  CHECK(banded_lmm(model.rows(false), 5, kNaN, true).status == Status::not_finite);
  VectorXd psi = VectorXd::Zero(5);
  psi[3] = 5;
  CHECK(banded_likelihood(model.rows(false), psi, 0).status == Status::not_finite);
}

}  // namespace

int main() {
  rotation_to_a_band();
  kernels();
  profiles();
  likelihoods();
  frequencies();
  not_definite();
  return check::summary();
}
