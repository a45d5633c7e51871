# The log-likelihood of a fit by plain integration: R's own densities on panels of Gauss-Legendre
# points, nothing of the engine. `space` has helper-brute.R of tests/testthat.

#' @return A list: `value` and `by`, in words; `NULL` if there is neither an integral of two
#'   dimensions nor a finer rule that can be afforded.
true_loglik <- function(fit, space) {
  q <- ncol(fit$design$Z)
  nested <- length(fit$design$groups) > 1L
  if (q == 1L) return(list(value = line_loglik(fit, space), by = "integral"))
  if (q == 2L && !nested) return(list(value = plane_loglik(fit, space), by = "integral"))
  if (q == 2L) {
    line <- fit$theta[2L] == 0 # no variance between the leaves of a cluster
    value <- if (line) line_loglik(first_effect(fit), space) else leaf_loglik(fit, space)
    return(list(value = value, by = "integral"))
  }
  K <- finest_rule(fit)
  if (is.null(K)) return(NULL)
  by <- paste("K =", paste(unique(K), collapse = " x "))
  list(value = margmix:::engine_loglik_at(fit, K), by = by)
}

# The finest rule with at most `budget` nodes times rows, and no more than 101 nodes.
finest_rule <- function(fit, budget = 3e6) {
  K <- fit$rule$K
  most <- budget / nrow(fit$design$X)
  for (finer in c(101L, 81L, 63L, 47L, 31L, 23L)) {
    finer <- pmax(finer, 2L * K + 1L)
    if (margmix:::rule_nodes(fit$design, finer) <= most) return(finer)
  }
  NULL
}

# Where the dispersion is at its limit, the densities of R lose their digits.
limit_family <- function(fit) {
  if (!margmix:::at_dispersion_limit(fit)) return(fit$family)
  if (fit$family$family == "betabinomial") binomial(fit$family$link) else poisson(fit$family$link)
}

# What the integrals of all clusters share.
integral_parts <- function(fit, space) {
  model <- list(design = fit$design, psi = margmix:::fit_psi(fit))
  family <- limit_family(fit)
  c(space$brute_parts(model, fit$family), list(
    model = model, family = family, edged = margmix:::restricts_mean(family),
    inside = if (family$link == "log") -1 else 1 # the sign of eta within the range of the link
  ))
}

# The fit with the first of two random effects alone.
first_effect <- function(fit) {
  fit$design$Z <- fit$design$Z[, 1L, drop = FALSE]
  fit$design$theta_row <- fit$design$theta_col <- 0L
  fit$theta <- fit$theta[1L]
  fit
}

cluster_rows <- function(fit, i) seq(fit$design$start[i] + 1L, fit$design$start[i + 1L])

# For each column of eta0 (rows x N), the values of u at which inside * (eta0 + v u) > 0 in all
# rows, not beyond low or high.
edge_interval <- function(parts, eta0, v, low, high) {
  if (!parts$edged) return(list(low = rep(low, ncol(eta0)), high = rep(high, ncol(eta0))))
  bound <- -eta0 / v
  upward <- parts$inside * v > 0
  most <- function(rows, f, start) {
    apply(bound[rows, , drop = FALSE], 2L, function(x) f(x, start))
  }
  low <- most(upward & v != 0, max, low)
  list(low = low, high = pmax(low, most(!upward & v != 0, min, high)))
}

# Points of a line and their weights, where f is within e^-42 of its largest value.
line_points <- function(f, low, high, panels, looks = 2600L) {
  at <- low + (high - low) * (seq_len(looks) - 0.5) / looks
  values <- f(at)
  high_at <- range(which(values > max(values) - 42))
  if (high_at[1L] > 1L) low <- at[high_at[1L] - 1L]
  if (high_at[2L] < looks) high <- at[high_at[2L] + 1L]
  list(u = low + (high - low) * panels$x, log_w = log(panels$w * (high - low)))
}

# One random effect.
line_loglik <- function(fit, space) {
  parts <- integral_parts(fit, space)
  panels <- space$legendre_panels(150L)
  sum(vapply(seq_along(fit$design$levels), function(i) {
    rows <- cluster_rows(fit, i)
    ends <- edge_interval(parts, cbind(parts$eta0[rows]), parts$V[rows, 1L], -13, 13)
    f <- function(u) space$brute_joint(parts$model, parts$family, i, cbind(u))
    points <- line_points(f, ends$low, ends$high, panels)
    space$log_sum(f(points$u) + points$log_w)
  }, 0))
}

