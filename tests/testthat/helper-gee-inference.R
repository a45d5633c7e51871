# D_i, V_i and e_i of a fit of gee() with dense V_i, from its estimates and nothing of the engine.
gee_equations <- function(fit) {
  design <- fit$design
  family <- stats::family(fit)
  lapply(seq_along(design$levels), function(i) {
    rows <- seq(design$start[i] + 1L, design$start[i + 1L])
    n <- length(rows)
    eta <- drop(design$X[rows, , drop = FALSE] %*% fit$beta) + row_offset(design)[rows]
    mu <- family$linkinv(eta)
    w <- row_weights(design)[rows] * row_trials(design)[rows]
    lag <- abs(outer(seq_len(n), seq_len(n), "-"))
    R <- switch(fit$correlation$type,
      independence = diag(n), exchangeable = fit$alpha + (1 - fit$alpha) * diag(n),
      ar1 = fit$alpha^lag
    )
    root <- diag(sqrt(family$variance(mu) / w), n)
    list(
      D = family$mu.eta(eta) * unname(design$X[rows, , drop = FALSE]),
      V = fit$phi * root %*% R %*% root, e = design$y[rows] / row_trials(design)[rows] - mu
    )
  })
}

gee_fits <- new.env()

gee_fit <- function(name) {
  if (is.null(gee_fits[[name]])) {
    first <- as.integer(factor(respiratory$patient, unique(respiratory$patient))) <= 20
    gee_fits[[name]] <- switch(name,
      respiratory = gee(outcome ~ treat + age + baseline, respiratory,
        id = patient, family = binomial(), corstr = "exchangeable", subset = first
      ),
      seizures = gee(seizures ~ treatment + log(base), epilepsy,
        id = subject, waves = period, family = poisson(), corstr = "ar1",
        subset = as.integer(subject) %% 3 == 1 & as.integer(subject) + period > 4
      ),
      factor = gee(outcome ~ treat * center + cut(age, c(0, 25, 40, 99)), respiratory,
        id = patient, family = binomial(), corstr = "exchangeable"
      )
    )
  }
  gee_fits[[name]]
}
