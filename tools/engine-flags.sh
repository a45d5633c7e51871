#!/usr/bin/env bash
# Prints the compiler flags of the engine without R: its own folders, Eigen and Boost.
# Another Eigen than RcppEigen's: EIGEN=<folder of its headers>.
# Where the distribution's Boost serves the R package BH, that package has no headers of its own.
set -euo pipefail
src=$(cd "$(dirname "$0")/../src" && pwd)
echo "-std=c++17 -DEIGEN_DONT_PARALLELIZE -I$src -I$src/engine ${EIGEN:+-isystem $EIGEN}"
Rscript -e 'dirs <- vapply(c("RcppEigen", "BH"), function(p) system.file("include", package = p), "")
            cat(paste("-isystem", shQuote(dirs[nzchar(dirs)])))'
