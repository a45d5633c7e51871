# Bias, standard errors and intervals of gee(ipw = ) when visits are missing at random.
#
#   Rscript bench/simulation/ipw.R          1,000 data sets per cell -> ipw.csv, ipw.md
#   Rscript bench/simulation/ipw.R 100      100 of them
#
# A trial of two arms and four visits, ids 1 to m. The mean is eta = base + 0.3 visit arm; y is
# eta + e (Gaussian), or 1 where pnorm(e) is below plogis(eta) (binary); e is N(0, 1) with
# correlation 0.6^|s - t| between visits. Whoever was there at visit t - 1 comes to visit t with
# probability plogis(a + c y_{t-1}) in arm 1, plogis(a - c y_{t-1}) in arm 0, for ever gone
# otherwise. Weights are 1 over the product of these probabilities: the true ones ("known"), or
# those of a logistic regression on y_{t-1} by arm ("estimated").

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

visits <- 0:3
slope <- 0.3
base <- c(gaussian = 1, binomial = -0.5)
stays <- list(gaussian = c(0.8, 0.7), binomial = c(1, 1.2)) # a, c
latent <- chol(0.6^abs(outer(visits, visits, "-")))

stay_chance <- function(stay, arm, last) plogis(stay[1L] + stay[2L] * (2 * arm - 1) * last)

draw <- function(family, m) {
  e <- matrix(rnorm(m * 4L), m) %*% latent
  d <- data.frame(id = rep(seq_len(m), each = 4L), visit = visits)
  d$arm <- d$id %% 2
  eta <- base[[family]] + slope * d$visit * d$arm
  e <- as.vector(t(e))
  d$y <- if (family == "gaussian") eta + e else as.double(pnorm(e) < plogis(eta))
  d$last <- c(NA, d$y[-nrow(d)])
  d$last[d$visit == 0] <- NA
  d$p <- ifelse(d$visit == 0, 1, stay_chance(stays[[family]], d$arm, d$last))
  d$seen <- ave(runif(nrow(d)) < d$p, d$id, FUN = cumprod) == 1
  d$was <- ave(d$seen, d$id, FUN = function(s) c(TRUE, s[-4L])) == 1
  stay <- glm(seen ~ arm * last, binomial(), d, subset = visit > 0 & was)
  d$known <- 1 / ave(d$p, d$id, FUN = cumprod)
  estimated <- ifelse(d$visit == 0, 1, predict(stay, d, type = "response"))
  d$estimated <- 1 / ave(estimated, d$id, FUN = cumprod)
  d$y[!d$seen] <- NA
  d
}

weights <- c("none", "known", "estimated")

# Estimate and SE of visit:arm for each kind of weights; NA where the fit is refused or ends early.
one <- function(family, m, corstr) {
  d <- draw(family, m)
  vapply(weights, function(kind) {
    d$w <- if (kind == "none") 1 else d[[kind]]
    fit <- tryCatch(
      suppressMessages(suppressWarnings(
        gee(y ~ visit * arm, d, id, waves = visit, family = family, corstr = corstr, ipw = w)
      )),
      error = function(e) NULL
    )
    if (is.null(fit) || !fit$convergence$converged) return(rep(NA_real_, 3L))
    limits <- suppressMessages(confint(fit, "visit:arm"))
    c(coef(fit)[["visit:arm"]], sqrt(vcov(fit)["visit:arm", "visit:arm"]),
      limits[1L, 1L] <= slope && slope <= limits[1L, 2L])
  }, numeric(3L))
}

cell <- function(family, m, corstr, seed) {
  set.seed(seed)
  found <- vapply(seq_len(replicates), function(i) one(family, m, corstr), matrix(0, 3L, 3L))
  do.call(rbind, lapply(seq_along(weights), function(k) {
    x <- found[, k, ]
    x <- x[, !is.na(x[1L, ]), drop = FALSE]
    sd <- stats::sd(x[1L, ])
    data.frame(
      family, m, corstr, weights = weights[k], replicates = ncol(x),
      failed = replicates - ncol(x), bias = mean(x[1L, ]) - slope, bias_se = sd / sqrt(ncol(x)),
      sd, se_over_sd = mean(x[2L, ]) / sd, missed = 100 * mean(x[3L, ] == 0)
    )
  }))
}

cells <- expand.grid(
  corstr = c("independence", "ar1", "exchangeable"), m = c(100L, 400L),
  family = c("gaussian", "binomial"), stringsAsFactors = FALSE
)
found <- NULL
for (i in seq_len(nrow(cells))) {
  found <- rbind(found, cell(cells$family[i], cells$m[i], cells$corstr[i], 2000L + i))
  write.csv(format(found, digits = 5L, trim = TRUE), file.path(here, "ipw.csv"),
    row.names = FALSE, quote = FALSE
  )
}

number <- function(x, digits = 3L) formatC(x, format = "f", digits = digits)
writeLines(c(
  "# Weights for visits that are missing at random", "",
  paste0(
    "Written by `make simulate-ipw`: the coefficient `visit:arm` (truth ", slope, ") of `gee()`, ",
    replicates, " data sets a cell; misses of 95% intervals in percent, Monte Carlo SE of the ",
    "bias in brackets, and the mean SE over the standard deviation of the estimates. Weights by ",
    "row under independence, over the schedule of visits otherwise; `none`: rows as observed."
  ), "",
  "| family | ids | correlation | weights | fits | bias | SD | SE / SD | misses |",
  "|---|---|---|---|---|---|---|---|---|",
  with(found, paste0(
    "| ", family, " | ", m, " | ", corstr, " | ", weights, " | ", replicates, " | ", number(bias),
    " (", number(bias_se), ") | ", number(sd), " | ", number(se_over_sd, 2L), " | ",
    number(missed, 1L), " |"
  ))
), file.path(here, "ipw.md"))
