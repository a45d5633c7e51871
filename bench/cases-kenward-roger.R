# The covariance of Kenward and Roger after a fit by REML; the fits are made beforehand and are not
# timed. What a fit remembers is not used.

list(
  "KR" = list(
    work = "Kenward-Roger covariance, (x | id), 200 x 50, 10 coefficients",
    data = function(shrink) {
      set.seed(7)
      m <- 200L %/% shrink
      id <- rep(seq_len(m), each = 50L)
      n <- length(id)
      X <- matrix(rnorm(9L * n), n, dimnames = list(NULL, paste0("x", 1:9)))
      d <- data.frame(id = id, X, y = rnorm(n) + rnorm(m)[id] + rnorm(m, sd = 0.5)[id] * X[, 1L])
      fixed <- paste(colnames(X), collapse = " + ")
      formula <- as.formula(paste("y ~", fixed, "+ (x1 | id)"))
      list(
        fit = margmix::glmm(formula, d, REML = TRUE),
        peer = if (requireNamespace("pbkrtest", quietly = TRUE)) lme4::lmer(formula, d)
      )
    },
    fits = list(
      margmix = function(data) {
        fit <- data$fit
        fit$memory <- NULL
        vcov(fit, type = "KR")
      },
      pbkrtest = function(data) as.matrix(pbkrtest::vcovAdj(data$peer))
    ),
    targets = c(pbkrtest = NA),
    read = function(fit, package) {
      list(estimate = unname(sqrt(diag(fit))), se = unname(sqrt(diag(fit))))
    }
  )
)
