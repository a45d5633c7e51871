// Sets of equal rows against a comparison of all pairs.
#include "design/equal_rows.hpp"

#include <cmath>

#include "check.hpp"
#include "toy.hpp"

using namespace margmix;

namespace {

// Each row's set is that of the first row that equals it.
std::vector<int> by_pairs(const std::vector<std::vector<double>>& numbers,
                          const std::vector<int>& codes) {
  std::vector<int> set(codes.size());
  int sets = 0;
  for (std::size_t j = 0; j < codes.size(); ++j) {
    std::size_t k = 0;
    for (; k < j; ++k) {
      bool same = codes[k] == codes[j];
      for (const auto& x : numbers) same = same && x[k] == x[j];
      if (same) break;
    }
    set[j] = k < j ? set[k] : sets++;
  }
  return set;
}

void random_rows(unsigned seed, Index n, int values) {
  toy::Random random(seed);
  auto draw = [&] { return std::floor(values * random.uniform()); };
  std::vector<std::vector<double>> numbers(2, std::vector<double>(n));
  std::vector<int> codes(n);
  for (Index j = 0; j < n; ++j) {
    for (auto& x : numbers) x[j] = (random.uniform() < 0.5 ? -1 : 1) * 0.1 * draw();
    codes[j] = static_cast<int>(draw());
  }
  const std::vector<int> got = equal_rows({numbers[0].data(), codes.data(), numbers[1].data()}, n);
  CHECK(got == by_pairs(numbers, codes));
}

}  // namespace

int main() {
  for (unsigned seed = 0; seed < 20; ++seed) {
    random_rows(seed, 200, 2);
    random_rows(seed, 200, 12);
  }
  const std::vector<double> zeros = {0.0, -0.0};
  CHECK(equal_rows({zeros.data()}, 2) == std::vector<int>({0, 0}));
  CHECK(equal_rows({}, 3) == std::vector<int>({0, 0, 0}));
  CHECK(equal_rows({zeros.data()}, 0).empty());
  return check::summary();
}
