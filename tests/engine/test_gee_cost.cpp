// Operations and memory grow with the rows of a cluster, and no faster, where a working correlation
// promises it. The unit with all correlations is compiled to count the blocks of code it runs
// (Makefile); memory is counted by hooks of the sanitizer. No clock is read.
#include "check.hpp"
#include "gee/registry.hpp"
#include "operations.hpp"
#include "toy.hpp"

// Of the address sanitizer's run-time library; some compilers come without its header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*,
                                                                             std::size_t),
                                                         void (*free_hook)(const volatile void*));

using namespace margmix;

namespace {

long long allocated = 0;
void count_memory(const volatile void*, std::size_t size) {
  allocated += static_cast<long long>(size);
}
void ignore_free(const volatile void*) {}

struct Cost {
  long long operations, bytes;
};

// Everything a fit asks of the correlation of one cluster of n rows.
Cost cost(const char* type, bool real_times, Index n) {
  toy::Random random(2);
  VectorXd time(n), e(n), alpha;
  Eigen::VectorXi start(2), wave(n), inner(n);
  start << 0, static_cast<int>(n);
  MatrixXd rows(n, 3);
  for (Index j = 0; j < n; ++j) {
    time[j] = double(j) + (real_times ? 0.9 * random.uniform() : 0.0);
    wave[j] = static_cast<int>(j);
    inner[j] = static_cast<int>(j / 10);
    e[j] = random.normal();
    for (Index c = 0; c < 3; ++c) rows(j, c) = random.normal();
  }
  const Layout layout{IntegerMap(start.data(), 2), time.data(), wave.data(), inner.data()};
  const long long before = operations(), held = allocated;
  const auto R = make_correlation({type, 2, MatrixXd()}, layout);
  alpha = VectorXd::Constant(R->parameters(), 0.2);
  R->set(R->feasible(alpha, 1e-3));
  double determinant = R->log_determinant(0);
  for (const bool all_lags : {false, true}) {
    MomentSums sums(R->sums());
    R->add_moments(0, e.data(), {0, all_lags}, sums);
    determinant += R->estimate(sums, 1.0, {0, all_lags})[0];
  }
  RowsRef all(rows);
  R->whiten(0, all);
  R->whiten_transposed(0, all);
  CHECK(std::isfinite(determinant + rows.sum()));
  return {operations() - before, allocated - held};
}

void linear(const char* type, bool real_times = false) {
  const Cost small = cost(type, real_times, 4000), large = cost(type, real_times, 16000);
  std::printf("%s: %.2f operations, %.2f bytes for four times the rows; %.1f operations a row\n",
              type, double(large.operations) / double(small.operations),
              double(large.bytes) / double(std::max(1LL, small.bytes)),
              double(large.operations) / 16000);
  CHECK(small.operations > 4000);
  CHECK(large.operations < 4.4 * double(small.operations));
  CHECK(large.bytes < 4.4 * double(small.bytes) + 1000);
}

}  // namespace

int main() {
  CHECK(__sanitizer_install_malloc_and_free_hooks(count_memory, ignore_free) != 0);
  linear("exchangeable");
  linear("ar1");
  linear("ar1", true);
  linear("mdependent");
  linear("nested");
  linear("decay", true);
  return check::summary();
}
