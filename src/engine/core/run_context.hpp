// How a computation is run: threads, interruption. Passed by reference, never global.
#pragma once

#include <functional>

namespace margmix {

struct RunContext {
  int threads = 1;
  // Called from the calling thread only, now and then; true asks the engine to stop.
  std::function<bool()> interrupted = [] { return false; };
};

}  // namespace margmix
