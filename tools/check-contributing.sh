#!/usr/bin/env bash
# Fails when CONTRIBUTING.md names a file that is not there: what stands in backticks and has a
# slash. <name> stands for any name, of which at least one must exist.
set -euo pipefail
cd "$(dirname "$0")/.."

bad=0
for path in $(grep -o '`[^` ]*/[^` ]*`' CONTRIBUTING.md | tr -d '`' | sort -u); do
  pattern=$(sed 's/<[^>]*>/*/g' <<<"$path")
  compgen -G "$pattern" >/dev/null || { echo "CONTRIBUTING.md: no $path"; bad=1; }
done
exit $bad
