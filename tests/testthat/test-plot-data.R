# What pictures draw is what the tables say

pictures <- local({
  made <- NULL
  function() {
    if (!is.null(made)) return(made)
    fit <- result_fit("infection")
    marginal <- gee(cbind(success, n - success) ~ treatment, infection, clinic,
      family = binomial(), corstr = "exchangeable"
    )
    made <<- suppressMessages(list(
      ratios = odds_ratios(fit), effects = compare_effects(fit, marginal),
      standardized = marginal_standardization(fit, "treatment"), fit = fit,
      ranef = ranef(fit), ranks = rank_clusters(fit), slopes = ranef(result_fit("epilepsy")),
      convergence = diagnose_convergence(fit), integration = diagnose_integration(fit),
      overdispersion = diagnose_overdispersion(result_fit("epilepsy"), nsim = 20),
      endogeneity = diagnose_endogeneity(result_fit("lmm"))
    ))
    made
  }
})

test_that("a forest of ratios has the numbers of the table, on a logarithmic axis", {
  ratios <- odds_ratios(result_fit("toenail"), level = 0.9)
  drawn <- plot_data(ratios)
  expect_identical(drawn$estimate, ratios$estimate)
  expect_identical(drawn$conf.high, ratios$conf.high)
  expect_identical(unique(drawn$panel), "Conditional odds ratios")
  expect_true(all(drawn$log) && all(drawn$none == 1))
  axis <- forest_axis(drawn)
  expect_true(axis$limits[1L] < min(drawn$conf.low) && axis$limits[2L] > max(drawn$conf.high))
  first <- as.numeric(strsplit(drawn$text[1L], "[( to)]+")[[1L]])
  expect_equal(first, unlist(drawn[1L, c("estimate", "conf.low", "conf.high")], use.names = FALSE),
    tolerance = 1e-3
  )
  expect_error(plot_data(ratios[c("term", "estimate")]), class = "margmix_error_argument")
})

test_that("an interval without end does not press the others into points", {
  x <- data.frame(estimate = c(1.2, 2), conf.low = c(0.9, 1e-9), conf.high = c(1.6, Inf), none = 1,
    log = TRUE)
  limits <- forest_axis(x)$limits
  expect_true(limits[1L] > 0.01 && limits[2L] < 100 && limits[1L] < 0.9 && limits[2L] > 1.6)
})

test_that("a forest of a standardization has a panel for each scale", {
  result <- pictures()$standardized
  drawn <- plot_data(result)
  table <- as.data.frame(result)
  expect_identical(drawn$estimate, table$estimate)
  expect_identical(drawn$log, table$type %in% c("ratio", "odds_ratio"))
  expect_identical(drawn$none, c(NA, NA, 0, 1, 1))
  expect_identical(nrow(plot_data(result, what = "means")), 2L)
})

test_that("numbers beside intervals have the digits that the intervals allow, alike in a panel", {
  text <- function(estimate, low, high, log = FALSE, panel = "") {
    forest_picture("", estimate, low, high, panel, none = 0, log = log, level = 0.95)$text
  }
  # 0.0830 and 0.142 before
  expect_identical(text(c(0.083, 0.142), c(0.051, 0.11), c(0.123, 0.174)),
    c("0.083 (0.051 to 0.123)", "0.142 (0.110 to 0.174)"))
  expect_identical(text(c(0.083, 9.32), c(0.0213, 6), c(0.324, 12.7), c(TRUE, FALSE), c("a", "b")),
    c("0.083 (0.021 to 0.324)", "9.3 (6.0 to 12.7)"))
  expect_identical(text(c(0.8917, 0.6674, NA), c(0.2827, 0.6101, NA), c(2.813, 0.7302, NA), TRUE),
    c("0.892 (0.283 to 2.813)", "0.667 (0.610 to 0.730)", "not estimated"))
  # by day, beside a factor: what only one row needs, the others are spared
  expect_identical(text(c(0.98434, 0.59), c(0.9818, 0.2), c(0.9868, 1.78), TRUE),
    c("0.9843 (0.9818 to 0.9868)", "0.59 (0.20 to 1.78)"))
  expect_identical(text(-3e-4, -0.05, 0.05), "0.000 (-0.050 to 0.050)")
  expect_identical(text(25.3, 0.9, 700, TRUE), "25.30 (0.90 to 700.00)")
  expect_identical(text(0.5, 1e-9, Inf, TRUE), "0.50 (1.00e-09 to Inf)")
  expect_identical(text(123456, 110000, 137000), "123,456 (110,000 to 137,000)")
  expect_identical(text(1e-9, 1e-10, 1e-8, TRUE), "1.00e-09 (1.00e-10 to 1.00e-08)")
  expect_identical(text(c(1.2, 0), NA, NA), c("1.20 (NA to NA)", "0.00 (NA to NA)"))
  expect_identical(tick_labels(c(30100, 30200)), c("30,100", "30,200"))
})

test_that("bands along a covariate are limits of predict()", {
  effects <- pictures()$effects
  drawn <- plot_data(effects, clusters = 10L)
  new <- data.frame(treatment = c("control", "drug"))
  of <- function(curve) drawn[drawn$curve == curve, ]
  population <- predict(effects$glmm, new, random_effects = "integrate", se.fit = TRUE)
  df <- min(summary(effects$glmm)$coefficients$df)
  expect_equal(of("population (glmm)")$conf.high,
    plogis(unname(population$fit + qt(0.975, df) * population$se.fit)))
  expect_equal(of("population (glmm)")$estimate,
    unname(predict(effects$glmm, new, type = "response", random_effects = "integrate")))
  zero <- predict(effects$glmm, new, random_effects = "zero", se.fit = TRUE)
  expect_equal(of("random effect 0")$conf.low,
    plogis(unname(zero$fit - qt(0.975, df) * zero$se.fit)))
  expect_equal(of("population (gee)")$estimate,
    unname(predict(effects$gee, new, type = "response")))
  expect_identical(of("clinic, 10 quantiles")$conf.low, rep(NA_real_, 20L))
})

