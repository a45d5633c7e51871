// Checks for the stand-alone tests of the engine: they count, report and go on.
#pragma once

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace check {

struct Counts {
  int passed = 0;
  int failed = 0;
};

inline Counts& counts() {
  static Counts c;
  return c;
}

inline bool that(bool ok, const char* what, const char* file, int line) {
  ++(ok ? counts().passed : counts().failed);
  if (!ok) std::printf("%s:%d: failed: %s\n", file, line, what);
  return ok;
}

// Absolute below one, relative above; a NaN on either side fails.
inline void near(double got, double want, double tol, const char* what, const char* file,
                 int line) {
  const bool ok = std::abs(got - want) <= tol * std::max(1.0, std::abs(want));
  if (!that(ok, what, file, line)) {
    std::printf("  got %.17g, want %.17g, tolerance %g\n", got, want, tol);
  }
}

// The last line of every test, and its exit status.
inline int summary() {
  std::printf("%d passed, %d failed\n", counts().passed, counts().failed);
  return counts().failed == 0 ? 0 : 1;
}

}  // namespace check

#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__)

#define CHECK_NEAR(got, want, tol) \
  check::near((got), (want), (tol), #got " is " #want, __FILE__, __LINE__)

#define CHECK_THROWS(expression, exception)                                     \
  do {                                                                          \
    bool caught = false;                                                        \
    try {                                                                       \
      (void)(expression);                                                       \
    } catch (const exception&) {                                                \
      caught = true;                                                            \
    }                                                                           \
    check::that(caught, #expression " throws " #exception, __FILE__, __LINE__); \
  } while (false)
