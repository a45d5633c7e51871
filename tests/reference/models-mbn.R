# Children of `ohio` for the covariance of Morel, Bokossa and Neerchal, read by the script and by
# the test: few enough (at most three for each coefficient) and more.
mbn_children <- function(ohio, clusters) {
  d <- ohio[ohio$id %in% round(seq(200, 536, length.out = clusters)), ]
  d[order(d$id, d$age), ]
}
mbn_sizes <- c(8L, 30L)
mbn_correlations <- c("independence", "exchangeable")
