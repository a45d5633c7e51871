# Softly penalized maximum likelihood (Sterzinger and Kosmidis 2023): estimates inside the parameter
# space where those of maximum likelihood run to infinity, or a variance to zero. The penalty itself
# is in the engine (objective/soft_penalty.hpp); a design carries its factor c as `penalty`.

#' @section Errors: `penalty`.
#' @noRd
check_penalty <- function(penalty, family, REML) {
  if (is.null(penalty)) return(invisible())
  if (!identical(penalty, "soft")) {
    abort("penalty", "`penalty` must be NULL or \"soft\".", given = deparse(penalty)[1L])
  }
  if (!has_soft_penalty(family)) {
    abort("penalty", "`penalty = \"soft\"` is for binomial and Poisson responses.",
      given = family_label(family),
      hint = "Links: logit, probit or cloglog of binomial(), log of poisson()."
    )
  }
  if (isTRUE(REML)) {
    abort("penalty", "`penalty = \"soft\"` requires maximum likelihood.",
      given = "REML = TRUE"
    )
  }
}

#' The design with the factor of its penalty
#'
#' c = sqrt(p / sum of w(0)), w(0) the information about the predictor of a trial or count where it
#' is zero: the root mean square standard error of the predictor there. For the logit it is
#' 2 sqrt(p / n) with n trials.
#'
#' @section Errors: `penalty`.
#' @noRd
penalized_design <- function(design, family, penalty) {
  if (is.null(penalty)) return(design)
  check_in_memory(design)
  if (!supports(design, "penalty")) {
    abort("penalty",
      "`penalty = \"soft\"` is for one grouping factor with normal effects (x | g) or (x || g).",
      given = c(
        paste("terms", some_of(vapply(design$random, `[[`, "", "label"))),
        if (!supports(design, "normal")) law_noun(random_distribution(design))
      )
    )
  }
  information <- family$mu.eta(0)^2 / family$variance(family$linkinv(0))
  n <- sum(row_weights(design) * row_trials(design))
  design$penalty <- sqrt(ncol(design$X) / (n * information))
  design
}

is_penalized <- function(design) !is.null(design$penalty)

# Where a penalized search starts: the model without random effects, of responses that are drawn a
# little to a common mean, so that it has a maximum.
soft_start_glm <- function(design, family, share = 0.05) {
  exposure <- if (has_trials(family)) row_trials(design) else exp(row_offset(design))
  weights <- row_weights(design)
  mean <- (sum(weights * design$y) + 0.5) / (sum(weights * exposure) + 1)
  design$y <- (1 - share) * design$y + share * mean * exposure
  fit_start_glm(design, family)
}

#' Covariance of psi from the likelihood without the penalty
#'
#' As Sterzinger and Kosmidis: minus the Hessian of the log-likelihood, at the estimates, in the
#' coefficients, the logarithms of the diagonal of Lambda and its other entries. `NULL` where that
#' is not positive definite.
#'
#' @param psi With signs of Lambda made canonical.
#' @noRd
soft_covariance <- function(problem, psi, K, modes) {
  design <- problem$design
  design$penalty <- NULL
  at <- engine_evaluate(design, problem$family, psi, K, 2L, modes, problem$control)
  diagonal <- fixed_count(design) + which(on_diagonal(design))
  D <- replace(rep(1, length(psi)), diagonal, psi[diagonal])
  H <- D * t(D * at$hessian)
  at_diagonal <- cbind(diagonal, diagonal)
  H[at_diagonal] <- H[at_diagonal] + (D * at$gradient)[diagonal]
  R <- if (all(is.finite(H))) tryCatch(chol(-(H + t(H)) / 2), error = function(e) NULL)
  if (is.null(R)) return(NULL)
  named_square(D * t(D * chol2inv(R)), psi_names(design, problem$family))
}

#' A penalized likelihood has no chi-square reference, and no AIC.
#' @section Errors: `anova_penalized`.
#' @noRd
check_unpenalized <- function(fits) {
  if (!any(vapply(fits, function(fit) is_penalized(fit$design), NA))) return(invisible())
  abort("anova_penalized", "Penalized log-likelihoods can't be compared.",
    given = "penalty = \"soft\"",
    hint = "A Wald test, summary() or one fit in anova(), needs no log-likelihood."
  )
}

# What helps where estimates run away.
penalty_hint <- function(design, family) {
  if (has_soft_penalty(family) && supports(design, "penalty")) {
    "`penalty = \"soft\"` keeps all estimates finite."
  }
}
