# One model, many responses: Newton steps from the old estimates with the exact Hessian.

#' Fit a model to the response of a design
#'
#' Full steps from the estimates of `fit`, at its rule. Where they do not end at a maximum, all
#' stages of a fit are gone through.
#'
#' @param design A design of the same columns.
#' @param start From [refit_start()], which is the same for all designs.
#' @return A list: `psi`, `logLik`, `se` (P; `NA` on the boundary), `modes`; or `failed`, text.
#' @noRd
refit_design <- function(fit, design, start = refit_start(fit)) {
  found <- if (!is.null(start)) newton_refit(fit, design, start)
  if (!is.null(found)) return(found)
  control <- fit$control
  control$verbose <- FALSE
  full <- tryCatch(
    quietly(fit_design(design, fit$family, fit$nAGQ, fit$REML, warm_start(fit), control)),
    margmix_error = function(e) strsplit(conditionMessage(e), "\n", fixed = TRUE)[[1L]][1L]
  )
  if (is.character(full)) return(list(failed = full))
  if (!full$convergence$converged) return(list(failed = "no convergence"))
  if (full$separation$separated) return(list(failed = "estimates run to infinity"))
  list(
    psi = fit_psi(c(full, fit["family"])), logLik = full$logLik,
    se = sqrt(diag(full$vcov_full)), modes = full$modes, Lambda = full$Lambda
  )
}

# Where Newton steps begin; NULL without any: they take psi = (beta, theta, log phi), with all
# entries of theta free.
refit_start <- function(fit) {
  design <- fit$design
  if (!isTRUE(fit$REML) && supports(design, "unrelated") && has_free_entries(design)) {
    newton_start(fit)
  }
}

# NULL where the steps end elsewhere than at a maximum, or far away as under separation.
newton_refit <- function(fit, design, psi) {
  modes <- if (length(design$levels) == nrow_of(fit$modes)) fit$modes
  evaluate <- evaluator(design)
  at <- function(psi) evaluate(design, fit$family, psi, fit$rule$K, 2L, modes, fit$control)
  now <- at(psi)
  for (step in 1:25) {
    if (now$status != "ok" || !is.finite(now$value)) return(NULL)
    modes <- now$modes
    direction <- newton_direction(now$gradient, -now$hessian)
    if (is.null(direction)) {
      # as on the way to a variance of zero
      step <- uphill_direction(-now$gradient, -now$hessian)
      if (is.null(step)) return(NULL)
      direction <- list(step = step, decrement = Inf)
    }
    if (direction$decrement < 1e-7) return(newton_result(fit, design, psi, now, direction))
    trial <- halved_step(at, psi, direction$step, now$value)
    if (is.null(trial)) return(NULL)
    psi <- trial$psi
    now <- trial$now
  }
  NULL
}

nrow_of <- function(modes) if (is.matrix(modes)) nrow(modes) else -1L

# A zero variance is a stationary point for every response.
newton_start <- function(fit) {
  theta <- fit$theta
  zero <- on_diagonal(fit$design) & abs(theta) < 1e-4
  theta[zero] <- 0.3 / column_rms(design_Z(fit$design))[theta_rows(fit$design)[zero]]
  c(fit$beta, theta, fit_aux(fit))
}

halved_step <- function(at, psi, step, value) {
  for (t in 2^-(0:6)) {
    now <- at(psi + t * step)
    if (now$status == "ok" && isTRUE(now$value >= value - 1e-10 * abs(value))) {
      return(list(psi = psi + t * step, now = now))
    }
  }
}

