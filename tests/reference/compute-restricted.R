# Accuracy of 25 quadrature points for the links that restrict the mean or allow several modes.
#
# Writes restricted-links.csv: for small random data sets (helper-brute.R of tests/testthat) the
# exact log-likelihood by plain integration. It also prints the errors of K = 25; the tests check
# them against what the help page of glmm() says. A few minutes; needs the installed package.
suppressMessages(library(margmix))
helpers <- new.env(parent = asNamespace("margmix"))
sys.source("../testthat/helper-brute.R", helpers)

cases <- expand.grid(
  seed = 1:8, sd = c(0.25, 0.5, 1), q = 1:2,
  name = c(
    "binomial-log", "poisson-identity", "poisson-sqrt", "binomial-cauchit", "gaussian-log"
  ),
  stringsAsFactors = FALSE
)
# A log-binomial model with sd 1 on the log scale would have risks above 1.
cases <- cases[!(cases$name == "binomial-log" & cases$sd == 1), ]

cases[c("exact", "K25")] <- t(mapply(function(name, q, sd, seed) {
  family <- helpers$all_families()[[name]]
  model <- helpers$toy_model(family, q, m = 8L, sd = sd, seed = 100L + seed)
  restricted <- name %in% c("binomial-log", "poisson-identity")
  exact <- if (restricted) {
    helpers$brute_restricted_loglik(model, family)
  } else {
    # a Gaussian row is so informative at a large mean that the integrand is narrow
    helpers$brute_loglik(model, family, grid = helpers$brute_grid(q, 1 / c(200, 32)[q], 8))
  }
  c(exact, helpers$toy_engine(model, family, 25L)$value)
}, cases$name, cases$q, cases$sd, cases$seed))

errors <- aggregate(abs(K25 - exact) ~ sd + q + name, cases, function(e) {
  signif(c(median = median(e), largest = max(e)), 2)
})
print(errors)
columns <- c("name", "q", "sd", "seed", "exact")
cases$exact <- sprintf("%.9f", cases$exact)
write.csv(cases[columns], "restricted-links.csv", row.names = FALSE, quote = FALSE)
