effects_fits <- new.env()
effects_of <- function(name) {
  if (is.null(effects_fits[[name]])) {
    effects_fits[[name]] <- switch(name,
      toenail = compare_effects(result_fit("toenail"), gee(
        severe ~ treatment * scheduled, toenail, id = patient, family = binomial(),
        corstr = "exchangeable"
      ))
    )
  }
  effects_fits[[name]]
}

test_that("with an identity link and balanced data all effects coincide", {
  data <- gaussian_data()
  mixed <- glmm(y ~ x + (1 | id), data)
  marginal <- gee(y ~ x, data, id = id, corstr = "exchangeable")
  table <- as.data.frame(compare_effects(mixed, marginal))
  expect_identical(table$conditional, table$marginal)
  # the moment estimate of the correlation is not the likelihood's
  expect_equal(table$gee, table$conditional, tolerance = 0.02)
  expect_identical(table$attenuation, c(1, 1))
  # where x is the same in every cluster the weights do not matter
  data$t <- ave(data$y, data$id, FUN = seq_along)
  table <- as.data.frame(compare_effects(
    glmm(y ~ t + (1 | id), data), gee(y ~ t, data, id = id, corstr = "exchangeable")
  ))
  expect_equal(table$gee, table$conditional, tolerance = 1e-8)
})

test_that("without variance and with independence all coincide, for any link", {
  data <- data.frame(y = rep(0:1, 30), x = sin(1:60), g = rep(1:10, each = 6))
  for (link in c("logit", "probit", "cloglog")) {
    family <- binomial(link)
    mixed <- suppressMessages(glmm(y ~ x + (1 | g), data, family))
    expect_identical(mixed$theta[[1L]], 0)
    table <- compare_effects(mixed, gee(y ~ x, data, id = g, family = family))$table
    expect_equal(table$marginal, table$conditional, tolerance = 1e-10)
    expect_equal(table$gee, table$conditional, tolerance = 1e-6)
  }
})

test_that("the attenuation of a probit model is the closed form", {
  mixed <- glmm(severe ~ scheduled + (1 | patient), toenail, binomial("probit"), nAGQ = 25)
  table <- compare_effects(mixed)$table
  expect_equal(table$attenuation, rep(1 / sqrt(1 + mixed$theta[[1L]]^2), 2), tolerance = 1e-12)
})

test_that("the table has the effects of the models, as ratios where there are any", {
  effects <- effects_of("toenail")
  table <- effects$table
  expect_identical(table$term, names(coef(result_fit("toenail")))[-1L])
  expect_equal(log(table$conditional), unname(coef(effects$glmm)[-1L]))
  expect_equal(log(table$marginal), unname(coef(marginal_coefficients(effects$glmm))[-1L]))
  expect_equal(log(table$gee), unname(coef(effects$gee)[-1L]))
  expect_equal(
    log(table$gee.low), coef_inference(effects$gee)$table$conf.low[-1L]
  )
  plain <- compare_effects(effects$glmm, exponentiate = FALSE)$table
  expect_identical(plain$conditional, unname(coef(effects$glmm)))
  expect_null(plain$gee)
})

# Mean over the curves of clusters, and one of the other curves, by position.
drawn_curves <- function(...) {
  drawn <- plot_data(...)
  of <- function(k) drawn$estimate[as.integer(drawn$curve) == k]
  list(
    x = unique(drawn$x), labels = unique(drawn$label), zero = of(2L), population = of(3L),
    clusters = rowMeans(matrix(of(1L), length(unique(drawn$x))))
  )
}

test_that("the average of the grey curves is the population's", {
  curves <- drawn_curves(effects_of("toenail"), clusters = 4000L)
  expect_equal(curves$clusters, curves$population, tolerance = 1e-3)
  expect_identical(range(curves$x), range(toenail$scheduled))
  bridge <- suppressMessages(update(result_fit("toenail"), random_distribution = "bridge",
    nAGQ = "auto"
  ))
  curves <- drawn_curves(compare_effects(bridge), "treatment", list(scheduled = 1), 4000L)
  expect_equal(curves$clusters, curves$population, tolerance = 1e-3)
  expect_identical(curves$labels, levels(toenail$treatment))
  expect_equal(curves$zero[2L], predict(bridge,
    data.frame(treatment = "terbinafine", scheduled = 1), type = "response",
    random_effects = "zero"
  ), ignore_attr = TRUE)
})

