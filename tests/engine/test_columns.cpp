// Facts of columns against sums in higher precision.
#include "design/columns.hpp"

#include <cmath>

#include "check.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

// Sum over the rows of (x_i - centre_i) (y_i - centre_j).
long double product(const MatrixXd& X, Index i, Index j, long double ci, long double cj) {
  long double sum = 0;
  for (Index k = 0; k < X.rows(); ++k) sum += (X(k, i) - ci) * (X(k, j) - cj);
  return sum;
}

MatrixXd sample(Index n, unsigned seed) {
  toy::Random random(seed);
  MatrixXd X(n, 4);
  for (Index k = 0; k < n; ++k) X.row(k) << 1, 0.1, random.normal(), 1e8 + random.normal();
  return X;
}

void definition(Index n) {
  const MatrixXd X = sample(n, 3);
  const ColumnFacts facts = column_facts(MatrixMap(X.data(), n, 4), true, 1);
  for (Index j = 0; j < 4; ++j) {
    const long double mean = product(X, j, 0, 0, 0) / n;
    const double about = product(X, j, j, mean, mean);
    CHECK_NEAR(facts.mean[j], double(mean), 1e-14 * std::fabs(double(mean)) + 1e-16);
    CHECK_NEAR(facts.about[j], about, 1e-11 * about + 1e-12);
    for (Index k = 0; k < 4; ++k) {
      const double gram = product(X, j, k, 0, 0);
      CHECK_NEAR(facts.gram(j, k), gram, 1e-13 * std::fabs(gram) + 1e-6);
    }
  }
  CHECK(facts.about[0] == 0 && facts.about[1] == 0 && facts.mean[0] == 1 && facts.mean[1] == 0.1);
}

void same_bits() {
  const Index n = 5000;
  const MatrixXd X = sample(n, 4);
  const MatrixMap map(X.data(), n, 4);
  const ColumnFacts one = column_facts(map, true, 1), two = column_facts(map, true, 2);
  CHECK(one.mean == two.mean && one.about == two.about && one.gram == two.gram);
  CHECK(column_facts(map, false, 2).gram.size() == 0);
}

void not_finite() {
  for (double bad : {kNaN, kInf, -kInf})
    for (Index at : {Index(0), Index(1500)}) {
      MatrixXd X = sample(2000, 5);
      X(at, 2) = bad;
      const ColumnFacts facts = column_facts(MatrixMap(X.data(), 2000, 4), false, 1);
      for (Index j = 0; j < 4; ++j) CHECK(std::isfinite(facts.mean[j]) == (j != 2));
    }
}

void no_rows() {
  const MatrixXd X(0, 2);
  CHECK(std::isnan(column_facts(MatrixMap(X.data(), 0, 2), true, 1).mean[0]));
}

}  // namespace

int main() {
  for (Index n : {1, 2, 1024, 2500}) definition(n);
  same_bits();
  not_finite();
  no_rows();
  return check::summary();
}
