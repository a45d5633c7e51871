// Scores of variants against dense algebra; saddlepoint tails against a closed form.
#include <Eigen/Dense>
#include <cmath>
#include <vector>

#include "association/packed_sums.hpp"
#include "association/saddlepoint.hpp"
#include "association/score_scan.hpp"
#include "check.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

constexpr Index kPeople = 1102, kVariants = 19;  // two tiles of each, no full bytes at the end

struct Sample {
  VectorXd r{kPeople}, W{kPeople};
  MatrixXd X{kPeople, 2}, G{kPeople, kVariants}, columns{kPeople, 5};

  explicit Sample(toy::Random& random) {
    for (Index i = 0; i < kPeople; ++i) {
      r[i] = random.normal();
      W[i] = 0.2 + random.uniform();
      X.row(i) << 1, random.normal();
      columns.row(i) << 1, i % 2, r[i], W[i] * X(i, 0), W[i] * X(i, 1);
      for (Index k = 0; k < kVariants; ++k) {
        G(i, k) = std::floor(3 * random.uniform());
        if (random.uniform() < 0.02) G(i, k) = kNaN;
      }
    }
  }
  MatrixXd C() const { return (X.transpose() * W.asDiagonal() * X).inverse(); }
  ScanNull null() const {
    return {MatrixMap(columns.data(), kPeople, 5), VectorMap(W.data(), kPeople), map(C_)};
  }
  static MatrixMap map(const MatrixXd& m) { return MatrixMap(m.data(), m.rows(), m.cols()); }
  MatrixXd C_;
};

std::vector<unsigned char> pack(const MatrixXd& G) {
  const Index bytes = (G.rows() + 3) / 4;
  std::vector<unsigned char> out(bytes * G.cols(), 0);
  for (Index k = 0; k < G.cols(); ++k)
    for (Index i = 0; i < G.rows(); ++i) {
      const double g = G(i, k);
      const int code = std::isnan(g) ? 1 : g == 2 ? 0 : g == 1 ? 2 : 3;
      out[k * bytes + i / 4] |= static_cast<unsigned char>(code << (2 * (i % 4)));
    }
  return out;
}

void scores() {
  toy::Random random(3);
  Sample s(random);
  s.C_ = s.C();
  const std::vector<ScanNull> twice{s.null(), s.null()};
  const Genotypes numbers{static_cast<const double*>(s.G.data()), kPeople, kVariants};
  const std::vector<unsigned char> bytes = pack(s.G);
  const Genotypes packed{static_cast<const unsigned char*>(bytes.data()), kPeople, kVariants};
  const ScanResult out = score_scan(twice, numbers, {}).models[1];
  const ScanResult alone = score_scan({s.null()}, numbers, {}).models[0];
  const ScanResult same = score_scan(twice, packed, RunContext{2}).models[1];
  const Eigen::VectorXi all = Eigen::VectorXi::LinSpaced(kPeople, 0, kPeople - 1);
  const Eigen::VectorXi columns = Eigen::VectorXi::LinSpaced(kVariants, 0, kVariants - 1);
  const MatrixXd G = genotype_columns(packed, IntegerMap(all.data(), kPeople),
                                      IntegerMap(columns.data(), kVariants), true);
  for (Index k = 0; k < kVariants; ++k) {
    double sum = 0, known = 0, case_sum = 0;
    for (Index i = 0; i < kPeople; ++i) {
      if (std::isnan(s.G(i, k))) continue;
      sum += s.G(i, k);
      case_sum += (i % 2) * s.G(i, k);
      ++known;
    }
    VectorXd g = s.G.col(k);
    for (Index i = 0; i < kPeople; ++i)
      if (std::isnan(g[i])) g[i] = sum / known;
    const VectorXd b = s.X.transpose() * (s.W.asDiagonal() * g);
    CHECK_NEAR(out.score[k], g.dot(s.r), 1e-9);
    CHECK_NEAR(out.weight[k], g.dot(s.W.asDiagonal() * g), 1e-9);
    CHECK_NEAR(out.variance[k], g.dot(s.W.asDiagonal() * g) - b.dot(s.C_ * b), 1e-9);
    CHECK_NEAR((out.products.col(k) - b).norm(), 0.0, 1e-9);
    CHECK_NEAR(out.case_sum[k], case_sum, 1e-12);
    CHECK_NEAR(out.missing[k], static_cast<double>(kPeople) - known, 0.0);
    CHECK_NEAR(out.score[k], alone.score[k], 0.0);
    CHECK_NEAR(same.score[k], alone.score[k], 1e-12 * std::sqrt(alone.variance[k]));
    CHECK_NEAR(same.variance[k] / alone.variance[k], 1.0, 1e-12);
    CHECK_NEAR(same.weight[k] / alone.weight[k], 1.0, 1e-12);
    CHECK_NEAR((same.products.col(k) - b).norm() / b.norm(), 0.0, 1e-12);
    CHECK_NEAR(same.sum[k], sum, 0.0);
    CHECK_NEAR(same.case_sum[k], case_sum, 0.0);
    CHECK_NEAR(same.missing[k], alone.missing[k], 0.0);
    CHECK_NEAR(same.cases[k], alone.cases[k], 0.0);
    CHECK_NEAR((G.col(k) - g).norm(), 0.0, 1e-12);
  }
}

