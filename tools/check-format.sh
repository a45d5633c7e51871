#!/usr/bin/env bash
# Fails where C++ files (those given, or all) are not formatted as .clang-format says. Exit status 77
# means that clang-format is not here in the version that .clang-format names: versions disagree.
#   tools/check-format.sh [file ...]
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=$(sed -n 's/.*clang-format \([0-9]*\).*/\1/p' .clang-format)
clang-format --version 2>/dev/null | grep -q "version $wanted\." ||
  { echo "needs clang-format $wanted"; exit 77; }

[ $# -gt 0 ] || set -- $(tools/cxx-files.sh)
bad=0
for file in "$@"; do
  clang-format --dry-run -Werror "$file" 2>/dev/null || { echo "$file: run make format"; bad=1; }
done
exit $bad
