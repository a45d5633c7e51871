# Effects by exposure time by package steppedwedge (mixed model: lme4 by Laplace; estimating
# equations: geepack) -> stepped-wedge-peers.csv; its data sw_data_example, counted ->
# stepped-wedge.csv. Run in this folder:
#   Rscript compute-stepped-wedge.R

suppressMessages(library(steppedwedge))

d <- sw_data_example
counted <- aggregate(cbind(events = outcome_bin, n = 1) ~ cluster + period + trt, d, sum)
counted <- counted[order(counted$cluster, counted$period), ]
write.csv(counted, "stepped-wedge.csv", row.names = FALSE, quote = FALSE)

trial <- load_data(
  time = "period", cluster_id = "cluster", individual_id = NULL, treatment = "trt",
  outcome = "outcome_bin", data = d
)
one <- function(method, type, time) {
  found <- analyze(trial,
    method = method, estimand_type = type, estimand_time = time, exp_time = "ETI",
    family = binomial, corstr = "exchangeable", re = "clust"
  )
  data.frame(
    method = method, effect = if (type == "TATE") "average" else "point", from = time[1],
    to = time[length(time)], estimate = sprintf("%.8f", found$te_est),
    se = sprintf("%.8f", found$te_se),
    source = paste("steppedwedge", packageVersion("steppedwedge"))
  )
}
out <- do.call(rbind, lapply(c("mixed", "GEE"), function(method) {
  rbind(
    one(method, "TATE", c(1, 5)), one(method, "TATE", c(2, 4)), one(method, "PTE", 3),
    one(method, "PTE", 5)
  )
}))
write.csv(out, "stepped-wedge-peers.csv", row.names = FALSE, quote = FALSE)