# Two random effects of one factor: over u_2 between the edges at each u_1, then over u_1, in the
# box that is left when what is e^-42 below the top of a grid is cut off, again and again.
plane_loglik <- function(fit, space) {
  parts <- integral_parts(fit, space)
  outer_panels <- space$legendre_panels(24L, 5L)
  inner_panels <- space$legendre_panels(20L, 5L)
  sum(vapply(seq_along(fit$design$levels), function(i) {
    rows <- cluster_rows(fit, i)
    f <- function(u) { # by parts, which memory holds
      parts_of <- split(seq_len(nrow(u)), (seq_len(nrow(u)) * length(rows)) %/% 2e6)
      unlist(lapply(parts_of, function(k) {
        space$brute_joint(parts$model, parts$family, i, u[k, , drop = FALSE])
      }), use.names = FALSE)
    }
    box <- plane_box(f)
    u1 <- box$low[1L] + (box$high[1L] - box$low[1L]) * outer_panels$x
    eta1 <- parts$eta0[rows] + outer(parts$V[rows, 1L], u1)
    ends <- edge_interval(parts, eta1, parts$V[rows, 2L], box$low[2L], box$high[2L])
    length <- ends$high - ends$low
    u2 <- ends$low + outer(length, inner_panels$x)
    log_w <- log(outer(outer_panels$w * length, inner_panels$w) * (box$high[1L] - box$low[1L]))
    space$log_sum(f(cbind(rep(u1, ncol(u2)), as.vector(u2))) + as.vector(log_w))
  }, 0))
}

plane_box <- function(f, reach = 13, points = 40L) {
  low <- c(-reach, -reach)
  high <- -low
  for (look in 1:5) {
    step <- (high - low) / points
    axis <- function(k) low[k] + step[k] * (seq_len(points) - 0.5)
    u <- as.matrix(expand.grid(axis(1L), axis(2L)))
    values <- f(u)
    kept <- u[values > max(values) - 42, , drop = FALSE]
    low <- pmax(low, apply(kept, 2L, min) - 1.5 * step)
    high <- pmin(high, apply(kept, 2L, max) + 1.5 * step)
  }
  list(low = low, high = high)
}

# (1 | a/b): the rows of a leaf see the sum s = b_a + b_b alone, with density N(b_a, sd_b^2) given
# b_a, so that their likelihood is needed on one line of s.
leaf_loglik <- function(fit, space) {
  parts <- integral_parts(fit, space)
  sd <- abs(diag(parts$Lambda)) # of b_a, b_b
  panels <- space$legendre_panels(if (sd[2L] > 0.2 * sd[1L]) 40L else 150L)
  leaf_of <- fit$design$groups[[2L]]$index
  sum(vapply(seq_along(fit$design$levels), function(i) {
    rows <- cluster_rows(fit, i)
    leaves <- lapply(split(rows, leaf_of[rows]), leaf_values, fit, space, parts, sd, panels)
    f <- function(u) {
      given <- vapply(leaves, function(leaf) {
        log_prior <- outer(sd[1L] * u, leaf$s, function(b, s) dnorm(s, b, sd[2L], log = TRUE))
        a <- sweep(log_prior, 2L, leaf$log_f, "+")
        top <- apply(a, 1L, max)
        top + log(rowSums(exp(a - top)))
      }, numeric(length(u)))
      rowSums(matrix(given, length(u))) + dnorm(u, log = TRUE)
    }
    points <- line_points(f, -9, 9, space$legendre_panels(30L, 5L), looks = 120L)
    space$log_sum(f(points$u) + points$log_w)
  }, 0))
}

# The line of s for a leaf: the log-likelihood of its rows with the weights of the points.
leaf_values <- function(rows, fit, space, parts, sd, panels) {
  log_f <- function(s) {
    eta <- outer(parts$eta0[rows], s, "+")
    colSums(space$brute_log_density(fit$design, parts$family, rows, eta, parts$phi))
  }
  widest <- sqrt(sum(sd^2))
  ends <- edge_interval(
    parts, cbind(parts$eta0[rows]), rep(1, length(rows)), -13 * widest, 13 * widest
  )
  f <- function(s) log_f(s) + dnorm(s, 0, widest, log = TRUE)
  points <- line_points(f, ends$low, ends$high, panels)
  list(s = points$u, log_f = log_f(points$u) + points$log_w)
}
