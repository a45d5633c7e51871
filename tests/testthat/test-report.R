# report(): its numbers are those of summary().

fits_to_report <- function() {
  list(
    binomial = glmm(
      cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()
    ),
    slopes = glmm(Reaction ~ Days + (Days | Subject), sleep_study(), gaussian(), REML = TRUE),
    counts = glmm(seizures ~ treatment * period + (1 | subject), epilepsy, nbinom2()),
    marginal = gee(
      outcome ~ treat + visit, respiratory, ~ center:id, family = binomial(), corstr = "ex"
    )
  )
}

sleep_study <- function() {
  set.seed(3)
  data <- expand.grid(Days = 0:9, Subject = factor(1:12))
  slope <- rnorm(12, 10, 5)
  data$Reaction <- 250 + rnorm(12, 0, 20)[data$Subject] + slope[data$Subject] * data$Days +
    rnorm(nrow(data), 0, 25)
  data
}

# The numbers after some words of sentences.
numbers_after <- function(words, sentences) {
  found <- regmatches(sentences, regexpr(paste0(words, "-?[0-9][0-9.]*(e[-+][0-9]+)?"), sentences))
  as.numeric(sub("[.]$", "", sub(paste0("^", words), "", found)))
}

test_that("the sentences of coefficients have the numbers of summary()", {
  for (fit in fits_to_report()) {
    table <- summary(fit, level = 0.9)$coefficients
    said <- report(fit, level = 0.9, digits = 6)
    expect_equal(as.data.frame(said), data.frame(term = rownames(table), table, row.names = NULL))
    sentences <- said$sections[[3]][seq_len(nrow(table))]
    has_ratio <- rownames(table) != "(Intercept)" & fit$family$link != "identity"
    expect_equal(grepl("ratio", sentences, fixed = TRUE), has_ratio)
    shown <- function(x) ifelse(has_ratio, exp(x), x)
    expect_equal(numbers_after(": [a-z ]*", sentences), shown(table$estimate), tolerance = 1e-5)
    expect_equal(numbers_after("limits ", sentences), shown(table$conf.low), tolerance = 1e-5)
    expect_equal(numbers_after("[0-9] to ", sentences), shown(table$conf.high), tolerance = 1e-5)
    expect_equal(numbers_after("SE ", sentences), table$std.error, tolerance = 1e-5)
    expect_equal(numbers_after("[tz] = ", sentences), round(table$statistic, 2))
    expect_equal(numbers_after("coefficient ", sentences), table$estimate[has_ratio],
      tolerance = 1e-5
    )
    expect_equal(grepl("p < 0.0001", sentences, fixed = TRUE), table$p.value < 1e-4)
  }
})

test_that("the other sections have the numbers of summary() too", {
  fits <- fits_to_report()
  own <- summary(fits$slopes)
  said <- report(fits$slopes, digits = 5)$sections
  expect_equal(numbers_after("(deviation|correlation|is) ", said[[4]]),
    as.data.frame(own$varcor)$sdcor,
    tolerance = 1e-4
  )
  expect_match(said$Model[1], "restricted maximum likelihood (REML)", fixed = TRUE)
  own <- summary(fits$marginal, vcov = "MD")
  said <- report(fits$marginal, vcov = "MD", digits = 5)$sections
  moments <- c(own$correlation$estimate, own$scale$estimate)
  expect_equal(numbers_after(": ", said[[4]]), moments, tolerance = 1e-4)
  expect_equal(said[["Standard errors"]], sub("SE:", "They are", own$words))
})

test_that("a report is text, Markdown or HTML", {
  fit <- fits_to_report()$counts
  said <- report(fit)
  expect_lte(max(nchar(format(said))), 80L)
  html <- format(report(fit, type = "html"))
  expect_equal(sum(grepl("<li>", html)), length(unlist(said$sections)))
  expect_false(any(grepl("`", html, fixed = TRUE)))
  markdown <- format(said, "markdown")
  listed <- sub("^- ", "", grep("^- ", markdown, value = TRUE))
  expect_equal(listed, unlist(said$sections, use.names = FALSE))
  expect_error(report(fit, type = "pdf"), class = "margmix_error_argument")
  expect_error(report(fit, robust = TRUE), class = "margmix_error_argument")
})

test_that("warnings and notes of a fit are among its checks, and aliased coefficients are named", {
  data <- transform(infection, other = 1 - (treatment == "drug"))
  fit <- suppressWarnings(suppressMessages(
    glmm(cbind(success, n - success) ~ treatment + other + (1 | clinic), data, binomial())
  ))
  said <- report(fit)$sections
  expect_match(said[[3]], "`other` is aliased", all = FALSE)
  expect_true(all(gsub("\n *", " ", unname(summary(fit)$remarks)) %in% said$Checks))
})

test_that("reports read well", {
  fits <- fits_to_report()
  expect_snapshot(report(fits$binomial))
  expect_snapshot(report(fits$marginal, vcov = "robust", df = Inf))
})
