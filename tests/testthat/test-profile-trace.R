# Profiles of the likelihood: profile() of a fit.

fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
  nAGQ = 25
)

test_that("at each point the other parameters are at their maximum", {
  traced <- profile(fit, "treatmentdrug", points = 3, df = Inf)
  expect_identical(nrow(traced), 7L)
  held <- vapply(traced$.focal, function(b) {
    infection$held <- b * (infection$treatment == "drug")
    as.numeric(logLik(glmm(cbind(success, n - success) ~ 1 + offset(held) + (1 | clinic),
      infection, binomial(), nAGQ = 25
    )))
  }, 0)
  expect_equal(traced$logLik, held, tolerance = 1e-9)
  expect_equal(traced$.zeta, sign(traced$.focal - fixef(fit)[[2]]) *
    sqrt(2 * (as.numeric(logLik(fit)) - held)), tolerance = 1e-5)
  expect_equal(range(traced$.zeta), qnorm(c(.005, .995)), tolerance = 1e-6)
})

test_that("lme4 has the same profiles, of standard deviations too", {
  skip_if_not_installed("lme4")
  data("sleepstudy", package = "lme4", envir = environment())
  ours <- profile(glmm(Reaction ~ Days + (Days | Subject), sleepstudy))
  peer <- lme4::lmer(Reaction ~ Days + (Days | Subject), sleepstudy, REML = FALSE)
  theirs <- as.data.frame(profile(peer, which = c(1, 6), signames = FALSE))
  for (name in c("Days", "sd_(Intercept)|Subject")) {
    points <- theirs[theirs$.par == name, ]
    mine <- ours[ours$.par == name, ]
    expect_equal(splinefun(points[[name]], points$.zeta)(mine$.focal), mine$.zeta,
      tolerance = 5e-4, label = name
    )
  }
})

test_that("intervals between the points are near those that are searched", {
  traced <- profile(fit)
  expect_equal(unclass(confint(traced)), unclass(confint(fit, "all", method = "profile")),
    tolerance = 1e-4, ignore_attr = TRUE
  )
  expect_identical(rownames(confint(traced, 2, level = 0.5)), "treatmentdrug")
  expect_error(confint(traced, level = 0.999), class = "margmix_error_argument")
})

test_that("a standard deviation that may be zero, an aliased coefficient, restricted fits", {
  set.seed(4)
  d <- data.frame(g = rep(1:12, each = 5), x = rnorm(60))
  d$y <- rnorm(60) + 0.3 * rnorm(12)[d$g]
  d$twice <- 2 * d$x
  small <- suppressWarnings(suppressMessages(glmm(y ~ x + twice + (1 | g), d)))
  traced <- profile(small, points = 3)
  expect_identical(levels(traced$.par), c("(Intercept)", "x", "sd_(Intercept)|g", "sigma"))
  sd <- traced[traced$.par == "sd_(Intercept)|g", ]
  expect_identical(min(sd$.focal), 0)
  alone <- logLik(lm(y ~ x, d))
  expect_equal(sd$logLik[sd$.focal == 0], as.numeric(alone), tolerance = 1e-8)
  expect_identical(confint(traced)["sd_(Intercept)|g", 1], 0)

  # a standard deviation that is searched by its logarithm, and may be zero
  equal <- suppressMessages(glmm(y ~ x + cs(x | g), d))
  traced <- suppressWarnings(profile(equal, "sd_", points = 3))
  expect_identical(confint(traced)["sd_x|g", 1], 0)
  expect_identical(suppressWarnings(confint(equal, "sd_", method = "profile"))["sd_x|g", 1], 0)

  restricted <- suppressMessages(glmm(y ~ x + (1 | g), d, REML = TRUE))
  traced <- profile(restricted)
  expect_equal(unclass(confint(traced)), unclass(confint(restricted, "all", method = "profile")),
    tolerance = 1e-3, ignore_attr = TRUE
  )
  expect_output(print(traced), "by the restricted likelihood")
})

test_that("arguments, table and pictures", {
  expect_error(profile(fit, "age"), class = "margmix_error_parm")
  expect_error(profile(fit, points = 1), class = "margmix_error_argument")
  expect_error(profile(fit, level = 2), class = "margmix_error_argument")
  traced <- profile(fit, points = 2)
  expect_identical(class(as.data.frame(traced)), "data.frame")
  drawn <- plot_data(traced)
  expect_identical(drawn$estimate, traced$.zeta)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  before <- graphics::par("mfrow")
  expect_s3_class(plot(traced), "margmix_profile_picture")
  expect_identical(graphics::par("mfrow"), before)
  skip_if_not_installed("ggplot2")
  expect_s3_class(ggplot2::autoplot(traced), "ggplot")
})
