#!/usr/bin/env bash
# Fails when NAMESPACE, man/ or RcppExports are not what their sources give. Exit status 77 means
# that roxygen2 is not here in the version that wrote them.
set -euo pipefail
cd "$(dirname "$0")/.."
generated="NAMESPACE man R/RcppExports.R src/RcppExports.cpp"
copy=.build/docs

wanted=$(sed -n 's/^RoxygenNote: //p' DESCRIPTION)
found=$(Rscript -e 'cat(tryCatch(format(packageVersion("roxygen2")), error = function(e) "none"))')
if [ "$wanted" != "$found" ]; then
  echo "roxygen2 $wanted wrote the docs, found: $found"
  exit 77
fi

rm -rf $copy
mkdir -p $copy
cp -Rp DESCRIPTION NAMESPACE R src data man inst vignettes $copy/ 2>/dev/null || true
Rscript tools/docs.R $copy >.build/docs.log 2>&1 || { cat .build/docs.log; exit 1; }

stale=0
for part in $generated; do
  diff -r "$part" "$copy/$part" || stale=1
done
[ $stale = 0 ] || { echo "the docs are not current: run make docs"; exit 1; }
