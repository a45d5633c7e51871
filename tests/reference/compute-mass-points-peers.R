# Mass points by package npmlreg: EM from Gauss-Hermite starts, several values of tol, the highest
# likelihood. Writes mass-points-peers.csv.
#
#   R_LIBS=<with npmlreg and margmix> Rscript compute-mass-points-peers.R

suppressMessages({
  library(npmlreg)
  library(margmix)
})

best <- function(call) {
  fits <- lapply(seq(0.1, 1, by = 0.1), function(tol) {
    tryCatch(suppressWarnings(call(tol)), error = function(e) NULL)
  })
  fits <- Filter(Negate(is.null), fits)
  fits[[which.min(vapply(fits, `[[`, 0, "disparity"))]]
}

data(seeds, package = "margmix")
data(epilepsy, package = "margmix")
epilepsy$log_base <- log(epilepsy$base)
settings <- list(EMmaxit = 20000, EMdev.change = 1e-10, verbose = FALSE, plot.opt = 0)
fit <- list(
  seeds2 = best(function(tol) {
    do.call(alldist, c(list(cbind(r, n - r) ~ seed * extract,
      random = ~1, family = binomial(), data = seeds, k = 2, tol = tol
    ), settings))
  }),
  epilepsy2 = best(function(tol) {
    do.call(allvc, c(list(seizures ~ treatment + period + log_base,
      random = ~ 1 | subject, family = poisson(), data = epilepsy, k = 2, tol = tol
    ), settings))
  })
)
table <- do.call(rbind, lapply(names(fit), function(name) {
  x <- fit[[name]]
  order <- order(x$mass.points)
  fixed <- x$coefficients[!grepl("^MASS", names(x$coefficients))]
  data.frame(
    model = name,
    quantity = c("disparity", paste0("coef:", names(fixed)),
      paste0("location", seq_along(order)), paste0("mass", seq_along(order))),
    value = c(x$disparity, fixed, x$mass.points[order], x$masses[order]),
    source = paste("npmlreg", packageVersion("npmlreg"))
  )
}))
write.csv(table, "mass-points-peers.csv", row.names = FALSE)
