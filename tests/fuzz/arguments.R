# Calls of exported functions and methods with one argument replaced by a value that it may not
# have. Each must end in a condition of the package, or in an answer.
#
#   Rscript tests/fuzz/arguments.R          all calls, of which those that end otherwise are printed
#   Rscript tests/fuzz/arguments.R taken    also those that took the value, to be read
#
# tests/testthat/test-arguments.R runs a part of them.

argument_values <- list(
  `NA` = NA, `NULL` = NULL, `Inf` = Inf, `-1` = -1, `"a"` = "a", `character()` = character(),
  `list()` = list(), `a function` = function(x, ...) NULL, `a data frame` = data.frame(q = 1:2)
)

#' Data and fits that the calls are about
#' @return An environment.
argument_objects <- function() {
  home <- new.env(parent = globalenv())
  set.seed(5)
  sys.eval <- function(expr) suppressMessages(suppressWarnings(eval(expr, home)))
  sys.eval(quote({
    library(margmix)
    d <- expand.grid(visit = 1:4, id = 1:30)
    d$arm <- factor(ifelse(d$id %% 2 == 0, "B", "A"))
    d$x <- round(stats::rnorm(120), 2)
    d$time <- d$visit
    d$counts <- stats::rpois(120, exp(0.3 + 0.2 * d$x + stats::rnorm(30, 0, 0.5)[d$id]))
    d$y <- as.numeric(d$counts > 1)
    d$z <- d$x + stats::rnorm(30)[d$id] + stats::rnorm(120)
    w <- stats::runif(120, 1, 2)
    fit <- glmm(y ~ arm + x + (1 | id), d, stats::binomial())
    small <- glmm(y ~ arm + (1 | id), d, stats::binomial())
    linear <- glmm(z ~ arm + x + (1 | id), d)
    rates <- glmm(counts ~ arm + x + (1 | id), d, stats::poisson())
    sloped <- glmm(z ~ arm + x + (x | id), d)
    marginal <- gee(y ~ arm + x, d, id = id, family = stats::binomial(), corstr = "exchangeable")
    less <- gee(y ~ arm, d, id = id, family = stats::binomial(), corstr = "exchangeable")
    means <- marginal_standardization(fit, "arm")
    both <- marginal_standardization(fit, "arm", by = "visit")
    ratios <- odds_ratios(fit)
    effects <- compare_effects(fit, marginal)
    ranks <- rank_clusters(fit)
    curves <- profile(fit, which = "x", points = 2)
    exact <- conditional_logistic(y ~ x, d, id)
    mass <- mass_points(small, points = 2)
    slopes <- marginal_coefficients(fit)
    icc <- intraclass_correlation(fit)
    words <- report(fit)
    modes <- ranef(fit)
    sds <- VarCorr(fit)
    drawn <- plot_data(ratios)
    G <- matrix(stats::rbinom(30 * 6, 2, 0.3), 30, dimnames = list(1:30, paste0("v", 1:6)))
    null <- glmm(z ~ x + (1 | id), d)
    hits <- association_scan(null, G, progress = FALSE)
    folder <- tempfile("shards")
    dir.create(folder)
    files <- file.path(folder, c("one.rds", "two.rds"))
    saveRDS(d[d$id <= 15, ], files[1])
    saveRDS(d[d$id > 15, ], files[2])
    whole <- shards(files, id = "id")
    step <- data.frame(
      id = rep(1:6, each = 12), period = rep(rep(1:4, each = 3), 6), start = rep(1:3 + 1, each = 12)
    )
    step$exposed <- exposure_time(step$period, start = step$start)
    step$y <- stats::rnorm(72) + step$exposed + stats::rnorm(6)[step$id]
    wedge <- glmm(y ~ factor(period) + factor(exposed) + (1 | id), step)
    field <- data.frame(east = stats::runif(30), north = stats::runif(30))
    resamples <- bootstrap(linear, B = 5, seed = 1)
    checked <- diagnose_convergence(fit)
  }))
  home
}

