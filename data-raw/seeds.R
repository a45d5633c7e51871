# Germination of Orobanche seeds on 21 plates (Crowder, 1978, table 3).
#
# Source: the published table. The same numbers are data set `orob2` of the CRAN package aod
# (version 1.3.3) and the example "Seeds" of the BUGS project, volume 1.
# Run from the package root: Rscript data-raw/seeds.R

seeds <- data.frame(
  plate = factor(1:21),
  seed = factor(rep(c("O75", "O73"), times = c(11, 10)), levels = c("O75", "O73")),
  extract = factor(rep(c("bean", "cucumber", "bean", "cucumber"), times = c(5, 6, 5, 5))),
  r = as.integer(c(10, 23, 23, 26, 17, 5, 53, 55, 32, 46, 10,
                   8, 10, 8, 23, 0, 3, 22, 15, 32, 3)),
  n = as.integer(c(39, 62, 81, 51, 39, 6, 74, 72, 51, 79, 13,
                   16, 30, 28, 45, 4, 12, 41, 30, 51, 7))
)

stopifnot(nrow(seeds) == 21, seeds$r <= seeds$n)
if (requireNamespace("aod", quietly = TRUE)) {
  other <- new.env()
  utils::data("orob2", package = "aod", envir = other)
  stopifnot(
    other$orob2$y == seeds$r,
    other$orob2$n == seeds$n,
    as.character(other$orob2$seed) == as.character(seeds$seed),
    tolower(other$orob2$root) == as.character(seeds$extract)
  )
}
save(seeds, file = "data/seeds.rda", compress = "xz", version = 2)
