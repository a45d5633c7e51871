# The covariance of Morel, Bokossa and Neerchal against package geessbin, in both branches of its
# factor delta.

test_that("standard errors of MBN are those of geessbin", {
  sys.source(reference_csv("models-mbn.R"), environment())
  peer <- read.csv(reference_csv("mbn-peers.csv"))
  for (clusters in mbn_sizes) {
    for (corstr in mbn_correlations) {
      row <- peer$clusters == clusters & peer$corstr == corstr
      value <- setNames(peer$value[row], peer$quantity[row])
      R <- diag(4L)
      R[row(R) != col(R)] <- value[["alpha"]]
      d <- mbn_children(ohio, clusters)
      fit <- suppressMessages(suppressWarnings(
        gee(resp ~ age + smoke, d, id, waves = age, family = binomial(), corstr = cor_fixed(R))
      ))
      expect_equal(unname(coef(fit)), unname(value[1:3]), tolerance = 1e-7)
      expect_equal(fit$phi, value[["scale"]], tolerance = 1e-7)
      expect_equal(unname(sqrt(diag(vcov(fit, "MBN")))), unname(value[4:6]), tolerance = 1e-7)
    }
  }
})