#' Calls that work; each of their arguments is replaced in turn
argument_calls <- function() {
  list(
    quote(glmm(y ~ arm + x + (1 | id), data = d, family = stats::binomial())),
    quote(gee(y ~ arm + x, data = d, id = id, family = stats::binomial(), corstr = "ar1")),
    quote(glmm_control()), quote(gee_control()),
    quote(beta_family()), quote(betabinomial()), quote(nbinom1()), quote(nbinom2()),
    quote(t_effects()), quote(cor_mdependent()), quote(cor_fixed(R = diag(4))),
    quote(survey_weights(rows = w)),
    quote(glmm(y ~ x + (1 | id), data = d, weights = survey_weights(w))),
    quote(mass_points(small)), quote(conditional_logistic(y ~ x, data = d, group = id)),
    quote(within_cluster(d$x, d$id)), quote(between_cluster(d$x, d$id)),
    quote(shards(files, id = "id")), quote(reshard(files, "id", tempfile("new"))),
    quote(export_patterns(d, y ~ arm + (1 | id))),
    quote(patterns(files)),
    quote(report(fit)), quote(summary(fit)), quote(summary(marginal)), quote(summary(means)),
    quote(odds_ratios(fit)), quote(odds_ratios(marginal)), quote(rate_ratios(rates)),
    quote(vcov(fit)), quote(vcov(marginal)), quote(vcov(means)),
    quote(confint(fit)), quote(confint(marginal)), quote(confint(means)), quote(confint(curves)),
    quote(confint(exact)), quote(confint(slopes)), quote(confint(resamples)),
    quote(profile(fit, which = "x", points = 2)),
    quote(anova(fit)), quote(anova(small, fit)), quote(anova(marginal)),
    quote(anova(less, marginal)), quote(VarCorr(fit)), quote(drop1(fit)),
    quote(add1(small, ~ . + x)), quote(drop1(marginal)),
    quote(qic(marginal, less)), quote(bootstrap(linear, B = 3)), quote(refit(fit, d$y)),
    quote(marginal_standardization(fit, "arm")), quote(marginal_standardization(marginal, "arm")),
    quote(coef(means)), quote(coef(fit)), quote(coef(summary(fit))),
    quote(compare_effects(fit, marginal)), quote(interaction_contrasts(both)),
    quote(exposure_effects(wedge)), quote(exposure_time(step$period, start = step$start)),
    quote(marginal_coefficients(fit)), quote(marginal_covariance(fit)),
    quote(intraclass_correlation(fit)), quote(test_informative_size(fit, "arm")),
    quote(ranef(fit)), quote(ranef(sloped)), quote(rank_clusters(fit)), quote(plot_shrinkage(fit)),
    quote(cluster_coefficients(fit)), quote(ngrps(fit)), quote(isSingular(fit)), quote(fixef(fit)),
    quote(predict(fit)), quote(predict(fit, newdata = d)), quote(predict(marginal)),
    quote(predict(marginal, newdata = d)),
    quote(predict(sloped, newdata = d, interval = "confidence")),
    quote(fitted(fit)), quote(fitted(marginal)), quote(residuals(fit)), quote(residuals(marginal)),
    quote(simulate(fit)), quote(simulate(marginal)), quote(influence(linear)),
    quote(cooks.distance(linear)), quote(dfbeta(linear)), quote(hatvalues(linear)),
    quote(rstudent(linear)), quote(weights(fit)), quote(sigma(fit)),
    quote(diagnose_convergence(fit)), quote(diagnose_dependence(null, field, nsim = 9)),
    quote(diagnose_distribution(fit, nsim = 9)), quote(diagnose_endogeneity(fit)),
    quote(diagnose_integration(fit)), quote(diagnose_overdispersion(rates, nsim = 9)),
    quote(compare_distributions(small)),
    quote(association_scan(null, G, progress = FALSE)),
    quote(association_sets(null, G, list(a = 1:3))), quote(kinship_matrix(G)),
    quote(genomic_inflation(hits$p)),
    quote(component(fit, "beta")), quote(component(marginal, "beta")), quote(getME(fit, "X")),
    quote(tidy(fit)), quote(tidy(marginal)), quote(tidy(means)), quote(tidy(exact)),
    quote(tidy(slopes)), quote(tidy(ratios)),
    quote(glance(fit)), quote(glance(marginal)), quote(glance(means)), quote(augment(fit)),
    quote(augment(marginal)), quote(logLik(fit)), quote(logLik(marginal)), quote(AIC(fit)),
    quote(BIC(fit)), quote(deviance(fit)), quote(nobs(fit)), quote(update(fit)),
    quote(formula(fit)), quote(terms(fit)), quote(model.frame(fit)), quote(model.matrix(fit)),
    quote(as.data.frame(ratios)), quote(as.data.frame(means)), quote(as.data.frame(effects)),
    quote(as.data.frame(curves)), quote(as.data.frame(modes)), quote(as.data.frame(sds)),
    quote(as.data.frame(words)), quote(as.data.frame(slopes)), quote(as.data.frame(icc)),
    quote(plot_data(fit)), quote(plot_data(means)), quote(plot_data(effects)),
    quote(plot_data(ranks)), quote(plot_data(curves)), quote(plot_data(modes)),
    quote(plot_data(hits)), quote(plot_data(ratios)), quote(plot_data(checked)),
    quote(plot(fit)), quote(plot(means)), quote(plot(effects)), quote(plot(ranks)),
    quote(plot(curves)), quote(plot(modes)), quote(plot(hits)), quote(plot(ratios)),
    quote(plot(checked)), quote(plot(drawn)),
    quote(print(fit)), quote(print(marginal)), quote(print(means)), quote(print(summary(fit))),
    quote(print(ratios)), quote(print(effects)), quote(print(ranks)), quote(print(words)),
    quote(print(modes)), quote(print(sds)), quote(print(slopes)), quote(print(resamples)),
    quote(print(icc)), quote(print(exact)), quote(print(mass)), quote(print(curves)),
    quote(print(checked)), quote(print(summary(marginal))), quote(print(marginal_covariance(fit))),
    quote(print(qic(marginal, less))), quote(print(confint(fit))),
    quote(print(diagnose_endogeneity(fit))), quote(print(compare_distributions(small))),
    quote(print(exposure_effects(wedge))), quote(print(interaction_contrasts(both)))
  )
}