// With any instructions the same bits.
void entries() {
#ifdef MARGMIX_WIDE_KERNELS
  if (!__builtin_cpu_supports("avx2")) return;
  toy::Random random(4);
  std::vector<double> tables(8 * 256 * 8);
  for (double& entry : tables) entry = random.normal();
  std::vector<PackedBytes> variants(5);
  for (PackedBytes& bytes : variants)
    for (unsigned char& byte : bytes) byte = static_cast<unsigned char>(255 * random.uniform());
  std::vector<double> one(5 * 8, 0.1), other = one;
  baseline::add_entries(tables.data(), variants, one.data());
  wide::add_entries(tables.data(), variants, other.data());
  for (size_t k = 0; k < one.size(); ++k) {
    double sum = 0;
    for (size_t b = 0; b < 8; ++b) sum += tables[8 * (256 * b + variants[k / 8][b]) + k % 8];
    CHECK_NEAR(one[k], 0.1 + sum, 0.0);
    CHECK_NEAR(other[k], one[k], 0.0);
  }
#endif
}

// A sum of n Poisson variables with one coefficient: K(t) = n mu (e^gt - 1 - gt), whose saddlepoint
// is log(1 + q / (n mu g)) / g.
void one_coefficient() {
  const VectorXd g = VectorXd::Constant(8, 0.5), mu = VectorXd::Constant(8, 0.7), none;
  const double total = 5.6;
  const auto tail = [&](double q) {
    const double t = std::log(1 + q / (total * 0.5)) / 0.5;
    const double K = total * (std::expm1(0.5 * t) - 0.5 * t);
    const double second = total * 0.25 * std::exp(0.5 * t);
    const double w = std::copysign(std::sqrt(2 * (t * q - K)), t), v = t * std::sqrt(second);
    return 0.5 * std::erfc(std::abs(w + std::log(v / w) / w) / std::sqrt(2.0));
  };
  const auto found = [&](double q) {
    return saddlepoint_p({CountLaw::poisson, VectorMap(mu.data(), 8), VectorMap(none.data(), 0)}, g,
                         q);
  };
  CHECK_NEAR(found(2.5), tail(2.5) + tail(-2.5), 1e-9);
  CHECK_NEAR(found(6.0), tail(6.0), 1e-9);  // no sum is below -2.8
}

}  // namespace

int main() {
  scores();
  entries();
  one_coefficient();
  return check::summary();
}
