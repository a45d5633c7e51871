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

test_that("text has room where the letters drawn are wider than those measured", {
  grDevices::pdf(NULL, width = 7, height = 5)
  on.exit(grDevices::dev.off())
  # knitr measures Helvetica and svglite draws DejaVu Sans, which is 12% wider
  drawn <- function(text, ...) 1.12 * max(graphics::strwidth(text, units = "inches", ...))
  ratios <- plot_data(marginal_standardization(result_fit("respiratory"), "treat"))
  plot(ratios)
  graphics::plot.new()
  shape <- forest_shape(ratios, picture_words(ratios), c(6.84, 4.84))
  expect_lt(drawn(ratios$label, cex = shape$cex), shape$plot[1L] - 0.1)
  expect_lt(shape$plot[2L], shape$numbers - drawn(ratios$text, cex = shape$cex))
  graphics::plot(1, xlim = c(0, 7), xaxs = "i")
  plan <- legend_plan(c("probably in the lowest or highest 10%", "other clusters"))
  found <- inner_legend(plan, pch = 1:2)
  apart <- diff(found$text$x) / diff(graphics::par("usr")[1:2]) * graphics::par("pin")[1L]
  expect_lt(drawn(plan$words[1L], cex = plan$cex), apart - 0.1)
})
