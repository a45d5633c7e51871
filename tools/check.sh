#!/usr/bin/env bash
# R CMD build and R CMD check --as-cran, without asking the network anything.
# The last line printed counts the checks; see tools/check-result.R.
set -euo pipefail
cd "$(dirname "$0")/.."
out=.build/check

rm -rf $out
mkdir -p $out
package=$PWD
export R_MAKEVARS_USER=$package/tools/Makevars CCACHE_DIR=$package/.build/ccache
export MAKEFLAGS=-j$(getconf _NPROCESSORS_ONLN)
(cd $out && R CMD build "$package")

export _R_CHECK_FORCE_SUGGESTS_=false
export _R_CHECK_CRAN_INCOMING_REMOTE_=false
export _R_CHECK_SYSTEM_CLOCK_=false
# --as-cran asks CRAN for the maintainers of suggested packages that are not installed, and stops
# where a mirror has no such list: one without a row is enough.
export R_CRAN_WEB=file://$package/$out/cran
mkdir -p $out/cran/web/packages
Rscript -e 'saveRDS(data.frame(Package = character(), Maintainer = character()),
  commandArgs(TRUE))' $out/cran/web/packages/packages.rds
# the manual in fonts that a plain LaTeX has
export R_RD4PDF=times,hyper
options=(--as-cran)
command -v pdflatex >/dev/null || options+=(--no-manual)

R CMD check "${options[@]}" -o $out $out/*.tar.gz || true
Rscript tools/check-result.R $out/*.Rcheck/00check.log
