# What became of smooth terms: effective degrees of freedom, tests, curves.

#' @rdname smooth_terms
#' @export
smooth_terms <- function(fit, level = 0.95, points = 100L) {
  check_level(level)
  curves <- if (is.list(fit)) smooth_curves(fit)
  if (!length(curves)) {
    abort("argument", "`fit` must be a fit of glmm() with smooth terms, such as s(x).",
      given = paste("an object of class", class(fit)[1L])
    )
  }
  structure(list(
    table = do.call(rbind, lapply(curves, smooth_row, fit = fit)),
    curves = do.call(rbind, lapply(curves, drawn_curve, fit = fit, level = level, points = points)),
    level = level
  ), class = "margmix_smooths")
}

# For summary(): nothing without smooths.
smooths_or_null <- function(fit) {
  if (length(fit$frame$parsed$smooths)) smooth_terms(fit, points = 2L)
}

# Labels of the smooth terms, and the coefficients of their columns without penalty, which mean
# nothing without the others.
curve_terms <- function(fit) vapply(fit$frame$parsed$smooths, expression_text, "")

curve_coefficients <- function(fit) {
  design <- fit$design
  terms <- match(curve_terms(fit), attr(fixed_terms(design), "term.labels"))
  names(fit$beta)[column_terms(design) %in% terms]
}

#' The curves of a fit
#'
#' @return A list with an element for each smooth, or each level of its factor `by`: `label`,
#'   `variables` of its basis; columns of X (`fixed`) and of Z (`random`); `evaluate(data)`, those
#'   columns at other covariates.
#' @noRd
smooth_curves <- function(fit) {
  design <- fit$design
  out <- lapply(fit$frame$parsed$smooths, function(call) {
    basis <- smooth_basis_of(fit, call)
    columns <- curve_columns(design, expression_text(call), basis)
    lapply(seq_along(basis$pieces), function(p) {
      own <- which(vapply(basis$penalties, `[[`, 1L, "piece") == p)
      list(
        label = basis$pieces[[p]]$label, basis = basis, piece = basis$pieces[[p]],
        fixed = columns$fixed[[p]], random = unlist(columns$random[own])
      )
    })
  })
  unlist(out, recursive = FALSE)
}

# It is the second element of the expressions in `predvars`.
smooth_basis_of <- function(fit, call) {
  whole <- attr(fit$frame$frame, "terms")
  names <- part_variables(whole)
  of <- c(expression_text(call), expression_text(base::call("penalized", call, 1L)))
  as.list(attr(whole, "predvars"))[-1L][[match(TRUE, names %in% of)]][[2L]]
}

# Columns of X of each piece, `NA` where they were aliased, and of Z of each penalty.
curve_columns <- function(design, label, basis) {
  counts <- vapply(basis$pieces, function(piece) sum(piece$penalty == 0), 1L)
  names <- names(design$aliased)
  suffix <- basis_names(basis)
  at <- which(names %in% paste0(label, if (length(suffix) > 1L) suffix))
  position <- match(names[at], colnames(design$X))
  own <- Filter(function(term) identical(term$smooth, label), design$random)
  list(
    fixed = split(position, factor(rep(seq_along(counts), counts), seq_along(counts))),
    random = lapply(own, `[[`, "columns")
  )
}

# Names of the columns without penalty.
basis_names <- function(basis) {
  unlist(lapply(basis$pieces, function(piece) {
    count <- sum(piece$penalty == 0)
    paste0(if (length(basis$pieces) > 1L) piece$smooth$by.level, seq_len(count))
  }))
}

# Inference ----------------------------------------------------------------------------------------

#' Covariance of the coefficients of a curve given the variances
#'
#' Of the fixed ones, then the random ones.
#'
#' @return A list: `estimate`, `V`.
#' @noRd
curve_posterior <- function(fit, curve) {
  fixed <- curve$fixed[!is.na(curve$fixed)]
  size <- length(fixed) + length(curve$random)
  V <- covariance_by_sums(size, function(rows) curve_variance(fit, curve, rows))
  list(estimate = c(fit$beta[fixed], curve_effects(fit)[curve$random]), V = V)
}

# A covariance matrix from the variances of sums of two; `variance_of(rows)` has those of
# combinations, a row for each.
covariance_by_sums <- function(size, variance_of) {
  one <- diag(size)
  pairs <- which(lower.tri(one, TRUE), arr.ind = TRUE)
  sums <- variance_of(one[pairs[, 1L], , drop = FALSE] + one[pairs[, 2L], , drop = FALSE])
  V <- matrix(0, size, size)
  V[pairs] <- sums
  own <- diag(V) / 4
  V <- (V - outer(own, own, `+`)) / 2
  V[upper.tri(V)] <- t(V)[upper.tri(V)]
  diag(V) <- own
  V
}

# Variances of combinations of the coefficients of a curve at the estimated variances, a row for
# each.
curve_variance <- function(fit, curve, rows) {
  combination_variance(at_variances(fit), rows, curve$fixed[!is.na(curve$fixed)], curve$random)
}

