#!/usr/bin/env bash
# Runs the test programs given and sums up their counts. One that ends without a count, as after
# a sanitizer's report, counts as one failure.
set -uo pipefail
passed=0 failed=0

for program in "$@"; do
  echo "== ${program##*/}"
  status=0
  output=$("$program" 2>&1) || status=$?
  echo "$output"
  if [[ ${output##*$'\n'} =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1]))
    failed=$((failed + BASH_REMATCH[2]))
    [ "$status" = 0 ] || [ "${BASH_REMATCH[2]}" != 0 ] || failed=$((failed + 1))
  else
    failed=$((failed + 1))
  fi
done

[ $# -gt 0 ] || { echo "no engine tests found"; failed=1; }
echo "$passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
