# Linear models with one random effect whose levels have a dense known covariance: their rows are
# rotated once, and a likelihood then costs time that is linear in the levels.

#' The design that a search asks for likelihoods
#'
#' @param way From [way_of_integration()].
#' @return `design`; or, of class `margmix_banded`, with its rotated rows as `banded`. Its
#'   likelihoods have no modes: [searched_modes()] finds those of the end.
#' @noRd
searched_design <- function(way, design) UseMethod("searched_design")

#' @export
searched_design.default <- function(way, design) design

#' @export
searched_design.margmix_exact <- function(way, design) {
  K <- dense_covariance(design)
  if (is.null(K)) return(design)
  design$banded <- banded_(design, "rows", list(
    K = K, frequency = design$weights_type == "frequency"
  ))
  class(design) <- c("margmix_banded", class(design))
  design
}

# K of the only random effect, where its levels are all related; NULL in other models.
dense_covariance <- function(design) {
  plain <- !has_dispersion_formula(design) && !is_penalized(design) &&
    is.null(design$cluster_weights)
  if (ncol(design$Z) == 1L && plain) design$groups[[1L]]$relation$K
}

#' @export
engine_lmm.margmix_banded <- function(design, theta, log_phi = NaN, REML = FALSE,
                                      control = glmm_control()) {
  banded_(design, "profile", list(theta = as.double(theta), log_phi = log_phi, reml = REML))
}

#' @export
evaluator.margmix_banded <- function(design) {
  function(design, family, psi, K, deriv, modes, control, ...) {
    banded_(design, "likelihood", list(psi = as.double(psi), order = deriv))
  }
}

#' The modes at the end of a search, on the optimiser's scale
#' @param fit From [maximise()].
#' @noRd
searched_modes <- function(design, problem, fit) UseMethod("searched_modes")

#' @export
searched_modes.default <- function(design, problem, fit) fit$modes

#' @export
searched_modes.margmix_banded <- function(design, problem, fit) {
  class(design) <- setdiff(class(design), "margmix_banded")
  psi <- problem$map$psi(fit$x)
  engine_evaluate(design, problem$family, psi, 1L, 0L, NULL, problem$control)$modes
}

# The design with X beta taken off the response.
response_less <- function(design, beta) UseMethod("response_less")

#' @export
response_less.default <- function(design, beta) {
  design$y <- design$y - row_offset(design) - drop(design$X %*% beta)
  design$offset <- numeric(length(design$y))
  design
}

#' @export
response_less.margmix_banded <- function(design, beta) {
  rows <- design$banded$D
  at <- ncol(rows)
  design$banded$D[, at] <- rows[, at] - rows[, -at, drop = FALSE] %*% beta
  NextMethod()
}