# The same of any columns of X (`fixed`) and of those of smooths in Z (`random`).
combination_variance <- function(fit, rows, fixed, random) {
  design <- fit$design
  X <- matrix(0, nrow(rows), fixed_count(design))
  Z <- matrix(0, nrow(rows), effect_count(design))
  X[, fixed] <- rows[, seq_along(fixed)]
  Z[, random] <- rows[, length(fixed) + seq_along(random)]
  engine_eb_variance(fit, X, Z, matrix(1L, nrow(rows), factor_count(design)))
}

# The fit with the covariance of beta given the variances.
at_variances <- function(fit) {
  beta <- seq_along(fit$beta)
  V <- fixed_theta_covariance(fit)
  fit$vcov_full[] <- 0
  fit$vcov_full[beta, beta] <- V
  fit
}

# Of beta, at the estimated variances.
fixed_theta_covariance <- function(fit) {
  known <- !is.na(diag(fit$vcov_full))
  V <- matrix(0, length(fit$beta), length(fit$beta))
  beta <- which(known[seq_along(fit$beta)])
  information <- chol2inv(chol(fit$vcov_full[known, known]))[seq_along(beta), seq_along(beta)]
  V[beta, beta] <- chol2inv(chol(information))
  V
}

# b at its mode, by column of Z, of factors with one level.
curve_effects <- function(fit) {
  out <- numeric(effect_count(fit$design))
  effects <- mode_effects(fit)
  for (k in which(smooth_groups(fit$design))) {
    out[random_factors(fit$design)[[k]]$columns] <- effects[[k]][1L, ]
  }
  out
}

#' Effective degrees of freedom and the test of a curve
#' @noRd
smooth_row <- function(curve, fit) {
  found <- curve_posterior(fit, curve)
  fixed <- sum(!is.na(curve$fixed))
  sd <- sqrt(rowSums(fit$Lambda[curve$random, , drop = FALSE]^2))
  left <- ifelse(sd > 0, diag(found$V)[fixed + seq_along(sd)] / sd^2, 1)
  edf <- fixed + sum(1 - left)
  X <- cbind(
    design_X(fit$design)[, curve$fixed[!is.na(curve$fixed)], drop = FALSE],
    design_Z(fit$design)[, curve$random, drop = FALSE]
  )
  test <- curve_test(found, X, max(round(edf), fixed, 1))
  n <- sum(row_sizes(fit$design))
  df2 <- if (is_residual_scale(fit$family)) n - total_edf(fit) else Inf
  p <- stats::pf(test$statistic / test$rank, test$rank, df2, lower.tail = FALSE)
  data.frame(
    term = curve$label, edf = edf, rank = test$rank,
    statistic = test$statistic / if (is.finite(df2)) test$rank else 1, df2 = df2, p.value = p
  )
}

# f'V_f^- f with the r largest eigenvalues of V_f = R V R', X = QR (Wood 2013).
curve_test <- function(found, X, r) {
  R <- qr.R(qr(X, tol = 0))
  spectrum <- eigen(R %*% found$V %*% t(R), symmetric = TRUE)
  r <- min(r, sum(spectrum$values > 1e-10 * spectrum$values[1L]))
  along <- drop(crossprod(spectrum$vectors[, seq_len(r), drop = FALSE], R %*% found$estimate))
  list(statistic = sum(along^2 / spectrum$values[seq_len(r)]), rank = r)
}

# Of the whole model, the trace of (H + S)^-1 H: the sum over the rows of their information times
# the variance of the predictor.
total_edf <- function(fit) {
  remember(fit, "total_edf", {
    design <- fit$design
    w <- engine_row_weights(fit, mode_predictor(fit))
    fit <- at_variances(fit)
    sum(w * engine_eb_variance(fit, design_X(design), design_Z(design), row_clusters(design)))
  })
}

# Print -------------------------------------------------------------------------------------------

#' @rdname smooth_terms
#' @export
print.margmix_smooths <- function(x, digits = 3L, ...) {
  digits <- known_digits(digits)
  say("Smooth terms (Wald tests of zero curves, Wood 2013):\n")
  table <- x$table
  shown <- cbind(
    edf = format(table$edf, digits = digits),
    format_statistic(table, digits), `p` = format.pval(table$p.value, digits = digits)
  )
  rownames(shown) <- table$term
  print(shown, quote = FALSE, right = TRUE)
  invisible(x)
}

# A sentence for each, or none.
smooth_words <- function(smooths, digits) {
  table <- smooths$table
  p <- ifelse(table$p.value < 1e-4, "< 0.0001", paste("=", format(table$p.value, digits = 2L)))
  sprintf("%s: a curve with %s effective degrees of freedom (test that it is zero: p %s).",
    code(table$term), format_ratio(table$edf, digits), p
  )
}

format_statistic <- function(table, digits) {
  f <- is.finite(table$df2)
  out <- cbind(
    format(table$statistic, digits = digits),
    ifelse(f, paste0(table$rank, ", ", round(table$df2, 1L)), as.character(table$rank))
  )
  colnames(out) <- if (all(f)) c("F", "df") else c("chi^2", "df")
  out
}