test_that("clusters are drawn with the numbers of ranef() and rank_clusters()", {
  effects <- as.data.frame(pictures()$slopes)
  drawn <- plot_data(pictures()$slopes, level = 0.8)
  expect_identical(drawn$estimate, effects$condval)
  expect_equal(drawn$conf.low, effects$condval - qnorm(0.9) * effects$condsd)
  expect_identical(nlevels(drawn$panel), 2L)
  ranks <- pictures()$ranks
  drawn <- plot_data(ranks)
  expect_identical(drawn$rank, ranks$rank)
  expect_identical(drawn$end, ranks$p_low > 0.5 | ranks$p_high > 0.5)
})

test_that("many random effects are drawn in rows of panels", {
  d <- data.frame(id = gl(12, 20), item = gl(10, 1, 240), z = sin((1:240)^2))
  effects <- suppressMessages(ranef(glmm(z ~ 1 + homdiag(0 + item | id), d)))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(nlevels(plot(effects)$panel), 10L)
  expect_identical(graphics::par("mfrow"), c(1L, 1L))
})

test_that("everything is drawn on devices of any size, and returned", {
  for (size in list(c(7, 5), c(3, 2.5))) {
    grDevices::pdf(NULL, width = size[1L], height = size[2L])
    for (name in names(pictures())) {
      drawn <- suppressMessages(withVisible(plot(pictures()[[name]])))
      expect_false(drawn$visible, label = name)
      expect_s3_class(drawn$value, "margmix_plot_data")
    }
    grDevices::dev.off()
  }
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  some <- plot_data(pictures()$ranef)
  expect_invisible(plot(some[some$estimate > 0, ]))
  attr(some, "words") <- NULL
  expect_error(plot(some), "plot_data()", fixed = TRUE, class = "margmix_error_argument")
})

test_that("text of a forest neither overlaps nor leaves the device", {
  result <- pictures()$standardized
  drawn <- plot_data(result)
  for (size in list(c(8, 5), c(5, 3), c(3.5, 3))) {
    grDevices::pdf(NULL, width = size[1L], height = size[2L])
    graphics::par(mai = rep(0.08, 4L))
    graphics::plot.new()
    shape <- forest_shape(drawn, picture_words(drawn), graphics::par("pin"))
    wide <- function(text) max(graphics::strwidth(text, units = "inches", cex = shape$cex))
    expect_lt(wide(drawn$label), shape$plot[1L])
    if (!is.null(shape$numbers)) expect_lt(wide(drawn$text), shape$numbers - shape$plot[2L])
    expect_gt(diff(shape$plot), 0.8)
    expect_gt(shape$row, graphics::strheight("M", units = "inches", cex = shape$cex))
    used <- nrow(drawn) * shape$row + 3.1 * length(unique(drawn$panel)) * shape$line
    expect_lt(used, size[2L])
    grDevices::dev.off()
  }
})

test_that("ggplot2 draws the same numbers", {
  skip_if_not_installed("ggplot2", "3.4.0")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  for (name in names(pictures())) {
    picture <- suppressMessages(ggplot2::autoplot(pictures()[[name]]))
    expect_s3_class(picture, "ggplot")
    expect_error(suppressMessages(print(picture)), NA, label = name)
  }
  layer <- function(picture, k) ggplot2::ggplot_build(picture)$data[[k]]
  ratios <- pictures()$ratios
  built <- layer(ggplot2::autoplot(ratios), 4L)
  expect_equal(built$x, log(ratios$conf.low))
  expect_equal(built$xend, log(ratios$conf.high))
})

test_that("whatever has the numbers of a picture is drawn by plot() and by autoplot()", {
  here <- ls(asNamespace("margmix"))
  of <- function(generic) {
    start <- paste0("^", generic, "[.]")
    sub(start, "", grep(start, here, value = TRUE))
  }
  drawn <- setdiff(of("plot_data"), c("default", "margmix_plot_data", "margmix_gee"))
  expect_gt(length(drawn), 14L)
  # fits of both kinds share a method, which refuses those of gee()
  drawn <- sub("^margmix_glmm$", "margmix_fit", drawn)
  expect_identical(setdiff(drawn, of("autoplot")), character())
  expect_identical(setdiff(drawn, c(of("plot"), "margmix_fit")), character())
  skip_if_not_installed("ggplot2", "3.4.0")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  gradient <- diagnose_distribution(result_fit("infection"), nsim = 5)
  built <- ggplot2::ggplot_build(ggplot2::autoplot(gradient))$data
  expect_true(any(vapply(built, function(d) identical(d$y, gradient$table$estimate), NA)))
})

test_that("what has no picture is refused", {
  fit <- gee(cbind(success, n - success) ~ treatment, infection, clinic, family = binomial())
  expect_snapshot(error = TRUE, {
    plot(fit)
    plot_data(fit)
    plot_data(1)
    plot_data(rank_clusters(result_fit("infection"))[1:2])
  })
})
