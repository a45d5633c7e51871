// Called by the compiler's instrumentation; not itself instrumented.
#include "operations.hpp"

namespace {
thread_local long long count = 0;  // blocks run by one thread; others count their own
}

extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { ++count; }

long long operations() { return count; }
