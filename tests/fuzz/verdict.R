# Is a condition true? Each cause is checked by something that does not use the code that raised it.

#' @param row From [fuzz_judge()], of a fit that was warned of or refused.
#' @return "true" or "false", with what was found; one for each cause.
fuzz_verdict <- function(row, case = fuzz_case(row$number)) {
  causes <- strsplit(row$causes, " ")[[1L]]
  found <- vapply(causes, function(cause) {
    check <- get0(paste0("verify_", cause), mode = "function")
    if (is.null(check)) return("not checked")
    check(case, row)
  }, "")
  paste(found, collapse = "; ")
}

said <- function(truth, words) paste0(if (isTRUE(truth)) "true" else "false", ": ", words)

fixed_matrix <- function(case) stats::model.matrix(~ x + g, case$data)

# 0 to 1 for binomial families, counts and measurements as they are.
share_of <- function(case) {
  y <- case$data$y
  if (case$family$family == "betabinomial") y / 6 else y
}

#' A column of X is a combination of the others: the rank by singular values.
verify_rank <- function(case, row) {
  X <- scale(fixed_matrix(case), center = FALSE)
  X[!is.finite(X)] <- 0
  d <- svd(X)$d
  said(min(d) < 1e-10 * max(d), paste("smallest singular value", signif(min(d) / max(d), 2L)))
}

#' The likelihood of a generalized linear model without random effects must have no maximum:
#' within growing boxes some coefficient of the scaled covariates stays at the bound.
verify_separation <- function(case, row) {
  d <- case$data
  X <- fixed_matrix(case)
  X <- X / rep(pmax(apply(abs(X), 2L, max), 1e-300), each = nrow(X))
  y <- share_of(case)
  zeros <- case$family$family %in% c("poisson", "nbinom1", "nbinom2") || case$family$link == "log"
  cost <- function(beta) {
    eta <- drop(X %*% beta)
    if (zeros) sum(exp(eta) - y * eta) else sum(log1p(exp(-abs(eta))) + pmax(eta, 0) - y * eta)
  }
  slope <- function(beta) {
    eta <- drop(X %*% beta)
    drop(crossprod(X, (if (zeros) exp(eta) else stats::plogis(eta)) - y))
  }
  bounds <- c(10, 20)
  largest <- vapply(bounds, function(bound) {
    found <- stats::optim(numeric(ncol(X)), cost, slope, method = "L-BFGS-B", lower = -bound,
      upper = bound, control = list(maxit = 5000L, factr = 1)
    )
    max(abs(found$par))
  }, 0)
  said(all(largest > bounds - 1e-3), paste0(
    "without random effects a coefficient bounded by 10, 20 becomes ",
    paste(signif(largest, 3L), collapse = ", ")
  ))
}

#' Responses are constant within the levels of a factor.
levels_are_constant <- function(case) {
  d <- case$data
  factors <- list(a = d$a)
  if (grepl("nested", case$structure)) factors$`a:b` <- interaction(d$a, d$b, drop = TRUE)
  if (case$structure == "crossed") factors$c <- d$c
  names(factors)[vapply(factors, function(f) {
    all(tapply(d$y, f, function(y) length(unique(y))) == 1L)
  }, NA)]
}

verify_variance_separation <- function(case, row) {
  constant <- levels_are_constant(case)
  said(length(constant) > 0L, paste("responses constant within", paste(constant, collapse = ", ")))
}

verify_residual_variance <- verify_variance_separation

#' The fit with all standard deviations and coefficients doubled: has the likelihood fallen by less
#' than 1.92, so that an interval for the standard deviation has no useful end?
verify_large_sd <- function(case, row) {
  fit <- quiet_fit(case)
  at <- function(scale) {
    psi <- margmix:::fit_psi(fit)
    wide <- seq_len(length(fit$beta) + length(fit$theta))
    psi[wide] <- scale * psi[wide]
    margmix:::engine_evaluate(fit$design, fit$family, psi, fit$rule$K)$value
  }
  fall <- at(1) - at(2)
  said(fall < 1.92, paste("everything doubled costs", signif(fall, 2L), "of log-likelihood"))
}

quiet_fit <- function(case, ...) {
  suppressMessages(suppressWarnings(margmix::glmm(case$formula, case$data, case$family, ...)))
}

