# Failures of 10 pumps in a nuclear power plant (Gaver & O'Muircheartaigh, 1987).
#
# Source: the published table, as it is also listed in the SAS/STAT documentation of PROC NLMIXED,
# "Poisson-Normal Model with Count Data" (groups 1 and 2 there are continuous and intermittent
# here).
# Run from the package root: Rscript data-raw/pump.R

pump <- data.frame(
  pump = factor(1:10),
  group = factor(c(1, 2, 1, 1, 2, 1, 2, 2, 2, 2), labels = c("continuous", "intermittent")),
  time = c(94.320, 15.720, 62.880, 125.760, 5.240, 31.440, 1.048, 1.048, 2.096, 10.480),
  failures = as.integer(c(5, 1, 5, 14, 3, 19, 1, 1, 4, 22))
)

# The SAS documentation centres log(time) at 2.4564900.
stopifnot(round(mean(log(pump$time)), 7) == 2.4564900)
save(pump, file = "data/pump.rda", compress = "xz", version = 2)
