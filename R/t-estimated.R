# The degrees of freedom of t effects as a parameter, searched and judged on the scale s = 1 / df:
# there the normal distribution is s = 0, and the likelihood is smooth.

#' The design with a law that is known, where needed by a search
#'
#' @param fit Function of a design and a start that returns an estimate.
#' @param start The user's.
#' @return A list: `design`; `start`, near the estimates after a search.
#' @section Errors: `survey`. Notes: `df`.
#' @noRd
with_known_law <- function(design, start, fit) UseMethod("with_known_law")

#' @export
with_known_law.default <- function(design, start, fit) list(design = design, start = start)

#' @export
with_known_law.margmix_t <- function(design, start, fit) {
  if (!is.na(random_distribution(design)$df)) return(NextMethod())
  check_df_likelihood(design)
  profile <- df_profile(design, start, fit)
  s <- highest_s(profile)
  law <- new_law("t", s_df(s))
  law$estimated <- s_limits(profile, s)
  note_df(law)
  list(design = random_part(design, law), start = profile$start())
}

check_df_likelihood <- function(design) {
  check_likelihood(design, "Estimating `df`", "Give it: t_effects(df = 5).")
}

# At s = 0 a t distribution that is normal to six digits: one rule of integration for all s.
largest_df <- 1e6
lowest_df <- 2.02

s_df <- function(s) min(1 / s, largest_df)

# The log-likelihood as a function of s, each search begun where the best one so far ended; their
# remarks are of models that nobody asked for.
df_profile <- function(design, start, fit) {
  best <- NULL
  value <- function(s) {
    at <- random_part(design, new_law("t", s_df(s)))
    found <- suppressMessages(
      suppressWarnings(fit(at, start_of(best)), classes = "margmix_warning"),
      classes = "margmix_note"
    )
    if (is.null(best) || found$logLik > best$logLik) best <<- found
    found$logLik
  }
  start_of <- function(found) {
    if (is.null(found)) return(start)
    last <- if (has_dispersion_formula(design)) "gamma" else "phi"
    found[c("beta", "theta", last)]
  }
  list(value = value, start = function() start_of(best))
}

highest_s <- function(profile) {
  grid <- c(0, 1 / c(30, 10, 5, 3, 2.3, lowest_df))
  values <- vapply(grid, profile$value, 0)
  top <- which.max(values)
  range <- grid[c(max(top - 1L, 1L), min(top + 1L, length(grid)))]
  inner <- stats::optimize(profile$value, range, maximum = TRUE, tol = 1e-4)
  # an end of the grid is the answer where nothing inside is above it
  if (inner$objective > values[top] + 1e-7) inner$maximum else grid[top]
}

#' Limits of s by the likelihood ratio
#' @return A list: `s`; `lower`, `upper`, 95% limits of the degrees of freedom (`Inf`: no upper one;
#'   2: no lower one); `gain` of log-likelihood over the normal distribution.
#' @noRd
s_limits <- function(profile, s) {
  top <- profile$value(s)
  below <- function(s) 2 * (top - profile$value(s)) - stats::qchisq(0.95, 1)
  limit <- function(end) {
    if (s == end || below(end) <= 0) return(NULL)
    stats::uniroot(below, sort(c(s, end)), tol = 1e-3)$root
  }
  list(
    s = s, lower = 1 / (limit(1 / lowest_df) %||% (1 / 2)), upper = 1 / (limit(0) %||% 0),
    gain = max(top - profile$value(0), 0)
  )
}

note_df <- function(law) {
  if (law$estimated$s == 0) {
    note("df", "The degrees of freedom of the t distribution have no finite estimate.",
      given = "the likelihood is highest for the normal distribution",
      hint = "A fit with normal random effects is the same model with one parameter fewer."
    )
  } else if (law$df <= lowest_df) {
    note("df", "The degrees of freedom of the t distribution are at their limit of 2.",
      given = paste("df =", format(law$df)),
      hint = "The standard deviation is that of a distribution that hardly has one."
    )
  }
}

# The covariance -----------------------------------------------------------------------------------

