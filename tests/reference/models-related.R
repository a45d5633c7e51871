# Models with related levels, stated once for compute-related.R and the tests. Series are simulated
# here; `epilepsy` and `toenail` are data of the package, given by the caller.
#
# A list of list(formula, peer, family, data): `peer` is the formula as glmmTMB reads it, with times
# as factors.

series_data <- function(seed, ids, times, r, sd, response, keep = 1) {
  set.seed(seed)
  d <- expand.grid(t = seq_len(times), id = seq_len(ids))
  d$x <- rnorm(nrow(d))
  d$b <- as.vector(replicate(ids, sd * arima.sim(list(ar = r), times, sd = sqrt(1 - r^2))))
  d$y <- response(d)
  d <- d[runif(nrow(d)) < keep, ]
  d$tf <- factor(d$t, seq_len(times))
  d
}

# Times at random, in units of 0.01.
process_data <- function(seed, ids, times, rate, sd, response) {
  set.seed(seed)
  d <- expand.grid(k = seq_len(times), id = seq_len(ids))
  d$t <- as.vector(replicate(ids, sort(sample(1000, times)) / 100))
  d$x <- rnorm(nrow(d))
  b <- numeric(nrow(d))
  for (i in seq_len(nrow(d))) {
    r <- if (d$k[i] == 1) 0 else exp(-rate * (d$t[i] - d$t[i - 1]))
    b[i] <- r * (if (i > 1) b[i - 1] else 0) + rnorm(1, 0, sqrt(1 - r^2))
  }
  d$b <- sd * b
  d$y <- response(d)
  d
}

related_models <- function(sets) {
  counts <- function(d) rpois(nrow(d), exp(0.5 + 0.3 * d$x + d$b))
  model <- function(formula, peer, family, data) {
    list(formula = formula, peer = peer, family = family, data = data)
  }
  ar1 <- y ~ x + ar1(t + 0 | id)
  ar1_peer <- y ~ x + ar1(tf + 0 | id)
  ou <- y ~ x + ou(t + 0 | id)
  ou_peer <- y ~ x + ou(nt + 0 | id)
  sets$epilepsy$visit <- factor(sets$epilepsy$period)
  list(
    poisson_ar1 = model(ar1, ar1_peer, "poisson", series_data(7, 40, 12, 0.6, 0.8, counts)),
    poisson_gaps = model(ar1, ar1_peer, "poisson", series_data(3, 30, 15, 0.7, 1, counts, 0.7)),
    binomial_ar1 = model(ar1, ar1_peer, "binomial", series_data(
      2, 60, 10, 0.8, 1.5, function(d) rbinom(nrow(d), 1, plogis(d$x + d$b))
    )),
    negative_ar1 = model(ar1, ar1_peer, "nbinom2", series_data(
      4, 40, 15, -0.6, 1, function(d) rnbinom(nrow(d), size = 3, mu = exp(1 + 0.3 * d$x + d$b))
    )),
    gaussian_ar1 = model(ar1, ar1_peer, "gaussian", series_data(
      5, 25, 20, 0.7, 1, function(d) 2 + d$x + d$b + rnorm(nrow(d), 0, 0.5)
    )),
    epilepsy_ar1 = model(
      seizures ~ treatment + base + ar1(visit + 0 | subject) + (1 | subject),
      seizures ~ treatment + base + ar1(visit + 0 | subject) + (1 | subject),
      "poisson", sets$epilepsy
    ),
    poisson_ou = model(ou, ou_peer, "poisson", process_data(8, 25, 12, 0.8, 0.9, counts)),
    gaussian_ou = model(ou, ou_peer, "gaussian", process_data(
      9, 20, 15, 0.5, 1, function(d) 2 + d$x + d$b + rnorm(nrow(d), 0, 0.5)
    ))
  )
}
