# Topical cream against infection in 8 clinics (Beitler & Landis, 1985).
#
# Source: the 16 published counts, as they are also listed in the SAS/STAT documentation of PROC
# NLMIXED, "Logistic-Normal Model with Binomial Data".
# Run from the package root: Rscript data-raw/infection.R

infection <- data.frame(
  clinic = factor(rep(1:8, each = 2)),
  treatment = factor(rep(c("drug", "control"), times = 8), levels = c("control", "drug")),
  # drug, control         clinic 1    2       3      4      5     6     7     8
  success = as.integer(c(11, 10, 16, 22, 14, 7, 2, 1, 6, 0, 1, 0, 1, 1, 4, 6)),
  n = as.integer(c(36, 37, 20, 32, 19, 19, 16, 17, 17, 12, 11, 10, 5, 9, 6, 7))
)

stopifnot(
  nrow(infection) == 16,
  infection$success <= infection$n,
  tapply(infection$success, infection$treatment, sum) == c(47, 55),
  tapply(infection$n, infection$treatment, sum) == c(143, 130)
)
save(infection, file = "data/infection.rda", compress = "xz", version = 2)
