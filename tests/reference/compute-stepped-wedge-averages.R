# Four averages of a stepped-wedge trial by package MRStdLCRT, which must be installed:
# github.com/fancy575/MRStdLCRT, commit 77d156f. Writes stepped-wedge-averages.csv. Run in this
# folder, after compute-stepped-wedge.R.
#
# The rows of stepped-wedge.csv, one each, without a third of those of some clusters, and a
# covariate. The jackknife of that package is around the mean of the estimates.

source("models-stepped-wedge.R")

d <- stepped_wedge_rows(read.csv("stepped-wedge.csv"))
found <- MRStdLCRT::mrstdlcrt_fit(d, y ~ trt + factor(period) + x + (1 | cluster),
  cluster_id = "cluster", period = "period", trt = "trt", method = "lmer", family = "gaussian"
)
out <- data.frame(
  average = c("individual", "cluster", "period", "cluster-period"),
  estimate = sprintf("%.10g", unlist(found$estimates[2L, -1L])),
  se = sprintf("%.10g", unlist(found$jk_se[2L, -1L]))
)
write.csv(out, "stepped-wedge-averages.csv", row.names = FALSE, quote = FALSE)
