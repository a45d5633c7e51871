# Spatial fields: Matern of smoothness 1.5, counts at places in a square, each fit in a fresh
# process; glmmTMB beside the sizes that it takes. Writes spatial-fields.md beside this file.
#
#   Rscript bench/spatial-fields.R        R_LIBS must name a library with margmix

arguments <- commandArgs(TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))

# A sum of 500 waves whose frequencies have the spectrum of the field: nearly normal at any size.
places <- function(m) {
  set.seed(1)
  d <- data.frame(u = runif(m), v = runif(m), x = rnorm(m), everywhere = factor(1))
  # of a Matern field in the plane a t distribution with 2 nu degrees of freedom, scaled
  frequency <- matrix(rnorm(1000), 500) / sqrt(rchisq(500, 3)) / 0.08
  wave <- tcrossprod(as.matrix(d[c("u", "v")]), frequency)
  b <- 0.8 * sqrt(2 / 500) * rowSums(cos(sweep(wave, 2L, runif(500, 0, 2 * pi), "+")))
  d$y <- rpois(m, exp(0.5 + 0.3 * d$x + b))
  d
}

fits <- list(
  dense = function(d) margmix::glmm(y ~ x + mat(u + v | 1, dense = Inf), d, poisson()),
  vecchia = function(d) margmix::glmm(y ~ x + mat(u + v | 1, dense = 0), d, poisson()),
  glmmTMB = function(d) {
    d$at <- glmmTMB::numFactor(d$u, d$v)
    glmmTMB::glmmTMB(y ~ x + mat(at + 0 | everywhere), d, poisson(),
      start = list(theta = c(0, log(0.1), log(1.5))), map = list(theta = factor(c(1, 2, NA)))
    )
  }
)

# One fit, in this process: what the parent reads.
if (length(arguments)) {
  d <- places(as.integer(arguments[2L]))
  invisible(loadNamespace(if (arguments[1L] == "glmmTMB") "glmmTMB" else "margmix"))
  seconds <- system.time(fit <- fits[[arguments[1L]]](d))
  peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat("result", seconds[["elapsed"]], sum(seconds[1:2]), as.numeric(gsub("\\D", "", peak)) / 1024,
    format(as.numeric(stats::logLik(fit)), digits = 12L), "\n"
  )
  quit("no")
}

row <- function(kind, m) {
  out <- system2("Rscript", c(file.path(here, "spatial-fields.R"), kind, m),
    stdout = TRUE, stderr = FALSE
  )
  line <- grep("^result", out, value = TRUE)
  found <- if (length(line)) strsplit(line, " +")[[1L]][-1L] else c("failed", "", NA, "")
  sprintf("| %s | %s | %s | %s | %s | %s |", format(m, big.mark = ","), switch(kind,
    dense = "margmix, dense", vecchia = "margmix, 20 neighbours", glmmTMB = "glmmTMB"
  ), found[1L], found[2L], round(as.numeric(found[3L])), found[4L])
}

writeLines(c(
  "# Spatial fields", "",
  paste0(
    "Written by `bench/spatial-fields.R` with margmix and glmmTMB ",
    utils::packageVersion("glmmTMB"), ": seconds and processor seconds of the whole call, one ",
    "thread, in a fresh process; its peak memory in MiB; log-likelihood (Laplace). Poisson, one ",
    "count at each place, Matern of smoothness 1.5, range .08 of the side of the square, sd 0.8."
  ),
  "", "| places | package | s | CPU s | MiB | log-likelihood |", "|---|---|---|---|---|---|",
  unlist(lapply(c(100, 250), function(m) c(row("dense", m), row("glmmTMB", m)))),
  row("dense", 500), row("vecchia", 500), row("glmmTMB", 500),
  row("dense", 1000), unlist(lapply(c(1000, 2000, 4000), function(m) row("vecchia", m)))
), file.path(here, "spatial-fields.md"))
