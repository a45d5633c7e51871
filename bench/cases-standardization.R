# S1: the population's risk difference with its standard error, random effects integrated out, from
# a fit of P1. The fits are made beforehand and are not timed.

s1_formula <- sim_formula("1")

# GLMMadaptive is fitted with fewer points than the 25 of P1, which would take minutes; what follows
# the fit does not depend on their number. Of the 100 draws of parameters that its standard error
# takes by default it is given 5, each a Monte Carlo average over all rows: 100 take an hour.
s1_data <- function(shrink) {
  set.seed(20240501)
  data <- simclus(10000L %/% shrink, 10L)
  fits <- list(
    data = data,
    margmix = margmix::glmm(s1_formula, data, binomial(),
      nAGQ = 25L, control = margmix::glmm_control(threads = 1L)
    )
  )
  if (requireNamespace("GLMMadaptive", quietly = TRUE)) {
    fits$GLMMadaptive <- GLMMadaptive::mixed_model(
      reformulas::nobars(s1_formula), random = ~ 1 | id, data = data, family = binomial(), nAGQ = 7L
    )
  }
  fits
}

# The risk difference that marginal coefficients imply.
s1_difference <- function(gamma, data) {
  X <- model.matrix(reformulas::nobars(s1_formula)[-2], data)
  risk <- function(a) {
    X[, "treatment"] <- a
    mean(plogis(X %*% gamma))
  }
  risk(1) - risk(0)
}

s1_fits <- list(
  margmix = function(fits) {
    result <- margmix::marginal_standardization(fits$margmix, "treatment", contrast = "difference")
    c(result$contrasts$estimate, result$contrasts$std.error)
  },
  GLMMadaptive = function(fits) {
    result <- GLMMadaptive::marginal_coefs(fits$GLMMadaptive,
      std_errors = TRUE, K = 5L, cores = 1L
    )
    c(s1_difference(result$betas, fits$data), result$coef_table["treatment", "Std.Err"])
  },
  "marginaleffects, predictions of margmix" = function(fits) {
    old <- options(marginaleffects_model_classes = "margmix_glmm")
    on.exit(options(old))
    result <- marginaleffects::avg_comparisons(
      fits$margmix, variables = "treatment", random_effects = "integrate"
    )
    c(result$estimate, result$std.error)
  }
)
s1_targets <- c(GLMMadaptive = 50, "marginaleffects, predictions of margmix" = 50)

# Version 1.0 of marginaleffects calls this operator, which R has had since 4.4; a namespace finds
# what base R has not in the global environment.
if (getRversion() < "4.4.0") {
  assign("%||%", function(x, y) if (is.null(x)) y else x, envir = globalenv())
}

# Four exposure levels in two subgroups: standardized means and contrasts with both covariances must
# take less than the fit.
s2_formula <- y ~ arm + t + x1 + x2 + x3 + x4 + sex + (1 | id)
s2_data <- function(shrink) {
  set.seed(20240501)
  data <- simclus(10000L %/% shrink, 10L)
  data$arm <- factor(letters[1L + data$id %% 4L])
  data$sex <- factor(ifelse(data$x3 > 0, "f", "m"))
  list(data = data, fit = s2_fit(data))
}
s2_fit <- function(data) {
  margmix::glmm(s2_formula, data, binomial(), control = margmix::glmm_control(threads = 1L))
}
s2_standardize <- function(fit) {
  result <- margmix::marginal_standardization(fit, "arm", by = "sex")
  stopifnot(nrow(result$means) == 8L, !anyNA(vcov(result, "means", covariates = "fixed")))
  result
}

list(
  S1 = list(
    work = "risk difference with SE after P1, random effects integrated",
    data = s1_data, fits = s1_fits, targets = s1_targets,
    read = function(value, package) {
      of <- if (package == "GLMMadaptive") " of the log odds ratio, 5 draws"
      detail <- paste0(sprintf("risk difference %.5f, SE %.5f", value[1], value[2]), of)
      list(estimate = value[1], se = value[2], detail = detail)
    }
  ),
  S2 = list(
    work = paste(
      "100,000 rows: 4 exposure levels in 2 subgroups, both covariances; the fit,", "and beside it"
    ),
    data = s2_data, at_most = TRUE,
    fits = list(
      margmix = function(data) s2_fit(data$data),
      "margmix, standardization" = function(data) s2_standardize(data$fit)
    ),
    targets = c("margmix, standardization" = 1), peer_runs = 7L,
    read = function(value, package) list(estimate = NA_real_, se = NA_real_)
  )
)
