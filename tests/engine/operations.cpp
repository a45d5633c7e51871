// Called by the compiler's instrumentation; not itself instrumented.
#include "operations.hpp"

namespace {
long long count = 0;
}

extern "C" void __sanitizer_cov_trace_pc();
extern "C" void __sanitizer_cov_trace_pc() { ++count; }

long long operations() { return count; }
