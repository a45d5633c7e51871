# Models with spatial fields, stated once for compute-fields.R and the tests. `quakes` comes with R
# (datasets); `sets` has the wheat trial and the heights of wheat2.csv and topo.csv; the others are
# simulated here.
#
# A list of list(formula, peer, family, data, nu): `peer` is the formula as glmmTMB reads it, with
# places as numFactor(); `nu` the smoothness of mat().

field_data <- function(seed, places, groups, sd, correlation, response) {
  set.seed(seed)
  d <- expand.grid(place = seq_len(places), g = seq_len(groups))
  at <- matrix(round(runif(2 * places * groups), 3), ncol = 2)
  d$u <- at[, 1]
  d$v <- at[, 2]
  d$x <- rnorm(nrow(d))
  K <- correlation(as.matrix(dist(at))) * outer(d$g, d$g, "==")
  d$b <- sd * drop(crossprod(chol(K + diag(1e-8, nrow(d))), rnorm(nrow(d))))
  d$y <- response(d)
  d
}

field_models <- function(sets) {
  counts <- function(d) rpois(nrow(d), exp(0.7 + 0.3 * d$x + d$b))
  exponential <- function(h) exp(-h / 0.2)
  gaussian <- function(h) exp(-(h / 0.25)^2)
  matern <- function(h) (1 + h / 0.15) * exp(-h / 0.15)
  smooth <- function(h) (1 + h / 0.1 + (h / 0.1)^2 / 3) * exp(-h / 0.1)
  quakes <- datasets::quakes[1:120, ]
  line <- field_data(5, 60, 1, 1, function(h) exponential(3 * h), function(d) {
    rnbinom(nrow(d), size = 4, mu = exp(1 + 0.3 * d$x + d$b))
  })
  model <- function(formula, peer, family, data, at, nu = NULL) {
    data$where <- glmmTMB_places(data[at])
    data$everywhere <- factor(1)
    list(formula = formula, peer = peer, family = family, data = data, nu = nu)
  }
  list(
    quakes_exp = model(
      stations ~ mag + exp(long + lat | 1), stations ~ mag + exp(where + 0 | everywhere), "poisson",
      quakes, c("long", "lat")
    ),
    topo_mat = model(
      z ~ 1 + mat(x + y | 1, nu = 1.5), z ~ 1 + mat(where + 0 | everywhere), "gaussian", sets$topo,
      c("x", "y"), nu = 1.5
    ),
    wheat_exp = model(
      yield ~ 1 + exp(north + east | 1), yield ~ 1 + exp(where + 0 | everywhere), "gaussian",
      sets$wheat2, c("north", "east")
    ),
    binomial_mat = model(
      y ~ x + mat(u + v | g), y ~ x + mat(where + 0 | g), "binomial",
      field_data(2, 60, 3, 1.5, matern, function(d) rbinom(nrow(d), 1, plogis(d$x + d$b))),
      c("u", "v"), nu = 1.5
    ),
    poisson_gau = model(
      y ~ x + gau(u + v | g), y ~ x + gau(where + 0 | g), "poisson",
      field_data(3, 40, 2, 0.8, gaussian, counts), c("u", "v")
    ),
    poisson_mat = model(
      y ~ x + mat(u + v | g, nu = 2.5), y ~ x + mat(where + 0 | g), "poisson",
      field_data(4, 90, 1, 0.9, smooth, counts), c("u", "v"), nu = 2.5
    ),
    negative_exp = model(
      y ~ x + exp(u + 0 | g), y ~ x + exp(where + 0 | g), "nbinom2", line, "u"
    ),
    gaussian_mat = model(
      y ~ x + mat(u + v | g), y ~ x + mat(where + 0 | g), "gaussian",
      field_data(6, 40, 2, 1, matern, function(d) 2 + d$x + d$b + rnorm(nrow(d), 0, 0.5)),
      c("u", "v"), nu = 1.5
    )
  )
}

# As numFactor() of glmmTMB writes coordinates; only that package reads the column.
glmmTMB_places <- function(at) {
  text <- paste0("(", do.call(paste, c(unname(as.list(at)), sep = ",")), ")")
  factor(text, unique(text))
}
