// Exact sums against integers, sums in higher precision, and themselves in any order.
#include "linalg/exact_sums.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "check.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

double sum(const std::vector<double>& x) {
  ExactSums total(1);
  for (double value : x) total.add(0, value);
  return total.rounded(0);
}

// Doubles of very different sizes.
std::vector<double> wide(std::size_t n, unsigned seed, double range) {
  toy::Random random(seed);
  std::vector<double> x(n);
  for (double& value : x) value = std::ldexp(random.normal(), int(range * random.normal()));
  return x;
}

std::vector<double> shuffled(std::vector<double> x, unsigned seed) {
  toy::Random random(seed);
  for (std::size_t i = x.size(); i > 1; --i)
    std::swap(x[i - 1], x[std::min(i - 1, std::size_t(random.uniform() * double(i)))]);
  return x;
}

// Multiples of 2^-20 below 2^40 in size, whose sums 64 bits hold.
void integers() {
  toy::Random random(1);
  for (Index n : {1, 999, 1000, 1001, 20000}) {
    std::vector<double> x;
    std::int64_t exact = 0;
    for (Index i = 0; i < n; ++i) {
      const auto value = std::int64_t(random.normal() * 1e12);
      exact += value;
      x.push_back(std::ldexp(double(value), -20));
    }
    CHECK(sum(x) == std::ldexp(double(exact), -20));
  }
}

// Ties go to the even neighbour, and what lies beyond the tie decides.
void rounding() {
  const double eps = std::numeric_limits<double>::epsilon();
  CHECK(sum({1, eps / 2}) == 1);
  CHECK(sum({1 + eps, eps / 2}) == 1 + 2 * eps);
  CHECK(sum({1, eps / 2, 1e-300}) == 1 + eps);
  CHECK(sum({1, eps / 2, -1e-300}) == 1);
  CHECK(sum({-1, -eps / 2, -1e-300}) == -1 - eps);
  CHECK(sum({1e300, 1, -1e300}) == 1);
  CHECK(sum({1e16, 1, 1, -1e16}) == 2);
  CHECK(sum({}) == 0 && sum({1, -1}) == 0 && !std::signbit(sum({1, -1})));
}

void ends_of_the_range() {
  using limits = std::numeric_limits<double>;
  const double tiny = limits::denorm_min(), most = limits::max();
  CHECK(sum({tiny, tiny, tiny}) == 3 * tiny);
  CHECK(sum({limits::min(), -tiny}) == limits::min() - tiny);
  CHECK(sum({most, most, -most}) == most);
  CHECK(sum({most, most}) == kInf && sum({-most, -most}) == -kInf);
  CHECK(sum({most, tiny, -most}) == tiny);
}

void not_finite() {
  CHECK(sum({1, kInf}) == kInf && sum({-kInf, 1}) == -kInf);
  CHECK(std::isnan(sum({kInf, -kInf})) && std::isnan(sum({1, kNaN})));
  ExactSums two(2);
  two.add(0, kInf);
  two.add(1, 3);
  const MatrixXd slices = two.slices(0, 2);
  CHECK(slices(0, 0) == kInf && slices(1, 0) == 3);
}

// Sums of long doubles lose at most n roundings of 2^-64 of the largest partial sum.
void higher_precision() {
  const std::vector<double> x = wide(5000, 2, 3);
  long double expected = 0, size = 0;
  for (double value : x) expected += value, size += std::fabs(value);
  CHECK(std::fabs(double(sum(x) - expected)) <= double(size) * 5000 * 0x1p-63);
}

void any_order() {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const std::vector<double> x = wide(3000, seed, seed <= 10 ? 5 : 200);
    CHECK(sum(x) == sum(shuffled(x, seed + 100)));
  }
}

// Slices of parts have the total of the whole, whatever the parts.
void any_split() {
  const std::vector<double> x = wide(4000, 7, 100);
  for (std::size_t size : {1, 3, 500, 4000}) {
    ExactSums all(1), joined(1);
    Index most = 0;
    for (std::size_t first = 0; first < x.size(); first += size) {
      ExactSums part(1);
      for (std::size_t i = first; i < std::min(first + size, x.size()); ++i) part.add(0, x[i]);
      const MatrixXd slices = part.slices(0, 1);
      most = std::max(most, slices.cols());
      for (Index k = 0; k < slices.cols(); ++k) all.add(0, slices(0, k));
      joined.add(part);
    }
    CHECK(all.rounded(0) == sum(x) && joined.rounded(0) == sum(x));
    CHECK(most <= 40);
  }
}

void matrices() {
  MatrixXd A(3, 3);
  A << 1, 2, 3, 2, 4, 5, 3, 5, 6;
  ExactSums total(1 + triangle_size(3));
  total.add_lower(1, A);
  total.add_lower(1, A);
  CHECK(total.rounded(0) == 0 && from_lower(total.rounded(1, 6), 3) == 2 * A);
}

}  // namespace

int main() {
  integers();
  rounding();
  ends_of_the_range();
  not_finite();
  higher_precision();
  any_order();
  any_split();
  matrices();
  return check::summary();
}
