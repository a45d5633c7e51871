# Examples of other packages' help pages, run there and here

examples <- new.env(parent = globalenv())
sys.source(system.file("examples", "peer-examples.R", package = "margmix"), examples)

evaluated <- function(call, data) {
  frame <- list2env(list(d = data), parent = asNamespace("margmix"))
  suppressWarnings(suppressMessages(eval(call, frame)))
}

# Estimates, standard errors (of geepack: sandwich) and log-likelihood of a fit of any package.
peer_numbers <- function(fit) {
  if (inherits(fit, "margmix_glmm")) {
    return(list(beta = coef(fit), V = vcov(fit, type = "model"), logLik = as.numeric(logLik(fit))))
  }
  if (inherits(fit, "margmix_gee")) return(list(beta = coef(fit), V = vcov(fit, type = "robust")))
  if (inherits(fit, "geese")) return(list(beta = fit$beta, V = fit$vbeta))
  if (inherits(fit, "geeglm")) return(list(beta = coef(fit), V = vcov(fit)))
  logLik <- as.numeric(stats::logLik(fit))
  if (inherits(fit, "glmmTMB")) {
    return(list(beta = glmmTMB::fixef(fit)$cond, V = stats::vcov(fit)$cond, logLik = logLik))
  }
  if (inherits(fit, "MixMod")) {
    beta <- GLMMadaptive::fixef(fit)
    return(list(beta = beta, V = stats::vcov(fit)[names(beta), names(beta)], logLik = logLik))
  }
  list(beta = lme4::fixef(fit), V = as.matrix(stats::vcov(fit)), logLik = logLik)
}

# Largest difference of the estimates in standard errors, and of these in per cent of theirs.
distance <- function(ours, theirs) {
  se <- sqrt(diag(theirs$V))
  c(
    beta = max(abs(ours$beta - theirs$beta) / se),
    se = max(abs(sqrt(diag(ours$V)) / se - 1)),
    logLik = if (is.null(theirs$logLik)) 0 else ours$logLik - theirs$logLik
  )
}

# Peers stop their searches earlier: their estimates are within a few thousandths of a standard
# error of the maximum, and their log-likelihood is not higher.
expect_close <- function(ours, theirs, name, likelihood = TRUE) {
  d <- distance(ours, theirs)
  expect_lt(d[["beta"]], 0.01, label = paste(name, "estimates"))
  expect_lt(d[["se"]], 0.02, label = paste(name, "standard errors"))
  if (likelihood) {
    expect_gt(d[["logLik"]], -1e-5, label = paste(name, "logLik"))
    expect_lt(d[["logLik"]], 0.01, label = paste(name, "logLik"))
  }
}

expect_near <- function(ours, theirs, name) {
  d <- distance(ours, theirs)
  expect_lt(d[["beta"]], 0.25, label = paste(name, "estimates"))
  expect_lt(d[["se"]], 0.03, label = paste(name, "standard errors"))
  expect_lt(abs(d[["logLik"]]), 0.05, label = paste(name, "logLik"))
}

compare_example <- function(example, name) {
  data <- example$data()
  if (example$same == "refused") {
    expect_error(evaluated(example$here, data), class = "margmix_error", label = name)
    if (is.null(example$instead)) return(invisible())
  }
  theirs <- peer_numbers(evaluated(example$there, data))
  if (!is.null(example$instead)) {
    expect_close(peer_numbers(evaluated(example$instead, data)), theirs, name)
  }
  if (example$same == "refused") return(invisible())
  ours <- peer_numbers(evaluated(example$here, data))
  switch(example$same,
    differs = expect_gt(max(abs(distance(ours, theirs))), 1e-4, label = name),
    nearly = expect_near(ours, theirs, name),
    expect_close(ours, theirs, name, likelihood = example$same == "all")
  )
}

packages <- sub("::.*", "", vapply(examples$peer_examples, `[[`, "", "page"))

for (package in unique(packages)) {
  test_that(paste("examples of", package, "give its numbers, or the reason is known"), {
    skip_on_cran()
    skip_if_not_installed(package)
    chosen <- examples$peer_examples[packages == package]
    for (name in names(chosen)) compare_example(chosen[[name]], name)
  })
}

test_that("every example that differs or is refused has its reason", {
  same <- vapply(examples$peer_examples, `[[`, "", "same")
  expect_setequal(same, c("all", "but logLik", "nearly", "differs", "refused"))
  for (example in examples$peer_examples[same != "all"]) expect_true(nzchar(example$why))
})
