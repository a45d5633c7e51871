# How time and memory of a fit grow with the data and the model.

source(file.path(here, "fits.R"))

fit_seconds <- function(m, ni, random = "1", K = 25L, extra = 0L, threads = 1L, runs = 3L) {
  set.seed(1)
  slope <- switch(random, "1" = 0, t = 0.5, c(0.5, 0.5))
  data <- simclus(m, ni, slope, "binomial", extra)
  formula <- sim_formula(random, extra)
  timed(function() fit_margmix(formula, data, binomial(), K, threads), runs)
}

# Slopes between neighbours on the log-log scale, and over the whole range.
log_slopes <- function(x, seconds) {
  c(NA, diff(log(seconds)) / diff(log(x)))
}

grid_table <- function(name, x, fit) {
  runs <- lapply(x, fit)
  seconds <- vapply(runs, function(r) r$cpu, 0)
  data.frame(
    what = name, value = x, `CPU s` = seconds, slope = log_slopes(x, seconds),
    evaluations = vapply(runs, function(r) as.numeric(r$value$convergence$evaluations), 0),
    check.names = FALSE
  )
}

growth <- function(shrink) {
  base <- 4000L %/% shrink
  clusters <- c(100L, 1000L, 10000L, 100000L) %/% shrink
  rbind(
    grid_table("clusters m", clusters, function(m) fit_seconds(m, 10L)),
    grid_table("rows per cluster", c(2L, 5L, 10L, 40L, 160L), function(ni) fit_seconds(base, ni)),
    grid_table("coefficients p", c(7L, 15L, 30L, 60L, 120L), function(p) {
      fit_seconds(base, 10L, extra = p - 7L)
    }),
    grid_table("nodes K, (1 | id)", c(1L, 5L, 11L, 25L, 51L, 101L), function(K) {
      fit_seconds(base, 10L, K = K)
    }),
    grid_table("nodes K per dimension, (t | id)", c(1L, 3L, 5L, 11L, 25L), function(K) {
      fit_seconds(base %/% 4L, 10L, "t", K = K)
    }),
    grid_table("random columns q, K = 1", 1:3, function(q) {
      fit_seconds(base, 10L, c("1", "t", "t + x1")[q], K = 1L)
    }),
    grid_table("random columns q, K = 5 per dimension", 1:3, function(q) {
      fit_seconds(base %/% 4L, 10L, c("1", "t", "t + x1")[q], K = 5L)
    })
  )
}

# One evaluation of value, of value and gradient, and with the Hessian, at the estimates.
evaluation_cost <- function(shrink) {
  one <- function(p) {
    set.seed(1)
    data <- simclus(4000L %/% shrink, 10L, extra = p - 7L)
    fit <- fit_margmix(sim_formula("1", p - 7L), data, binomial(), 25L)
    engine <- getFromNamespace("engine_evaluate", "margmix")
    psi <- c(fit$beta, fit$theta)
    seconds <- vapply(0:2, function(order) {
      timed(function() {
        for (i in 1:10) engine(fit$design, fit$family, psi, 25L, order, fit$modes, fit$control)
      }, 5L)$cpu / 10
    }, 0)
    data.frame(
      p = p, `value, ms` = 1e3 * seconds[1], `+ gradient, ms` = 1e3 * seconds[2],
      `+ Hessian, ms` = 1e3 * seconds[3], `gradient / value` = seconds[2] / seconds[1],
      `Hessian / value` = seconds[3] / seconds[1], check.names = FALSE
    )
  }
  do.call(rbind, lapply(c(7L, 15L, 30L, 60L, 120L), one))
}

# The floor: one vectorised exp per row and node, and one pass of X'r.
floor_cost <- function(shrink) {
  n <- 40000L %/% shrink
  eta <- rnorm(n)
  X <- matrix(rnorm(7L * n), n)
  c(
    exp = timed(function() for (i in 1:500) exp(eta), 5L)$cpu / 20,
    crossprod = timed(function() for (i in 1:100) crossprod(X, eta), 5L)$cpu / 100
  )
}

