# The approximate jackknife of geepack (vbeta.ajs) -> gee-jackknife.csv. Run in this folder, with
# the package installed: Rscript compute-gee-jackknife.R
#
# geepack's scale.fix = TRUE fixes the scale at the Pearson estimate of its start, which is kept in
# the column `scale`; q and r are counted in its factor (K - p - q - r) / K all the same.

suppressMessages(library(geepack))
data(ohio, respiratory, package = "margmix")

rows <- function(set, corstr, fit) {
  p <- length(fit$beta)
  data.frame(
    set, corstr, row = rep(seq_len(p), p), column = rep(seq_len(p), each = p),
    value = sprintf("%.15g", as.vector(fit$vbeta.ajs)), clusters = length(fit$clusz), p,
    q = length(fit$alpha), r = 1L, scale = sprintf("%.15g", fit$gamma),
    source = paste("geepack", packageVersion("geepack"))
  )
}

control <- geese.control(epsilon = 1e-12, maxit = 200L, jack = 1L)
respiratory <- respiratory[order(respiratory$patient), ]
sets <- list(
  ohio = list(formula = resp ~ age * smoke, data = ohio, id = ohio$id),
  respiratory = list(
    formula = outcome ~ treat + center + age, data = respiratory,
    id = as.integer(factor(respiratory$patient))
  )
)
out <- do.call(rbind, lapply(names(sets), function(set) {
  do.call(rbind, lapply(c("independence", "exchangeable"), function(corstr) {
    x <- sets[[set]]
    x$data$cluster <- x$id
    # geese() looks for id where the formula comes from
    fit <- do.call(geese, list(x$formula, id = quote(cluster), data = x$data,
      family = binomial(), corstr = corstr, scale.fix = TRUE, control = control, jack = TRUE))
    rows(set, corstr, fit)
  }))
}))
write.csv(out, "gee-jackknife.csv", row.names = FALSE, quote = FALSE)
