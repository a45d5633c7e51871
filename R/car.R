# Methods for package car, registered when it is loaded: its own are chi-square tests, or F tests
# with one number of degrees of freedom from df.residual().

#' @rdname other-packages
#' @param model,mod A fit of [glmm()] or [gee()].
#' @param hypothesis.matrix,rhs As in `car::linearHypothesis()`.
#' @param test,test.statistic `"F"`, with the degrees of freedom of the package, or `"Chisq"`.
#' @param error.df Denominator degrees of freedom; by default as in `anova()`.
#' @exportS3Method car::linearHypothesis
linearHypothesis.margmix_fit <- function(model, hypothesis.matrix, rhs = NULL,
                                         test = c("F", "Chisq"), vcov. = NULL, error.df = NULL,
                                         ...) {
  check_dots(..., known = names(formals(linearHypothesis.margmix_fit)))
  test <- one_of(test, c("F", "Chisq"), "test")
  linear <- linear_hypothesis(names(model$beta), hypothesis.matrix, rhs)
  inference <- car_inference(model, vcov., test, error.df)
  found <- with_rhs(
    wald_test(list(large = model, C = linear$C), inference), linear, model, inference
  )
  q <- found$df1
  table <- data.frame(
    Res.Df = c(found$df2 + q, found$df2), Df = c(NA, q), value = c(NA, found$statistic),
    p = c(NA, found$p.value)
  )
  table <- car_table(table, test)
  words <- wald_words(model, inference, list(found))
  structure(table,
    heading = wrap_lines(c("Linear hypothesis test", linear$text, "", words, "")),
    value = linear$C %*% model$beta - linear$rhs,
    vcov = linear$C %*% inference$covariance$vcov %*% t(linear$C)
  )
}

# C beta = rhs, from text as car reads it or from a matrix.
linear_hypothesis <- function(names, hypothesis, rhs) {
  if (is.character(hypothesis)) {
    both <- car::makeHypothesis(names, hypothesis, rhs)
    both <- matrix(both, length(hypothesis))
    p <- length(names)
    return(list(C = both[, seq_len(p), drop = FALSE], rhs = both[, p + 1L], text = hypothesis))
  }
  C <- if (is.matrix(hypothesis)) hypothesis else t(hypothesis)
  if (!is.numeric(C) || ncol(C) != length(names)) {
    abort("argument", "`hypothesis.matrix` must have a column for each estimated coefficient.",
      given = paste(ncol(C), "columns"), hint = paste0("They are ", some_of(code(names), 12L), ".")
    )
  }
  list(C = C, rhs = rep_len(rhs %||% 0, nrow(C)), text = paste(nrow(C), "linear hypotheses"))
}

car_inference <- function(fit, vcov., test, error.df) {
  df <- if (test == "Chisq") Inf else error.df %||% "default"
  wald_inference(fit, client_vcov(fit, vcov.), df, list(count = NULL, seed = 1))
}

#' The test of C beta = rhs
#'
#' Every statistic but a drawn one is proportional to (C beta - rhs)'(C V C')^-1 (C beta - rhs).
#'
#' @param found The test of C beta = 0.
#' @noRd
with_rhs <- function(found, linear, fit, inference) {
  if (all(linear$rhs == 0)) return(found)
  if (!is.null(found$count)) {
    abort("argument",
      "With so few clusters the right-hand side of a joint hypothesis must be zero.",
      given = some_of(linear$rhs), hint = "Test the hypotheses one by one."
    )
  }
  V <- linear$C %*% inference$covariance$vcov %*% t(linear$C)
  off <- drop(linear$C %*% fit$beta) - linear$rhs
  ratio <- sum(off * solve(V, off)) / wald_statistic(fit$beta, linear$C, inference$covariance$vcov)
  found$statistic <- found$statistic * ratio
  found$p.value <- stats::pf(found$statistic, found$df1, found$df2, lower.tail = FALSE)
  found
}

# Columns as car names them.
car_table <- function(table, test) {
  if (test == "Chisq") {
    table$value <- table$value * table$Df
    table$Res.Df <- NULL
  }
  names(table)[names(table) == "value"] <- test
  names(table)[names(table) == "p"] <- paste0("Pr(>", test, ")")
  structure(table, class = c("anova", "data.frame"))
}