test_that("random slopes and transformed covariates can be drawn", {
  fit <- glmm(seizures ~ treatment + log(base) + (period | subject), epilepsy, poisson(), nAGQ = 1)
  curves <- drawn_curves(compare_effects(fit), "base", list(treatment = "progabide"), 2000L)
  expect_equal(curves$clusters, curves$population, tolerance = 0.05)
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  on.exit({
    grDevices::dev.off()
    unlink(file)
  })
  expect_warning(drawn <- plot(effects_of("toenail"), main = "Toenail"), NA)
  expect_identical(sum(drawn$curve == "population (gee)"), 101L)
  expect_warning(plot(compare_effects(fit), along = "treatment"), NA)
})

test_that("models that do not belong together are refused", {
  mixed <- result_fit("toenail")
  logit <- function(formula, data = toenail, ...) {
    gee(formula, data, id = patient, family = binomial(...))
  }
  expect_snapshot(error = TRUE, {
    compare_effects(1)
    compare_effects(mixed, mixed)
    compare_effects(mixed, logit(severe ~ treatment * scheduled, link = "probit"))
    compare_effects(mixed, logit(severe ~ treatment + scheduled))
    compare_effects(mixed, logit(severe ~ treatment * scheduled, toenail[-1, ]))
    reversed <- transform(toenail, severe = rev(severe))
    compare_effects(mixed, logit(severe ~ treatment * scheduled, reversed))
    plot(compare_effects(mixed), along = "nothing")
  })
})

test_that("overdispersed counts stand beside gee() for counts", {
  data <- epilepsy
  mixed <- suppressMessages(glmm(seizures ~ treatment + (1 | subject), data, nbinom2()))
  marginal <- gee(seizures ~ treatment, data, id = subject, family = poisson())
  effects <- as.data.frame(compare_effects(mixed, marginal, exponentiate = FALSE, intercept = TRUE))
  expect_equal(effects$gee, unname(coef(marginal)))
  expect_equal(effects$marginal, unname(coef(mixed) + c(mixed$theta^2 / 2, 0)))
  expect_error(compare_effects(mixed, gee(seizures ~ treatment, data, id = subject)),
    class = "margmix_error_compare_family"
  )
})

test_that("rows in another order are the same rows", {
  mixed <- glmm(severe ~ scheduled + (1 | patient), toenail, binomial(), nAGQ = 5)
  marginal <- gee(severe ~ scheduled, toenail, id = patient, waves = visit, family = binomial())
  expect_error(compare_effects(mixed, marginal), NA)
})

test_that("data in another order are the same rows, with or without row names", {
  mixed <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(), nAGQ = 5)
  logit <- function(data) {
    gee(severe ~ treatment * scheduled, data, id = patient, family = binomial())
  }
  wanted <- compare_effects(mixed, logit(toenail))$table
  set.seed(4)
  shuffled <- toenail[sample(nrow(toenail)), ]
  expect_silent(effects <- compare_effects(mixed, logit(shuffled)))
  expect_equal(effects$table, wanted, tolerance = 1e-7)
  rownames(shuffled) <- NULL
  expect_silent(compare_effects(mixed, logit(shuffled)))
  # the same responses at other covariates, or with other units, are still told apart
  shuffled$scheduled <- rev(shuffled$scheduled)
  expect_error(compare_effects(mixed, logit(shuffled)), class = "margmix_error_compare_rows")
  shuffled <- toenail[sample(nrow(toenail)), ]
  shuffled$patient <- as.integer(shuffled$patient) %/% 2
  expect_warning(
    compare_effects(mixed, logit(shuffled)), class = "margmix_warning_compare_clusters"
  )
})

test_that("other independent units give a warning", {
  data <- gaussian_data()
  data$pair <- match(data$id, letters) %/% 2
  mixed <- glmm(y ~ x + (1 | id), data)
  expect_warning(
    compare_effects(mixed, gee(y ~ x, data, id = pair)), class = "margmix_warning_compare_clusters"
  )
})

test_that("print says which question each column answers", {
  expect_snapshot({
    effects_of("toenail")
    compare_effects(link_fit("binomial-cloglog", "(1 | g)"))
  })
})

test_that("the title of the picture says where the other covariates are held", {
  held <- held_words(list(arm = factor("control"), age = 45.234))
  expect_identical(held, "arm = control, age = 45.2")
  expect_identical(held_words(list(a = 1, b = TRUE, c = "x", d = 2)), "a = 1, b = TRUE, c = x, ...")
  expect_null(held_words(list()))
})
