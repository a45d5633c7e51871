#!/usr/bin/env bash
# Installs the package into .build/library from a copy in .build/source, so that the tree stays
# clean and objects are reused. The compiler writes the headers of each object beside it (*.d), and
# tools/Makevars reads them: an edited header compiles only what includes it.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=.build/source
stamp=.build/objects-of
installed=.build/installed-of
mkdir -p $copy .build/library

# taken before the copy: what is edited meanwhile counts as changed the next time
touch $stamp.new
settings=$(find src/Makevars* tools/Makevars tools/install.sh -newer $stamp 2>/dev/null || echo all)
changed=$(find src -type f -newer $stamp 2>/dev/null || true)

find $copy -type f ! -name '*.[od]' ! -name '*.so' -delete
for part in DESCRIPTION NAMESPACE R src data inst man demo; do
  [ ! -e $part ] || cp -Rp $part $copy/
done
[ -z "$settings" ] || find $copy/src \( -name '*.[od]' -o -name '*.so' \) -delete
# newer than any object, whenever it was edited
for file in $changed; do touch $copy/$file; done
mv $stamp.new $stamp

# where nothing but compiled code has changed, R code and help stay as they were installed
others=$(find DESCRIPTION NAMESPACE R data inst man demo -newer $installed 2>/dev/null || echo all)
only=
[ -n "$others" ] || [ ! -d .build/library/margmix ] || only=--libs-only

export R_MAKEVARS_USER=$PWD/tools/Makevars CCACHE_DIR=$PWD/.build/ccache KEEP_OBJECTS=yes
export MAKEFLAGS=-j$(getconf _NPROCESSORS_ONLN)
[ -d .build/library/margmix ] ||
  echo "Compiling margmix for the first time takes some minutes; tail -f .build/install.log shows it."
if ! R CMD INSTALL $only --library=.build/library $copy >.build/install.log 2>&1; then
  cat .build/install.log
  rm -f $installed
  exit 1
fi
# the R code that was copied is older than the stamp of the objects
[ -n "$only" ] || touch -r $stamp $installed
