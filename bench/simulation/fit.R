# One data set: fits, intervals and tests.

engine <- asNamespace("margmix")

design_of <- function(data, set, columns) {
  rows <- seq.int(data$start[set] + 1L, data$start[set + 1L])
  n <- length(rows)
  X <- columns(lapply(data[c("x", "trt", "w", "within", "between")], `[`, rows))
  sizes <- data$sizes[set, ]
  structure(list(
    X = X, y = data$y[rows], trials = rep(1, n), weights = rep(1, n), offset = numeric(n),
    start = c(0L, as.integer(cumsum(sizes))), levels = as.character(seq_along(sizes)),
    weights_type = "prior", group = "cluster",
    aliased = stats::setNames(logical(ncol(X)), colnames(X))
  ), class = "margmix_design")
}

models <- list(
  main = function(d) cbind(`(Intercept)` = 1, trt = d$trt, w = d$w, x = d$x),
  within = function(d) {
    cbind(`(Intercept)` = 1, x = d$x, f1 = d$within == 1, f2 = d$within == 2, f3 = d$within == 3)
  },
  between = function(d) {
    cbind(`(Intercept)` = 1, x = d$x, f1 = d$between == 1, f2 = d$between == 2,
      f3 = d$between == 3)
  }
)

# NULL if the fit fails: an error, no convergence, or separated responses.
fit_of <- function(design, family, correlation, control) {
  fit <- tryCatch(
    suppressMessages(suppressWarnings(
      engine$fit_gee_design(design, family, correlation, control = control)
    )),
    margmix_error = function(e) NULL
  )
  if (is.null(fit) || !fit$convergence$converged || isTRUE(fit$separation$separated)) return(NULL)
  structure(c(fit, list(design = design, family = family)), class = c("margmix_gee", "margmix_fit"))
}

# Is the true value outside the interval? One row of numbers for each coefficient.
intervals_of <- function(fit, truth) {
  pieces <- engine$cluster_pieces(fit)
  KC <- engine$engine_sandwich(pieces, "KC")
  se <- function(out) sqrt(diag(out$vcov))
  plain <- se(engine$engine_sandwich(pieces, "robust", rule = "none"))
  FW <- se(engine$engine_sandwich(pieces, "FW", rule = "none"))
  MD <- se(engine$engine_sandwich(pieces, "MD", rule = "none"))
  off <- abs(fit$beta - truth)
  constant <- sum(names(truth) %in% c("(Intercept)", "trt"))
  t_between <- qt(0.975, length(fit$design$levels) - constant)
  critical <- qt(0.975, KC$df)
  cbind(
    estimate = fit$beta, df = KC$df, half = critical * se(KC), default = off > critical * se(KC),
    robust = off > qnorm(0.975) * plain, FW = off > t_between * FW, MD = off > t_between * MD,
    clamped = fit$convergence$clamped
  )
}

# Rejections of the joint hypothesis that the three coefficients of a factor are 0. The p value of
# draws is unbiased, so that a hundred of them show the level of the default's many.
joint_of <- function(fit, seed) {
  pieces <- engine$cluster_pieces(fit)
  C <- diag(5)[3:5, ]
  V <- engine$engine_sandwich(pieces, "KC", rule = "none")$vcov
  plain <- engine$engine_sandwich(pieces, "robust", rule = "none")$vcov
  hotelling <- engine$hotelling_test(fit, C, V, "KC", pieces)
  drawn <- engine$drawn_test(fit, C, V, "KC", list(count = 200, seed = seed), pieces)
  default <- if (isTRUE(hotelling$df2 >= engine$hotelling_needs_df)) hotelling else drawn
  # The uncorrected matrix is singular where few clusters leave their scores on a plane.
  Q <- tryCatch(sum(fit$beta[3:5] * solve(plain[3:5, 3:5], fit$beta[3:5])),
    error = function(e) NA_real_)
  c(
    estimate = NA, df = hotelling$df2, half = NA, default = default$p.value < 0.05,
    robust = Q > qchisq(0.95, 3), FW = NA, MD = NA, clamped = fit$convergence$clamped,
    hotelling = hotelling$p.value < 0.05, drawn = drawn$p.value < 0.05
  )
}
