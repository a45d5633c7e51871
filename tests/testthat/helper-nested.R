# Small random data sets with two nested levels, and their likelihood by plain integration.

#' A design in the engine's shape: m clusters of `leaves` leaves of `rows` rows
#'
#' @param qa,qb Random effects of a cluster and of a leaf, correlated within each.
#' @return As [toy_model()].
#' @noRd
toy_nested <- function(family, qa = 1L, qb = 1L, m = 3L, leaves = 2L, rows = 3L, sd = 0.5,
                       seed = 1, ...) {
  model <- toy_model(family, qa + qb, m = m, rows = leaves * rows, sd = sd, seed = seed, ...)
  design <- model$design
  design$Z[, qa + 1L] <- 1
  columns <- list(seq_len(qa), qa + seq_len(qb))
  keep <- (design$theta_row < qa) == (design$theta_col < qa)
  p <- ncol(design$X)
  model$psi <- model$psi[-(p + which(!keep))]
  design$theta_row <- design$theta_row[keep]
  design$theta_col <- design$theta_col[keep]
  design$structure <- "nested"
  design$groups <- list(
    list(label = "a", levels = design$levels, columns = columns[[1L]],
      index = rep(seq_len(m) - 1L, each = leaves * rows)),
    list(label = "a:b", levels = as.character(seq_len(m * leaves)), columns = columns[[2L]],
      index = rep(seq_len(m * leaves) - 1L, each = rows))
  )
  model$design <- random_part(design)
  model
}

# log-likelihood of a random intercept at each level, with the survey weights of the design, if it
# has any: trapezoid sums, the inner one for each value of the outer effect.
brute_nested <- function(model, family, psi = model$psi, h = 0.1, reach = 9) {
  design <- model$design
  parts <- brute_parts(model, family, psi)
  u <- seq(-reach, reach, by = h)
  log_weight <- dnorm(u, log = TRUE) + log(h)
  log_sum <- function(x) max(x) + log(sum(exp(x - max(x))))
  leaf <- design$groups[[2L]]$index
  total <- 0
  for (i in unique(design$groups[[1L]]$index)) {
    outer <- vapply(u, function(ua) {
      sum(vapply(unique(leaf[design$groups[[1L]]$index == i]), function(l) {
        rows <- which(leaf == l)
        eta <- parts$eta0[rows] + parts$V[rows, 1L] * ua + outer(parts$V[rows, 2L], u)
        density <- brute_log_density(design, family, rows, eta, parts$phi)
        (design$inner_weights[l + 1L] %||% 1) * log_sum(colSums(density) + log_weight)
      }, 0))
    }, 0)
    total <- total + (design$cluster_weights[i + 1L] %||% 1) * log_sum(outer + log_weight)
  }
  total
}

# Clusters a, leaves b numbered anew in each, responses of several kinds; rows in no order.
nested_data <- function(m = 15L, leaves = 3L, rows = 4L, seed = 6) {
  set.seed(seed)
  d <- expand.grid(row = seq_len(rows), b = seq_len(leaves), a = seq_len(m))
  leaf <- (d$a - 1L) * leaves + d$b
  d$x <- rnorm(nrow(d))
  eta <- -0.2 + 0.6 * d$x + rnorm(m)[d$a] + 0.8 * rnorm(m * leaves)[leaf]
  d$y <- rbinom(nrow(d), 1, plogis(eta))
  d$count <- rpois(nrow(d), exp(0.2 + 0.5 * eta))
  d$response <- eta + rnorm(nrow(d))
  d[sample(nrow(d)), ]
}

# Means of the first cluster and of its first leaf, and P(effect < its median), from a grid of u_a
# and u_b, and the posterior density there; with the survey weights of the fit, if it has any.
check_posterior <- function(fit, log_density) {
  design <- fit$design
  u <- seq(-7, 7, by = 0.04)
  eta0 <- row_offset(design) + drop(design$X %*% fit$beta)
  sd <- lapply(design$groups, function(group) fit$Lambda[group$columns, group$columns])
  leaf <- design$groups[[2L]]$index
  leaves <- unique(leaf[design$groups[[1L]]$index == 0])
  each <- lapply(leaves, function(l) {
    Reduce(`+`, lapply(which(leaf == l), function(j) {
      eta <- eta0[j] + outer(sd[[1L]] * u, sd[[2L]] * u, `+`)
      row_weights(design)[j] * log_density(design$y[j], eta)
    }))
  })
  inner <- vapply(each, function(f) log(rowSums(exp(f) * rep(dnorm(u), each = length(u)))), u)
  log_top <- drop(inner %*% (design$inner_weights[leaves + 1L] %||% rep(1, length(leaves))))
  densities <- list(
    exp(log_top) * dnorm(u), colSums(exp(log_top - inner[, 1L] + each[[1L]]) * dnorm(u)) * dnorm(u)
  )
  of_first <- function(type) {
    b <- ranef(fit, type)
    c(b[[1L]][1L, 1L] / sd[[1L]], b[[2L]][leaves[1L] + 1L, 1L] / sd[[2L]])
  }
  means <- vapply(densities, function(p) sum(u * p) / sum(p), 0)
  expect_equal(of_first("mean"), means, tolerance = 1e-5)
  Map(function(p, x) {
    f <- splinefun(u, p / sum(0.04 * p))
    below <- integrate(f, -7, x, rel.tol = 1e-10, subdivisions = 500L)$value
    expect_lt(abs(below - 0.5) / f(x), 1e-6)
  }, densities, of_first("median"))
}

# Gradient and Hessian of the engine against differences. Returns the engine's answer.
expect_derivatives <- function(model, family, K, label, ...) {
  exact <- toy_engine(model, family, K, 2L, ...)
  value <- function(psi) toy_engine(model, family, K, 0L, psi)$value
  g <- numDeriv::grad(value, model$psi)
  expect_lt(max(abs(exact$gradient - g) / pmax(1, abs(g))), 1e-7, label = label)
  H <- numDeriv::jacobian(function(psi) toy_engine(model, family, K, 1L, psi)$gradient,
    model$psi, method.args = list(r = 3)
  )
  expect_lt(max(abs(exact$hessian - H)) / max(1, abs(H)), 1e-5, label = label)
  invisible(exact)
}