#' Not a maximum: searches from elsewhere, at the same rule, end higher by more than 1e-6, or the
#' log-likelihood has kinks: its gradient is not the slope of its values on some line.
verify_convergence <- function(case, row) {
  fit <- quiet_fit(case)
  gain <- max(c(0, unlist(lapply(c(0.3, 1, 3), function(factor) {
    start <- list(theta = factor * pmax(abs(fit$theta), 0.1))
    other <- tryCatch(quiet_fit(case, nAGQ = fit$rule$K, start = start), error = function(e) NULL)
    if (is.null(other)) return(NULL)
    as.numeric(stats::logLik(other)) - as.numeric(stats::logLik(fit))
  }))))
  kink <- largest_kink(fit)
  indefinite <- !isTRUE(fit$convergence$pd)
  said(gain > 1e-6 || kink > 1e-3 || indefinite, paste0(
    "gain from other starts ", signif(gain, 2L), ", slope off by ", signif(kink, 2L),
    if (indefinite) ", not a maximum"
  ))
}

verify_link_range <- verify_convergence

#' A higher mode: the joint density of the responses and the random effects of all clusters rises by
#' more than 1e-3 from the modes of the fit when a general search starts elsewhere. (A mode that
#' splits is no maximum.)
verify_modes <- function(case, row) {
  fit <- quiet_fit(case)
  if (!fit$convergence$converged) return(verify_convergence(case, row))
  family <- fit$family
  log_density <- switch(family$family,
    gaussian = function(y, mu) dnorm(y, mu, sqrt(fit$phi), log = TRUE),
    poisson = function(y, mu) dpois(y, mu, log = TRUE),
    binomial = function(y, mu) dbinom(y, 1, mu, log = TRUE),
    NULL
  )
  if (is.null(log_density)) return("not checked")
  d <- fit$design
  levels <- lapply(seq_along(d$groups), function(k) margmix:::row_levels(d, k))
  sizes <- vapply(d$groups, function(g) length(g$levels) * length(g$columns), 1L)
  owner <- rep(seq_along(sizes), sizes)
  height <- function(u) {
    eta <- d$offset + drop(d$X %*% fit$beta)
    for (k in seq_along(d$groups)) {
      columns <- d$groups[[k]]$columns
      b <- matrix(u[owner == k], ncol = length(columns)) %*%
        t(fit$Lambda[columns, columns, drop = FALSE])
      eta <- eta + rowSums(d$Z[, columns, drop = FALSE] * b[levels[[k]], , drop = FALSE])
    }
    value <- sum(log_density(d$y, family$linkinv(eta))) - sum(u^2) / 2
    if (is.finite(value)) value else -1e10
  }
  modes <- unlist(if (length(d$groups) > 1L) fit$modes else list(fit$modes))
  here <- height(modes)
  # the effects of one cluster at a time, from several starts; with crossed factors all together
  nested <- fit$design$structure != "general"
  cluster <- unlist(lapply(seq_along(sizes), function(k) {
    first <- match(seq_along(d$groups[[k]]$levels), levels[[k]])
    rep(if (nested) levels[[1L]][first] else 1L, length(d$groups[[k]]$columns))
  }))
  best <- max(vapply(unique(cluster), function(i) {
    these <- which(cluster == i)
    max(vapply(c(-3, -1.5, 1.5, 3), function(shift) {
      max(vapply(seq_along(sizes), function(k) {
        start <- modes
        start[these[owner[these] == k]] <- shift
        stats::optim(start[these], function(u) height(replace(modes, these, u)), method = "BFGS",
          control = list(fnscale = -1, maxit = 200L)
        )$value
      }, 0))
    }, 0))
  }, 0))
  said(best > here + 1e-3, paste("a joint mode higher by", signif(best - here, 2L)))
}

# |difference quotient - gradient| over steps of 1e-3 and 1e-4 standard units of each parameter.
largest_kink <- function(fit) {
  psi <- margmix:::fit_psi(fit)
  p <- length(fit$beta)
  unit <- 1 / c(
    pmax(sqrt(colMeans(fit$design$X^2)), 1e-12),
    sqrt(colMeans(fit$design$Z^2))[fit$design$theta_row + 1L], 1
  )[seq_along(psi)]
  at <- function(psi, order) {
    margmix:::engine_evaluate(fit$design, fit$family, psi, fit$rule$K, order, fit$modes)
  }
  here <- at(psi, 1L)
  off <- outer(seq_along(psi), c(1e-3, 1e-4), Vectorize(function(k, h) {
    e <- replace(numeric(length(psi)), k, h * unit[k])
    slope <- (at(psi + e, 0L)$value - at(psi - e, 0L)$value) / (2 * h)
    abs(slope - here$gradient[k] * unit[k])
  }))
  # infinite where a value next to the estimate does not exist
  max(replace(off, is.na(off), Inf))
}