#' What the log-likelihood's second derivatives say of s
#'
#' @param fit A fit, or what there is of it.
#' @return A list: `J_ps`, `J_ss`, entries of J = -d2 l / d(psi, s)2. `NULL` where `df` was given or
#'   ended at a limit, so that it counts as known.
#' @noRd
law_curvature <- function(fit) {
  law <- random_distribution(fit$design)
  s <- law$estimated$s
  if (is.null(s) || s == 0 || law$df <= lowest_df || anyNA(fit$vcov_full)) return(NULL)
  h <- 0.002 * min(s, 0.5 - s)
  slope <- function(of) {
    at <- lapply(s + c(-h, h), function(s) {
      fit$design <- random_part(fit$design, new_law("t", 1 / s))
      of(fit)
    })
    (at[[2L]] - at[[1L]]) / (2 * h)
  }
  list(
    J_ps = -slope(function(fit) colSums(engine_scores(fit)$scores)),
    J_ss = -slope(function(fit) sum(df_scores(fit)))
  )
}

# The block of J^-1 that belongs to psi: V + V J_ps J_ps' V / (J_ss - J_ps' V J_ps), where V is the
# inverse of J_pp.
#' @export
with_covariance.margmix_t <- function(design, problem, estimate) {
  J <- law_curvature(c(estimate, problem[c("design", "family", "control")]))
  if (is.null(J)) return(NextMethod())
  V <- estimate$vcov_full
  along <- drop(V %*% J$J_ps)
  rest <- J$J_ss - sum(J$J_ps * along)
  if (rest > 0) estimate$vcov_full <- V + tcrossprod(along) / rest
  estimate
}

#' Derivative of each cluster's log-likelihood in s
#'
#' By Fisher's identity the posterior mean of d log f(b) / ds, with f the density of the effects.
#' @noRd
df_scores <- function(fit) {
  law <- random_distribution(fit$design)
  sigma <- abs(fit$theta[[1L]])
  posterior <- engine_effect_density(fit, 401L)
  vapply(seq_along(posterior$low), function(i) {
    u <- seq(posterior$low[i], posterior$high[i], length.out = 401L)
    density <- exp(posterior$log_density[, i] - max(posterior$log_density[, i]))
    sum(density * t_slope(engine_effect_at(law, u, sigma), sigma, 1 / law$df)) / sum(density)
  }, 0)
}

# d log f(b) / ds of b with standard deviation sigma.
t_slope <- function(b, sigma, s) {
  log_f <- function(s) {
    scale <- sigma * sqrt(1 - 2 * s)
    stats::dt(b / scale, 1 / s, log = TRUE) - log(scale)
  }
  h <- 1e-4 * min(s, 0.5 - s)
  (log_f(s + h) - log_f(s - h)) / (2 * h)
}

# The influence of a cluster on psi is V_pp s_i + V_ps t_i with its derivatives s_i in psi and t_i
# in s, and V_ps = -V_pp J_ps / J_ss.
#' @export
score_products.margmix_t <- function(design, fit, active) {
  J <- law_curvature(fit)
  if (is.null(J)) return(NextMethod())
  crossprod(engine_scores(fit)$scores - tcrossprod(df_scores(fit), J$J_ps / J$J_ss))
}

# Parameters of the law that were estimated, which no covariance of psi counts.
law_parameters <- function(design) UseMethod("law_parameters")

#' @export
law_parameters.default <- function(design) 0L

#' @export
law_parameters.margmix_t <- function(design) {
  as.integer(!is.null(random_distribution(design)$estimated))
}

# What a call asked for: fits whose laws were estimated are of one model.
asked_law <- function(law) if (is.null(law$estimated)) law else new_law(law$name)

# "4.1", "estimated, 95% limits 2.3 and 12"; at s = 0 the estimate is infinite.
estimated_df_words <- function(law) {
  limits <- vapply(law$estimated[c("lower", "upper")], format, "", digits = 3L)
  df <- if (law$estimated$s == 0) "Inf" else format(law$df, digits = 3L)
  c(df = df, note = paste0("estimated, 95% limits ", limits[[1L]], " and ", limits[[2L]]))
}