#' Arguments of the function or method that a call reaches
argument_function <- function(call, home) {
  name <- as.character(call[[1L]])
  found <- get(name, home)
  object <- tryCatch(eval(call[[2L]], home), error = function(e) NULL)
  for (class in c(class(object), "default")) {
    method <- utils::getS3method(name, class, optional = TRUE, envir = asNamespace("margmix"))
    if (is.function(method)) found <- method
    if (is.function(method)) break
  }
  found
}

#' How a call ends
#' @return One word: `margmix`, an error of the package; `other`, another error or an unclassed
#'   warning; `taken`; `slow`. With it what it said or returned.
argument_outcome <- function(call, home, seconds = 20) {
  said <- NULL
  outcome <- function(word, text) data.frame(outcome = word, text = text)
  tryCatch({
    setTimeLimit(elapsed = seconds, transient = TRUE)
    utils::capture.output(value <- withCallingHandlers(
      eval(call, home),
      warning = function(w) {
        if (!inherits(w, "margmix_warning")) said <<- c(said, conditionMessage(w))
        invokeRestart("muffleWarning")
      },
      message = function(m) invokeRestart("muffleMessage")
    ))
    setTimeLimit()
    if (length(said)) return(outcome("other", paste("warning:", said[1L])))
    outcome("taken", paste0(class(value)[1L], ": ", substr(deparse(value)[1L], 1L, 60L)))
  }, error = function(e) {
    setTimeLimit()
    if (inherits(e, "margmix_error")) return(outcome("margmix", conditionMessage(e)))
    slow <- grepl("time limit", conditionMessage(e))
    outcome(if (slow) "slow" else "other", conditionMessage(e))
  })
}

with_argument <- function(call, name, value) {
  call <- as.list(call)
  call[name] <- list(value)
  as.call(call)
}

#' Every call with every argument replaced
#' @param each Keep one in so many of the replacements, from `first` on.
argument_cases <- function(home, each = 1L, first = 1L) {
  cases <- list()
  for (call in argument_calls()) {
    reached <- argument_function(call, home)
    known <- setdiff(names(formals(reached)), "...")
    places <- seq_along(known)
    # what another package's generic says of objects that it does not know is its own
    if (!is_own(call[[1L]], home)) places <- places[-1L]
    for (place in places) {
      for (value in names(argument_values)) {
        cases <- c(cases, list(list(
          call = with_argument(match.call(reached, call), known[place], argument_values[[value]]),
          shown = expression_of(call), argument = known[place], value = value
        )))
      }
    }
  }
  cases[seq(first, length(cases), by = each)]
}

is_own <- function(name, home) {
  identical(environment(eval(name, home)), asNamespace("margmix"))
}

expression_of <- function(call) paste(deparse(call, width.cutoff = 500L), collapse = " ")

run_arguments <- function(cases, home) {
  old <- setwd(tempdir()) # some values are names of files that are written
  on.exit(setwd(old))
  do.call(rbind, lapply(cases, function(case) {
    cbind(
      data.frame(call = case$shown, argument = case$argument, value = case$value),
      argument_outcome(case$call, home)
    )
  }))
}

main <- function() {
  grDevices::pdf(NULL)
  home <- argument_objects()
  rows <- run_arguments(argument_cases(home), home)
  print(table(rows$outcome))
  show <- if ("taken" %in% commandArgs(TRUE)) c("other", "slow", "taken") else c("other", "slow")
  rows <- rows[rows$outcome %in% show, ]
  cat(sprintf("%s: %s, %s = %s\n    %s\n", rows$outcome, rows$call, rows$argument, rows$value,
    rows$text
  ), sep = "")
  if (any(rows$outcome != "taken")) stop("calls that end in no condition of the package")
}

if (any(grepl("^--file=.*arguments[.]R$", commandArgs()))) main()
