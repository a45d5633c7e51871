# Pictures leave the settings of the device as they were

test_that("margins, panels and sizes are the same after each picture", {
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file, width = 12, height = 9)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  before <- list(mar = c(4, 4, 2, 1), las = 1)
  graphics::par(before)
  settings <- function() {
    graphics::par(c("mfrow", "mar", "mai", "cex", "mex", "oma", "mgp", "las", "xpd", "pty"))
  }
  before <- settings()
  fit <- result_fit("respiratory")
  slopes <- result_fit("independent")
  pictures <- list(
    function() plot(marginal_standardization(fit, "treat")), function() plot(odds_ratios(fit)),
    function() plot(nlme::ranef(slopes)), function() plot(slopes),
    function() plot(compare_effects(fit)), function() plot(rank_clusters(fit)),
    function() plot(diagnose_endogeneity(slopes))
  )
  for (picture in pictures) {
    suppressMessages(picture())
    expect_equal(settings(), before)
  }
})
