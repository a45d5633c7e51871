#!/usr/bin/env bash
# Prints the C++ files that people write (RcppExports.cpp is written by Rcpp).
set -euo pipefail
cd "$(dirname "$0")/.."
find src tests/engine \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) ! -name RcppExports.cpp |
  LC_ALL=C sort
