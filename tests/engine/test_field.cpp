// Spatial fields: distances and orders of places against their definitions, precisions against
// the inverse of the correlation matrix and against differences in rho.
#include "check.hpp"
#include "dense.hpp"
#include "linalg/decompositions.hpp"
#include "random/field.hpp"
#include "toy.hpp"

#include <Eigen/LU>
#include <cmath>

using namespace margmix;

namespace {

// Fourteen places of two blocks in a square of side 2.
constexpr Index kPlaces = 14;
const std::vector<int> kBlock = {0, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0};

MatrixXd coordinates(Index dimensions) {
  toy::Random random(3);
  MatrixXd out(dimensions, kPlaces);
  for (Index j = 0; j < kPlaces; ++j)
    for (Index i = 0; i < dimensions; ++i) out(i, j) = 2 * random.uniform();
  return out;
}

Places places() { return Places(coordinates(2), "euclidean", kBlock); }

// Matern correlations by their definition, with Bessel functions of the second kind.
double definition(const std::string& kind, double u) {
  if (kind == "gaussian") return std::exp(-u * u);
  const double nu = kind == "matern_3_2" ? 1.5 : kind == "matern_5_2" ? 2.5 : 0.5;
  return u == 0
             ? 1
             : std::pow(2, 1 - nu) / std::tgamma(nu) * std::pow(u, nu) * std::cyl_bessel_k(nu, u);
}

MatrixXd correlations(const FieldSpec& spec, double rho) {
  MatrixXd K(spec.places.size(), spec.places.size());
  for (Index i = 0; i < K.rows(); ++i)
    for (Index j = 0; j < K.rows(); ++j) {
      const double k = definition(spec.correlation, spec.places.distance(i, j) / std::exp(rho));
      const bool same = spec.places.block(i) == spec.places.block(j);
      K(i, j) = i == j ? 1 : same ? (1 - spec.nugget) * k : 0;
    }
  return K;
}

FieldSpec all_core(const std::string& kind) {
  return {kind, kind == "gaussian" ? 1e-3 : 0.0, places(), std::vector<int>(kPlaces, 1),
          std::vector<std::vector<int>>(kPlaces)};
}

// The first two of each block in maximin order are its core.
FieldSpec vecchia(const std::string& kind, Index neighbours) {
  FieldSpec out = all_core(kind);
  const MaximinOrder order = maximin_order(out.places);
  std::vector<int> seen(2, 0);
  std::vector<char> of(kPlaces, 0), all(kPlaces, 1);
  for (int i : order.order)
    if (seen[kBlock[i]]++ >= 2) of[i] = 1, out.role[i] = FieldSpec::kGivenParents;
  out.parents = nearest_before(out.places, order.order, neighbours, of, all);
  return out;
}

const std::vector<std::string> kKinds = {"exponential", "gaussian", "matern_3_2", "matern_5_2"};

void distances() {
  MatrixXd at(2, 4);
  at << 0, 180, 0, 0, 0, 0, 90, 1;
  const std::vector<int> one(4, 0);
  const Places sphere(at, "great_circle", one), chord(at, "chordal", one);
  CHECK_NEAR(sphere.distance(0, 1), EIGEN_PI * 6371.0088, 1e-8);
  CHECK_NEAR(sphere.distance(0, 2), EIGEN_PI / 2 * 6371.0088, 1e-8);
  CHECK_NEAR(sphere.distance(0, 3), EIGEN_PI / 180 * 6371.0088, 1e-8);
  CHECK_NEAR(chord.distance(0, 1), 2 * 6371.0088, 1e-8);
  CHECK_NEAR(Places(at, "euclidean", one).distance(1, 2), std::hypot(180, 90), 1e-10);
}

// Each place of the order is the one left that is furthest from all before it.
void maximin() {
  const Places p = places();
  const MaximinOrder m = maximin_order(p);
  CHECK(m.order.size() == kPlaces);
  std::vector<int> done;
  for (int i : m.order) {
    const auto gap = [&](int j) {
      double least = kInf;
      for (int k : done)
        if (kBlock[k] == kBlock[j]) least = std::min(least, p.distance(j, k));
      return least;
    };
    CHECK(gap(i) == m.apart[i]);
    for (int j = 0; j < static_cast<int>(kPlaces); ++j)
      if (kBlock[j] == kBlock[i] && std::find(done.begin(), done.end(), j) == done.end())
        CHECK(gap(j) <= gap(i));
    done.push_back(i);
  }
  const std::vector<char> all(kPlaces, 1);
  const auto near = nearest_before(p, m.order, 3, all, all);
  for (std::size_t a = 0; a < m.order.size(); ++a) {
    const int i = m.order[a];
    double furthest = 0;
    for (int j : near[i]) furthest = std::max(furthest, p.distance(i, j));
    std::size_t closer = 0, before = 0;
    for (std::size_t b = 0; b < a; ++b)
      if (kBlock[m.order[b]] == kBlock[i]) {
        ++before;
        closer += p.distance(i, m.order[b]) <= furthest;
      }
    CHECK(near[i].size() == std::min<std::size_t>(3, before));
    CHECK(closer == near[i].size());
  }
  std::vector<char> some(kPlaces, 0);
  some[m.order[0]] = 1;
  const auto first = nearest_before(p, m.order, 3, all, some);
  for (int i : m.order)
    CHECK(first[i].size() == (kBlock[i] == kBlock[m.order[0]] && i != m.order[0]));
}

void precision_is_inverse() {
  for (const auto& kind : kKinds)
    for (const double rho : {-1.2, 0.1}) {
      const FieldSpec spec = all_core(kind);
      const MatrixXd K = correlations(spec, rho);
      const MatrixXd I = MatrixXd::Identity(kPlaces, kPlaces);
      // The same distribution by conditioning each place on all before it.
      for (const Field& field : {Field(spec), Field(vecchia(kind, kPlaces))}) {
        const Precision Q = field.at(&rho);
        CHECK_NEAR(largest(dense(field, Q) * K - I), 0.0, 1e-8);
        CHECK_NEAR(Q.log_det.sum(), -Cholesky(K).log_det(), 1e-9);
      }
    }
}

// Vecchia's approximation by its definition: the product of conditional densities.
void vecchia_is_a_product() {
  const double rho = -0.3;
  const FieldSpec spec = vecchia("matern_3_2", 3);
  const Field field(spec);
  const Precision Q = field.at(&rho);
  const MatrixXd K = correlations(spec, rho);
  toy::Random random(5);
  VectorXd b(kPlaces);
  for (Index i = 0; i < kPlaces; ++i) b[i] = random.uniform() - 0.5;
  double quadratic = 0, log_det = 0;
  std::vector<int> done;
  for (int i : maximin_order(spec.places).order) {
    std::vector<int> given = spec.parents[i];
    if (spec.role[i] == FieldSpec::kCore)
      for (int j : done)
        if (kBlock[j] == kBlock[i] && spec.role[j] == FieldSpec::kCore) given.push_back(j);
    done.push_back(i);
    const Index p = static_cast<Index>(given.size());
    MatrixXd K_pp(p, p);
    VectorXd k(p), b_p(p);
    for (Index r = 0; r < p; ++r) {
      k[r] = K(i, given[r]);
      b_p[r] = b[given[r]];
      for (Index c = 0; c < p; ++c) K_pp(r, c) = K(given[r], given[c]);
    }
    const VectorXd weights = p ? VectorXd(K_pp.inverse() * k) : VectorXd();
    const double F = 1 - weights.dot(k), rest = b[i] - weights.dot(b_p);
    quadratic += rest * rest / F;
    log_det -= std::log(F);
  }
  CHECK_NEAR(b.dot(dense(field, Q) * b), quadratic, 1e-10);
  CHECK_NEAR(Q.log_det.sum(), log_det, 1e-10);
}

// Places given the whole core: marginal and conditional moments as in the joint normal.
void places_given_the_core() {
  const double rho = -0.4;
  FieldSpec spec = all_core("exponential");
  for (int i : {3, 5, 12}) spec.role[i] = FieldSpec::kGivenCore;
  const Field field(spec);
  const MatrixXd K = correlations(spec, rho);
  const MatrixXd joint = dense(field, field.at(&rho)).inverse();
  for (Index i = 0; i < kPlaces; ++i)
    for (Index j = 0; j < kPlaces; ++j)
      if (spec.role[i] == FieldSpec::kCore || spec.role[j] == FieldSpec::kCore || i == j)
        CHECK_NEAR(joint(i, j), K(i, j), 1e-10);
}

void derivatives() {
  const double rho = -0.4;
  for (const auto& kind : kKinds) {
    FieldSpec given = all_core(kind);
    for (int i : {3, 5, 12}) given.role[i] = FieldSpec::kGivenCore;
    for (const FieldSpec& spec : {all_core(kind), vecchia(kind, 3), given}) {
      const Field field(spec);
      const Precision d = field.derivative(&rho, 0);
      const MatrixXd D = dense(field, d);
      const double size = std::max(1.0, largest(D));
      for (Index j = 0; j < kPlaces; ++j)
        for (Index i = j; i < kPlaces; ++i)
          CHECK_NEAR(
              D(i, j) / size,
              toy::slope([&](double x) { return dense(field, field.at(&x))(i, j); }, rho, 1e-3) /
                  size,
              1e-8);
      CHECK_NEAR(d.log_det.sum(),
                 toy::slope([&](double x) { return field.at(&x).log_det.sum(); }, rho, 1e-3), 1e-7);
    }
  }
}

// Two equal places have no precision, and that is said by its log-determinant.
void singular() {
  MatrixXd at = coordinates(1);
  at(0, 1) = at(0, 0);
  FieldSpec spec = all_core("exponential");
  spec.places = Places(at, "euclidean", kBlock);
  const double rho = 0;
  CHECK(!std::isfinite(Field(spec).at(&rho).log_det.sum()));
}

}  // namespace

int main() {
  distances();
  maximin();
  precision_is_inverse();
  vecchia_is_a_product();
  places_given_the_core();
  derivatives();
  singular();
  return check::summary();
}
