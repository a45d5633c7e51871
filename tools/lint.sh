#!/usr/bin/env bash
# Style and structure. Each step counts as one test; the last line printed sums them up.
set -euo pipefail
cd "$(dirname "$0")/.."
passed=0 failed=0 skipped=0

# A step passes with status 0 and is skipped with status 77.
step() {
  local name=$1 status=0
  shift
  "$@" || status=$?
  case $status in
    0) passed=$((passed + 1)) word=ok ;;
    77) skipped=$((skipped + 1)) word=skipped ;;
    *) failed=$((failed + 1)) word=FAILED ;;
  esac
  echo "lint: $name: $word"
}

step "style of R" Rscript tools/lint.R
step "style of C++" tools/check-format.sh
step "names given once" Rscript tools/twice.R
step "lines that branch on kinds" Rscript tools/branches.R
step "what a design is made of" Rscript tools/reads.R
step "doors to the engine" Rscript tools/doors.R
step "functions between glmm() and the engine" Rscript tools/frames.R
step "spelling" Rscript tools/spelling.R
step "files that CONTRIBUTING.md names" tools/check-contributing.sh
step "order of engine includes" tools/check-engine.sh includes
step "engine words" tools/check-engine.sh words
step "calls of compiled functions" tools/check-engine.sh calls
step "OpenMP in one place" tools/check-engine.sh openmp
step "engine headers compile without R" tools/check-engine.sh headers
step "docs are current" tools/check-docs.sh
step "README prints what the package prints" Rscript tools/check-readme.R

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
