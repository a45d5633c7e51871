# Single rows of the counts in stepped-wedge.csv, with sizes that differ between clusters and
# periods, and a covariate.
stepped_wedge_rows <- function(counted) {
  d <- counted[rep(seq_len(nrow(counted)), counted$n), c("cluster", "period", "trt")]
  d$y <- unlist(Map(function(e, n) rep(1:0, c(e, n - e)), counted$events, counted$n))
  row <- seq_len(nrow(d))
  d$x <- sin(row^2) + d$y / 2
  d <- d[!(d$cluster %% 4 == 1 & row %% 3 > 0 | d$period == 3 & row %% 5 > 2), ]
  rownames(d) <- NULL
  d
}
