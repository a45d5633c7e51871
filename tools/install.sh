#!/usr/bin/env bash
# Installs the package into .build/library from a copy in .build/source, so that the tree stays
# clean and objects are reused. R's make rules know no headers: a changed one clears the objects.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=.build/source
stamp=.build/objects-of
mkdir -p $copy .build/library

# taken before the copy: what is edited meanwhile counts as changed the next time
touch $stamp.new
changed=$(find src \( -name '*.h*' -o -name 'Makevars*' \) -newer $stamp 2>/dev/null || echo all)

find $copy -type f ! -name '*.o' ! -name '*.so' -delete
for part in DESCRIPTION NAMESPACE R src data inst man demo; do
  [ ! -e $part ] || cp -Rp $part $copy/
done
[ -z "$changed" ] || find $copy/src \( -name '*.o' -o -name '*.so' \) -delete
mv $stamp.new $stamp

export R_MAKEVARS_USER=$PWD/tools/Makevars
jobs=$(getconf _NPROCESSORS_ONLN)
if ! MAKEFLAGS=-j$jobs R CMD INSTALL --library=.build/library $copy >.build/install.log 2>&1; then
  cat .build/install.log
  exit 1
fi
