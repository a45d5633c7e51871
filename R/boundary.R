# Zero variances. The likelihood is even in each column of Lambda, so zero is an ordinary stationary
# point: no bounds are needed, only a look at whether it is a maximum.

# Columns of Lambda that are zero exactly.
zero_columns <- function(design, theta) {
  column <- theta_columns(design)
  columns <- unique(column)
  columns[vapply(columns, function(c) all(theta[column == c] == 0), NA)]
}

# Where the variance of an effect is zero but for rounding, its row of Lambda is zero, and a
# rotation of the columns leaves the likelihood unchanged: the one with a zero column is taken.
snap_rows <- function(problem, K, fit) {
  design <- problem$design
  p <- fixed_count(design)
  for (r in seq_len(effect_count(design))) {
    entries <- p + which(theta_rows(design) == r)
    column <- p + which(theta_columns(design) == r)
    size <- sqrt(sum(fit$x[entries]^2))
    if (size > 1e-3 || length(column) < 2L || all(fit$x[column] == 0)) next
    psi <- lose_row(design, problem$map$psi(fit$x), r)
    fit <- take_if_as_good(problem, K, fit, problem$map$x(psi))
  }
  fit
}

# The fit at another point, if its log-likelihood is the same but for rounding.
take_if_as_good <- function(problem, K, fit, x) {
  trial <- objective_at(problem, K, fit$modes, 2L)
  if (trial$value(x) <= -fit$value + 1e-9 * max(1, abs(fit$value))) {
    fit[c("x", "modes", "result", "value")] <-
      list(x, trial$at(x, 2L)$result$modes, trial$at(x, 2L)$result, -trial$value(x))
  }
  fit
}

# Set columns that are zero but for rounding to zero, if the log-likelihood allows it.
snap_to_zero <- function(problem, K, fit) {
  fit <- snap_rows(problem, K, fit)
  design <- problem$design
  index <- theta_in_psi(design)
  for (column in unique(theta_columns(design))) {
    entries <- index[theta_columns(design) == column]
    size <- sqrt(sum(fit$x[entries]^2)) # on the scale of rms(Z)
    if (size == 0 || size > 1e-3) next
    fit <- take_if_as_good(problem, K, fit, replace(fit$x, entries, 0))
  }
  fit
}

# The model without random effects is among those that are searched. Where it is better, the search
# has ended at a lower maximum, as with Poisson counts and an outlier, and goes on from there.
not_below_glm <- function(problem, K, fit, start_glm) {
  x <- if (supports(problem$design, "normal")) better_without(problem, fit, start_glm)
  if (is.null(x)) return(fit)
  other <- or_from_other_sizes(problem, K, x, maximise(problem, K, x, NULL))
  if (other$value > fit$value) other else fit
}

# The best point without random effects, if it is better than the fit. Without a dispersion that is
# the start GLM; with one, it is looked for where it may be better.
better_without <- function(problem, fit, start_glm) {
  design <- problem$design
  if (!supports(design, "factor")) return(NULL)
  p <- fixed_count(design)
  aux <- aux_count(design, problem$family)
  last <- last_entries(problem$map$psi(fit$x), aux)
  x <- problem$map$x(c(
    start_glm$beta, numeric(theta_count(design)), rho_start(design), last
  ))
  if (aux == 0L) return(if (isTRUE(start_glm$value > fit$value + 1e-6)) x)
  near <- objective_at(problem, 1L, NULL, 0L)$value(x) < -fit$value + 2
  if (!isTRUE(near)) return(NULL)
  objective <- objective_at(problem, 1L, NULL, 2L)
  x <- newton_steps_within(objective, x, c(seq_len(p), last_entries(seq_along(x), aux)))
  if (objective$value(x) < -fit$value - 1e-6) x
}

# At a zero column a positive eigenvalue of the log-likelihood's Hessian means that the likelihood
# rises away from zero. Returns a better start, or NULL at a maximum.
escape_from_zero <- function(problem, fit) {
  design <- problem$design
  p <- fixed_count(design)
  H <- problem$map$hessian(fit$x, fit$result$gradient, fit$result$hessian)
  theta <- fit$x[theta_in_psi(design)]
  for (column in zero_columns(design, theta)) {
    entries <- p + which(theta_columns(design) == column)
    block <- eigen(H[entries, entries, drop = FALSE], symmetric = TRUE)
    if (block$values[1L] > 1e-6 * max(1, abs(H[entries, entries]))) {
      return(replace(fit$x, entries, 0.3 * block$vectors[, 1L]))
    }
  }
  NULL
}

# Zeros exactly zero, and left where they are no maximum.
settle_zeros <- function(problem, K, fit) {
  for (attempt in 1:3) {
    fit <- snap_rho(problem, K, snap_dispersion(problem, K, snap_to_zero(problem, K, fit)))
    x <- escape_from_zero(problem, fit)
    if (is.null(x)) break
    fit <- maximise(problem, K, feasible_start(problem, x), fit$modes)
  }
  fit
}

# What the boundary is, in words, named by its kind: zero variances, and correlations of -1 or 1.
boundary_words <- function(design, Lambda) {
  columns <- zero_columns(design, Lambda[first_entries(design)])
  names <- colnames(Lambda)
  variance <- rowSums(Lambda^2)
  zero <- names[variance == 0]
  if (!length(columns) && !length(zero)) return(character())
  dependent <- setdiff(names[columns], zero)
  unlist(lapply(design$groups, function(group) {
    if (is_smooth(group)) return(smooth_boundary_words(group, names[group$columns] %in% zero))
    group_boundary_words(
      group$label, group$names[names[group$columns] %in% zero],
      group$names[names[group$columns] %in% dependent]
    )
  }))
}

group_boundary_words <- function(label, zero, dependent) {
  c(
    if (length(zero)) {
      c(zero = paste0("the variance of ", some_of(code(zero)), " by ", code(label), " is zero"))
    },
    if (length(dependent)) {
      c(correlated = paste0(
        "the random effects of ", code(label), " are perfectly correlated (",
        some_of(code(dependent)), ")"
      ))
    }
  )
}

# Without a random effect of variance zero the fit is the same; without a perfectly correlated one
# it is not.
boundary_hint <- function(words) {
  paste0("This is an answer, not a failure; ", if ("correlated" %in% names(words)) {
    "the data may be too few for all these random effects."
  } else if ("relation" %in% names(words)) {
    "a model with the simpler relation fits as well."
  } else if (identical(names(words), "residual")) {
    "the related levels take all the variance: single rows have no error of their own."
  } else {
    "a model without it fits as well."
  })
}
