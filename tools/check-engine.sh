#!/usr/bin/env bash
# The engine's own rules, and where R calls it.
#   tools/check-engine.sh includes   the folders include each other in one direction only
#   tools/check-engine.sh words      no R, no console, no end of process, no random numbers
#   tools/check-engine.sh openmp     OpenMP only in parallel/
#   tools/check-engine.sh calls      only R/engine*.R calls compiled functions
#   tools/check-engine.sh headers    they compile where R's are not found, as the tests of the engine
#                                    compile its sources
set -euo pipefail
cd "$(dirname "$0")/.."
engine=src/engine
[ -d $engine ] || { echo "no $engine"; exit 77; }

sources() { find "$1" \( -name '*.cpp' -o -name '*.h' -o -name '*.hpp' \) | LC_ALL=C sort; }

# A folder may include folders of a lower rank, and itself.
check_includes() {
  grep -nE '^ *# *include *"' $(sources $engine) /dev/null | awk -F: '
    BEGIN {
      n = split("core:0 parallel:1 family:2 linalg:2 quadrature:3 random:3 design:4 " \
                "inference:5 association:6 glmm:6 gee:6 marginal:7 objective:7", pairs, " ")
      for (i = 1; i <= n; i++) { split(pairs[i], p, ":"); rank[p[1]] = p[2] }
    }
    function complain(why) { print $0 ": " why; bad = 1 }
    {
      own = $1; sub(/^src\/engine\//, "", own); sub(/\/.*/, "", own)
      split($3, quoted, "\""); target = quoted[2]
      gsub(/\.\.\//, "", target); sub(/^engine\//, "", target)
      if (target !~ /\//) next
      sub(/\/.*/, "", target)
      if (!(own in rank)) complain("folder has no rank")
      else if (!(target in rank)) complain("not a folder of the engine")
      else if (own != target && rank[target] >= rank[own]) complain("not below " own)
    }
    END { exit bad }'
}

# Succeeds when no line of the files matches; lines that are comments do not count.
none() {
  local pattern=$1
  shift
  ! grep -nE "$pattern" "$@" /dev/null | grep -vE '^[^:]*:[0-9]+: *(//|\*)'
}

check_words() {
  none '# *include *[<"](R|Rcpp|RcppEigen|Rmath|Rinternals|Rdefines|R_ext/.*|iostream|random)(\.h)?[>"]|\b(std::)?(exit|abort|_Exit|quick_exit|terminate|rand|srand|printf|puts)\(|\bstd::(cout|cerr|clog)\b|\bEigen::(all|seq|last)\b' \
    $(sources $engine)
}

check_openmp() {
  none '# *pragma +omp|<omp\.h>|\bomp_[a-z_]+\(' $(sources src | grep -v "^$engine/parallel/")
}

check_calls() {
  local compiled
  compiled=$(sed -n 's/^\([a-z_]*_\) <- function.*/\1/p' R/RcppExports.R | paste -sd '|')
  none "\b($compiled)\(" $(ls R/*.R | grep -vE '^R/(engine|RcppExports)')
}

check_headers() {
  local all=.build/every-header.cpp
  mkdir -p .build
  grep -l '^#pragma once' $(sources $engine) | sed -n 's|^src/\(.*\)$|#include "\1"|p' >$all
  eval "${CXX:-g++} -fsyntax-only -Wall -Wextra -Werror $(tools/engine-flags.sh | tr '\n' ' ') $all"
}

"check_${1:?}"