# The last step leaves an error of the order of its decrement.
newton_result <- function(fit, design, psi, now, direction) {
  p <- length(fit$beta)
  psi <- unname(psi + direction$step)
  # so far out only the full fit knows whether the responses are separated
  if (max(abs(design$X %*% psi[seq_len(p)])) > 12) return(NULL)
  Lambda <- lambda_matrix(design, psi[p + seq_along(fit$theta)])
  signs <- canonical_signs(Lambda)
  theta <- p + seq_along(fit$theta)
  psi[theta] <- psi[theta] * signs[design$theta_col + 1L]
  se <- sqrt(diag(chol2inv(direction$factor)))
  zero <- design$theta_row == design$theta_col & abs(psi[theta]) < 1e-4
  if (any(zero) && length(theta) > 1L) return(NULL)
  psi[theta[zero]] <- 0
  se[theta[zero]] <- NA
  list(
    psi = psi, logLik = now$value + direction$decrement / 2, se = se, modes = now$modes,
    Lambda = if (any(zero)) 0 * Lambda else Lambda * rep(signs, each = nrow(Lambda))
  )
}

#' Coefficients and standard deviations, as the rows of `confint()`
#' @noRd
quantities_of <- function(fit, psi, Lambda) {
  p <- length(fit$beta)
  rho <- psi[p + length(fit$theta) + seq_along(fit$rho)]
  c(
    psi[seq_len(p)], sqrt(rowSums(Lambda^2))[deviation_columns(fit$design)],
    if (length(rho)) rho_readings(fit$design, rho),
    if (has_dispersion_formula(fit$design)) {
      last_entries(psi, length(fit$gamma))
    } else if (has_phi(fit$family)) {
      exp(psi[length(psi)] * sigma_power(fit$family))
    }
  )
}

quantity_names <- function(fit) c(names(fit$beta), deviation_names(fit))

#' Fit a model to several responses
#'
#' @param responses A list of responses, each in the form of the old one.
#' @return A data frame of class `margmix_refits` with a row for each: coefficients, standard
#'   deviations, `logLik` and `failed` (`NA`, or why).
#' @noRd
refit_all <- function(object, responses) {
  start <- refit_start(object)
  rows <- lapply(responses, function(y) {
    refit_row(object, refit_design(object, responded(object, y), start))
  })
  out <- as.data.frame(do.call(rbind, lapply(rows, `[[`, "values")))
  names(out) <- c(quantity_names(object), "logLik")
  out$failed <- vapply(rows, `[[`, "", "failed")
  failed <- sum(!is.na(out$failed))
  if (failed > 0L) {
    note("failed_refits", "Some responses could not be fitted; their rows are NA.",
      given = paste(failed, "of", length(rows)),
      hint = "Column `failed` says why."
    )
  }
  rownames(out) <- names(responses)
  class(out) <- c("margmix_refits", "data.frame")
  out
}

refit_row <- function(object, found) {
  if (!is.null(found$failed)) {
    return(list(values = rep(NA_real_, length(quantity_names(object)) + 1L), failed = found$failed))
  }
  values <- c(quantities_of(object, found$psi, found$Lambda), found$logLik)
  list(values = values, failed = NA_character_)
}

# The design with another response.
responded <- function(object, newresp) {
  frame <- object$frame
  frame$frame[[1L]] <- match_response(newresp, frame)
  with_response(object, frame)
}

with_response <- function(object, frame) {
  check_likelihood(object$design, "A fit to other responses", "update() fits to other data.")
  design <- object$design
  response <- family_tools(object$family)$response(
    frame$frame[[1L]], prior_weights(frame$frame), weights_type(design),
    attr(frame$frame, "row.names")
  )
  for (name in names(response)) design[[name]] <- design_order(response[[name]], design)
  design
}

# Several responses: the columns of a data frame, of a list, or of a matrix where one response is a
# vector. NULL for one.
several_responses <- function(newresp, old) {
  if (is.list(newresp) && length(newresp) > 1L) return(unclass(newresp)[seq_along(newresp)])
  if (!is.matrix(newresp) || is.matrix(old) || ncol(newresp) < 2L) return(NULL)
  columns <- lapply(seq_len(ncol(newresp)), function(j) newresp[, j])
  stats::setNames(columns, colnames(newresp))
}