#' Share of the time of a fit that is not spent in compiled code of the package
outside_share <- function(m, K, random = "1", family = binomial()) {
  set.seed(1)
  data <- simclus(m, 10L, if (random == "1") 0 else 0.5, family$family)
  formula <- sim_formula(random)
  seconds <- timed(function() fit_margmix(formula, data, family, K), 3L)$cpu
  repeats <- max(1, min(100, ceiling(2 / seconds)))
  log <- tempfile()
  Rprof(log, interval = 0.005)
  for (i in seq_len(repeats)) fit_margmix(formula, data, family, K)
  Rprof(NULL)
  samples <- readLines(log)[-1L]
  # in compiled code the innermost R function is one of the engine's doors, whose names end in _
  1 - mean(grepl('^("\\.Call" )?"[a-z_]+_" ', samples))
}

outside_table <- function(shrink) {
  cases <- list(
    list("logit, (1 | id), K = 25", 10000L, 25L, "1"),
    list("logit, (1 | id), Laplace", 10000L, 1L, "1"),
    list("logit, (t | id), K = 11", 2000L, 11L, "t"),
    list("logit, (t | id), Laplace", 2000L, 1L, "t"),
    list("logit, (1 | id), 100 clusters, K = 25", 100L * shrink, 25L, "1")
  )
  do.call(rbind, lapply(cases, function(case) {
    share <- outside_share(case[[2]] %/% shrink, case[[3]], case[[4]])
    data.frame(work = case[[1]], `share outside` = share, check.names = FALSE)
  }))
}

# A fit in a fresh process, which alone shows the peak of its memory; see fresh.R.
fresh_fit <- function(script, m, ni, K, threads = 1L) {
  out <- system2(file.path(R.home("bin"), "Rscript"), c(script, m, ni, K, threads), stdout = TRUE)
  utils::read.csv(text = out, check.names = FALSE)
}

thread_table <- function(shrink) {
  fits <- list(
    `logit, (1 | id), 100,000 x 10, K = 25` = function(threads) {
      fit_seconds(100000L %/% shrink, 10L, threads = threads)
    },
    `logit, (t | id), 10,000 x 10, K = 11` = function(threads) {
      fit_seconds(10000L %/% shrink, 10L, "t", 11L, threads = threads)
    }
  )
  compared <- c("beta", "theta", "logLik")
  do.call(rbind, lapply(names(fits), function(work) {
    one <- fits[[work]](1L)
    two <- fits[[work]](2L)
    data.frame(
      work = work, `1 thread, s` = one$fastest, `2 threads, s` = two$fastest,
      `speed-up` = one$fastest / two$fastest,
      `same bits` = identical(one$value[compared], two$value[compared]), check.names = FALSE
    )
  }))
}

# Large fits come first: they would suffer from a heap that other fits have grown.
scaling_text <- function(shrink, fresh) {
  section <- function(title, words, table) {
    c(paste("##", title), "", words, "", markdown_table(table), "")
  }
  rows <- c(10000L, 100000L, 1000000L) %/% shrink
  memory <- do.call(rbind, lapply(rows, function(n) fresh_fit(fresh, n %/% 10L, 10L, 25L)))
  floor <- floor_cost(shrink)
  c(
    section("Memory", c(
      "logit, (1 | id), 10 rows per cluster, K = 25, each in a fresh process. `peak` is the",
      "largest resident memory, `above` its excess over the memory with data and package loaded,",
      "X the fixed-effects matrix."
    ), memory),
    section("Threads", "Elapsed seconds, fastest of three runs.", thread_table(shrink)),
    section("Growth", c(
      "Processor seconds of a fit, one thread (median of three; logit, 10 rows per cluster and",
      "K = 25 where nothing else is said), the slope of log seconds on log value from the line",
      "above, and the evaluations of the last stage of the search, which vary with the data."
    ), growth(shrink)),
    section("One evaluation", c(
      paste0(
        "logit, (1 | id), ", format(40000L %/% shrink, big.mark = ","),
        " rows, K = 25, at the estimates; processor time."
      ),
      paste0(
        "The floor on this machine: 25 vectorised exp() of all rows ",
        signif(1e3 * floor[["exp"]], 3), " ms, one X'r with p = 7 ",
        signif(1e3 * floor[["crossprod"]], 3), " ms."
      )
    ), evaluation_cost(shrink)),
    section(
      "Time outside the compiled engine",
      "Share of the samples of a profile: formula, model frame, checks, optimiser.",
      outside_table(shrink)
    )
  )
}
