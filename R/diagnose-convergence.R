# Is the fit a maximum, and is it one in every direction?

#' Convergence and identification of a fit
#'
#' @description
#' ```
#' fit <- glmm(outcome ~ treat + age + (1 | patient), respiratory, binomial())
#' diagnose_convergence(fit)
#' ```
#'
#' @details
#' Three questions are checked:
#'
#' * Is it a maximum? The scaled gradient g'H^-1 g is the squared distance to the maximum in
#'   standard errors. It must be below the limit of [glmm_control()], with a positive definite H.
#' * Do the data determine every direction? The eigenvalues of the observed information, with each
#'   parameter scaled to information 1, are near 1 if estimates are uncorrelated. One below 1e-6
#'   means that a combination of parameters is almost undetermined; its parameters are named.
#' * Is a random effect at or near the edge of its range: a variance near zero, a correlation near
#'   -1 or 1, a dispersion at its limit?
#'
#' A variance estimated as zero is an answer, not a failure; it is listed but does not count as a
#' problem.
#'
#' @param fit,x A fit of [glmm()]; for the methods, the result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_convergence`: `ok`; `converged`, `criterion` and `limit`;
#'   `eigenvalues` of the scaled information, ascending; `weak`, for each eigenvalue below 1e-6 its
#'   parameters and their weights; `boundary` and `problems`, in words. `plot()` draws the
#'   eigenvalues.
#'
#'   If package \pkg{performance} is installed, its `check_convergence()` and `check_singularity()`
#'   have methods for these fits.
#' @examples
#' fit <- glmm(outcome ~ treat + age + (1 | patient), respiratory, binomial())
#' diagnose_convergence(fit)
#' @export
diagnose_convergence <- function(fit, ...) {
  check_dots(..., known = names(formals(diagnose_convergence)))
  check_glmm(fit)
  convergence <- fit$convergence
  free <- free_covariance(fit)
  active <- !is.na(diag(free$V))
  spectrum <- scaled_spectrum(free$V[active, active, drop = FALSE])
  weak <- weak_directions(spectrum, free$words[active])
  near <- near_boundary(fit)
  problems <- c(
    if (!isTRUE(convergence$pd)) {
      "the observed information is not positive definite: a direction is not identified"
    } else if (!isTRUE(convergence$converged)) {
      paste0("the scaled gradient is ", signif(convergence$criterion, 2L), ", above its limit")
    },
    vapply(weak, function(direction) {
      paste0("hardly determined by the data: ", paste(names(direction), collapse = " against "))
    }, ""),
    near,
    if (isTRUE(fit$separation$separated)) {
      paste0("estimates run to infinity: ", some_of(fit$separation$terms))
    }
  )
  structure(list(
    ok = !length(problems), converged = isTRUE(convergence$converged),
    criterion = convergence$criterion, limit = fit$control$tolerance,
    eigenvalues = spectrum$values, weak = weak, boundary = fit$boundary, problems = problems
  ), class = "margmix_convergence")
}

# The covariance of the free parameters, and what they are in the user's words.
free_covariance <- function(fit) {
  if (has_free_entries(fit$design)) return(list(V = fit$vcov_full, words = parameter_words(fit)))
  space <- structured_space(fit)
  V <- space$V
  V[diag(V) == 0, ] <- NA
  list(V = V, words = structured_words(fit, space$map))
}

# Eigenvalues of the information with each parameter scaled to information 1.
scaled_spectrum <- function(V) {
  none <- list(values = numeric(), vectors = matrix(0, 0L, 0L))
  if (!nrow(V) || !all(is.finite(V))) return(none)
  se <- sqrt(diag(V))
  C <- V / tcrossprod(se) # correlations of the estimates: well scaled whatever the units
  information <- tryCatch(solve(C), error = function(e) NULL)
  if (is.null(information)) return(none)
  size <- sqrt(diag(information))
  found <- eigen(information / tcrossprod(size), symmetric = TRUE)
  order <- order(found$values)
  list(values = found$values[order], vectors = found$vectors[, order, drop = FALSE])
}

weak_directions <- function(spectrum, words, limit = 1e-6) {
  lapply(which(spectrum$values < limit), function(k) {
    v <- stats::setNames(spectrum$vectors[, k], words)
    v <- v[order(-abs(v))]
    v[abs(v) > 0.2 * abs(v[1L])]
  })
}

# Variances that are not zero but nearly, and correlations that are nearly -1 or 1.
near_boundary <- function(fit) {
  Sigma <- tcrossprod(fit$Lambda)
  sd <- sqrt(diag(Sigma))
  size <- sd * column_rms(design_Z(fit$design))
  for (term in Filter(is_smooth, effect_terms(fit$design))) {
    size[term$columns] <- sqrt(sum(size[term$columns]^2))
  }
  names <- column_names(fit$design)
  groups <- group_labels(fit$design)[column_groups(fit$design)]
  scale <- predictor_unit(fit$family, log(fit$phi))
  small <- sd > 0 & size < 1e-3 * scale
  R <- suppressWarnings(stats::cov2cor(Sigma))
  # effects of fewer factors depend on each other by design
  for (term in Filter(has_rank, effect_terms(fit$design))) R[term$columns, term$columns] <- 0
  zero <- length(fit$boundary) > 0L
  pairs <- which(lower.tri(R) & is.finite(R) & abs(R) > 0.999, arr.ind = TRUE)
  c(
    if (any(small)) {
      paste0("nearly zero: the variance of ", code(names[small]), " by ", code(groups[small]))
    },
    if (nrow(pairs) && !zero) {
      paste0("nearly perfectly correlated: ", code(names[pairs[, 1L]]), " and ",
        code(names[pairs[, 2L]]), " by ", code(groups[pairs[, 1L]])
      )
    }
  )
}

#' @rdname diagnose_convergence
#' @export
print.margmix_convergence <- function(x, digits = 3L, ...) {
  digits <- known_digits(digits)
  say("Convergence: scaled gradient g'H^-1 g = ", format(x$criterion, digits = 2L), " (limit ",
    format(x$limit), ")\n",
    sep = ""
  )
  if (length(x$eigenvalues)) {
    say("Eigenvalues of the scaled information: ", format(x$eigenvalues[1L], digits = digits),
      " to ", format(max(x$eigenvalues), digits = digits), " (below 1e-6: hardly determined)\n",
      sep = ""
    )
  }
  if (length(x$boundary)) {
    say("At the boundary: ", paste(x$boundary, collapse = "; "), "\n", sep = "")
  }
  print_problems(x$problems, "No problem found.")
  invisible(x)
}

# check_convergence() of package performance is a generic in its earlier versions; later ones ask
# package insight.
#' @exportS3Method performance::check_convergence
check_convergence.margmix_glmm <- function(x, ...) is_converged.margmix_glmm(x)

#' @exportS3Method insight::is_converged
is_converged.margmix_glmm <- function(x, tolerance = 0.001, ...) {
  structure(isTRUE(x$convergence$converged), gradient = x$convergence$criterion)
}

#' @exportS3Method performance::check_singularity
check_singularity.margmix_glmm <- function(x, tolerance = 1e-5, ...) {
  length(x$boundary) > 0L || length(near_boundary(x)) > 0L
}