#' @rdname other-packages
#' @param type `"II"` or `"III"`, or their numbers.
#' @exportS3Method car::Anova
Anova.margmix_fit <- function(mod, type = c("II", "III"), test.statistic = c("F", "Chisq"),
                              vcov. = NULL, error.df = NULL, ...) {
  check_dots(..., known = names(formals(Anova.margmix_fit)))
  test <- one_of(test.statistic, c("F", "Chisq"), "test.statistic")
  if (is.numeric(type)) type <- strrep("I", type)
  type <- one_of(type, c("II", "III"), "type")
  inference <- car_inference(mod, vcov., test, error.df)
  tests <- term_hypotheses(mod)$tests
  if (type == "II") tests <- marginal_to_relatives(tests, mod, inference$covariance$vcov)
  found <- lapply(tests, wald_test, inference)
  column <- function(name) vapply(found, function(x) as.numeric(x[[name]]), 0)
  table <- data.frame(
    value = column("statistic"), Df = column("df1"), Res.Df = column("df2"), p = column("p.value"),
    row.names = vapply(tests, `[[`, "", "label")
  )
  structure(car_table(table, test), heading = wrap_lines(c(
    paste0("Wald tests of terms, type ", type), wald_words(mod, inference, found), ""
  )))
}

#' Contrasts of type II
#'
#' A term is tested without the terms that contain it: with b_r the coefficients of these, of the
#' part of b_t that is uncorrelated with them, b_t - V_tr V_rr^-1 b_r.
#'
#' @param tests From [term_hypotheses()].
#' @return `tests` with other matrices `C`.
#' @noRd
marginal_to_relatives <- function(tests, fit, V) {
  factors <- attr(fixed_terms(fit$design), "factors") > 0
  assign <- column_terms(fit$design)
  lapply(seq_along(tests), function(term) {
    test <- tests[[term]]
    relatives <- which(colSums(factors & factors[, term]) == sum(factors[, term]))
    r <- which(assign %in% setdiff(relatives, term))
    if (length(r)) {
      test$C[, r] <- -test$C %*% V[, r] %*% solve(V[r, r])
    }
    test
  })
}

#' @rdname other-packages
#' @param g.,func,constants,envir As in `car::deltaMethod()`.
#' @exportS3Method car::deltaMethod
deltaMethod.margmix_fit <- function(object, g., vcov. = NULL, func = g., constants, level = 0.95,
                                    rhs = NULL, ..., envir = parent.frame()) {
  V <- client_vcov(object, vcov.)
  covariance <- chosen_vcov(object, V)
  arguments <- list(object$beta, g., covariance$vcov, func = func, level = level, rhs = rhs, ...)
  if (!missing(constants)) arguments$constants <- constants
  out <- do.call(car::deltaMethod, c(arguments, list(envir = envir)))
  used <- all.vars(parse(text = gsub("(Intercept)", "Intercept", g., fixed = TRUE)))
  concerned <- which(gsub("(Intercept)", "Intercept", names(object$beta), fixed = TRUE) %in% used)
  df <- smallest_df(object, V, concerned)
  out[[3L]] <- out$Estimate - stats::qt((1 + level) / 2, df) * out$SE
  out[[4L]] <- out$Estimate + stats::qt((1 + level) / 2, df) * out$SE
  if (is.null(rhs)) return(out)
  names(out)[6:7] <- c("t value", "Pr(>|t|)")
  out[["Pr(>|t|)"]] <- 2 * stats::pt(-abs(out[["t value"]]), df)
  out
}

#' @rdname other-packages
#' @param estimate `TRUE` for a column with the estimates.
#' @exportS3Method car::Confint
Confint.margmix_fit <- function(object, estimate = TRUE, level = 0.95, vcov. = NULL, ...) {
  limits <- stats::confint(object, level = level, vcov = client_vcov(object, vcov.), ...)
  limits <- matrix(limits, nrow(limits), dimnames = dimnames(limits))
  if (estimate) cbind(Estimate = object$coefficients, limits) else limits
}
