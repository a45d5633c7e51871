# Ten fits or more of each structure, frozen before a change of the code that is to change no
# number, and compared after it. Fits are deterministic but for the addresses of their vectors in
# memory, on which the order of some sums depends (crossed factors): so the code before is run with
# several heaps, and the bound is 1e-12, or four times what the heap alone changes.
#   Rscript tests/reference/frozen-fits.R save file.rds      (with the code before)
#   Rscript tests/reference/frozen-fits.R compare file.rds   (with the code after)

library(margmix)

simulated_groups <- function(seed, levels = c(a = 12L, b = 9L), n = 240L) {
  set.seed(seed)
  d <- data.frame(x = round(rnorm(n), 2), z = rep_len(0:1, n))
  for (g in names(levels)) d[[g]] <- sample(levels[[g]], n, TRUE)
  effect <- Reduce(`+`, lapply(names(levels), function(g) 0.7 * rnorm(levels[[g]])[d[[g]]]))
  eta <- -0.2 + 0.5 * d$x + effect
  d$y <- eta + rnorm(n)
  d$event <- rbinom(n, 1L, plogis(eta))
  d$count <- rpois(n, exp(eta / 2))
  d$part <- plogis(eta + rnorm(n) / 2)
  d$size <- rgamma(n, 4, 4 / exp(eta / 2))
  d
}

simulated_nested <- function(seed, m = 14L, leaves = 3L, rows = 4L) {
  set.seed(seed)
  d <- expand.grid(row = seq_len(rows), b = seq_len(leaves), a = seq_len(m))
  d$x <- round(rnorm(nrow(d)), 2)
  leaf <- (d$a - 1L) * leaves + d$b
  eta <- 0.1 + 0.4 * d$x + 0.7 * rnorm(m)[d$a] + 0.5 * rnorm(m * leaves)[leaf]
  d$y <- eta + rnorm(nrow(d))
  d$event <- rbinom(nrow(d), 1L, plogis(eta))
  d$count <- rpois(nrow(d), exp(eta / 2))
  d$part <- plogis(eta + rnorm(nrow(d)) / 2)
  d$unit <- rep_len(1:2, nrow(d))
  d
}

scalar_fits <- function() {
  d <- simulated_groups(1)
  list(
    infection = quote(glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection,
      binomial())),
    ohio7 = quote(glmm(resp ~ age * smoke + (1 | id), ohio, binomial(), nAGQ = 7)),
    seeds = quote(glmm(r / n ~ seed * extract + (1 | plate), seeds, binomial("probit"),
      weights = n)),
    pump = quote(glmm(failures ~ group + offset(log(time)) + (1 | pump), pump, poisson())),
    epilepsy = quote(glmm(seizures ~ treatment + log(base) + (1 | subject), epilepsy, nbinom2())),
    nbinom1 = quote(glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom1(), nAGQ = 1)),
    beta = bquote(glmm(part ~ x + (1 | a), .(d), beta_family())),
    gamma = bquote(glmm(size ~ x + (1 | a), .(d), Gamma("log"))),
    betabinomial = bquote(glmm(cbind(event, 4) ~ x + (1 | a), .(d), betabinomial(), nAGQ = 5)),
    logrisk = quote(glmm(outcome ~ treat + (1 | patient), respiratory, binomial("log"),
      nAGQ = 9)),
    gausslog = bquote(glmm(size ~ x + (1 | a), .(d), gaussian("log"), nAGQ = 7)),
    restricted = quote(glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection,
      binomial(), REML = TRUE)),
    zero = bquote(glmm(event ~ x + (1 | z), .(transform(d, z = rep_len(1:60, 240))), binomial()))
  )
}

vector_fits <- function() {
  d <- simulated_groups(2)
  list(
    toenail = quote(glmm(severe ~ treatment * month + (month | patient), toenail, binomial(),
      nAGQ = 5)),
    respiratory = quote(glmm(outcome ~ treat + visit + (visit | patient), respiratory, binomial(),
      nAGQ = 3)),
    independent = quote(glmm(outcome ~ treat + visit + (1 | patient) + (0 + visit | patient),
      respiratory, binomial(), nAGQ = 3)),
    epilepsy = quote(glmm(seizures ~ treatment + period + (period | subject), epilepsy,
      poisson())),
    laplace = quote(glmm(seizures ~ treatment + (period | subject), epilepsy, poisson(),
      nAGQ = 1)),
    three = quote(glmm(seizures ~ treatment + (period + I(period^2) | subject), epilepsy,
      poisson(), nAGQ = 1)),
    nbinom2 = quote(glmm(seizures ~ treatment + (period | subject), epilepsy, nbinom2(),
      nAGQ = 3)),
    gamma = bquote(glmm(size ~ x + (x | a), .(d), Gamma("log"), nAGQ = 5)),
    beta = bquote(glmm(part ~ x + (x | a), .(d), beta_family(), nAGQ = 3)),
    slope = bquote(glmm(count ~ x + (0 + x | a), .(d), poisson())),
    zero = bquote(glmm(event ~ x + (z | a), .(d), binomial(), nAGQ = 5))
  )
}

nested_fits <- function() {
  d <- simulated_nested(3)
  list(
    logit = bquote(glmm(event ~ x + (1 | a / b), .(d), binomial())),
    probit = bquote(glmm(event ~ x + (1 | a / b), .(d), binomial("probit"), nAGQ = c(7, 5))),
    poisson = bquote(glmm(count ~ x + (1 | a / b), .(d), poisson(), nAGQ = 5)),
    laplace = bquote(glmm(count ~ x + (1 | a / b), .(d), poisson(), nAGQ = 1)),
    slope = bquote(glmm(count ~ x + (x | a) + (1 | a:b), .(d), poisson(), nAGQ = 3)),
    nbinom2 = bquote(glmm(count ~ x + (1 | a / b), .(d), nbinom2(), nAGQ = 3)),
    beta = bquote(glmm(part ~ x + (1 | a / b), .(d), beta_family(), nAGQ = 5)),
    gausslog = bquote(glmm(exp(y / 3) ~ x + (1 | a / b), .(d), gaussian("log"), nAGQ = 3)),
    three = bquote(glmm(count ~ x + (1 | a / b / unit), .(d), poisson())),
    restricted = bquote(glmm(event ~ x + (1 | a / b), .(d), binomial(), nAGQ = 5, REML = TRUE)),
    zero = bquote(glmm(event ~ x + (1 | a / unit), .(d), binomial()))
  )
}

crossed_fits <- function() {
  d <- simulated_groups(4)
  three <- simulated_groups(5, c(a = 10L, b = 8L, c = 6L))
  large <- simulated_groups(6, c(a = 400L, b = 300L), 4000L)
  wide <- simulated_groups(7, c(a = 6000L, b = 6000L), 60000L)
  list(
    logit = bquote(glmm(event ~ x + (1 | a) + (1 | b), .(d), binomial())),
    cloglog = bquote(glmm(event ~ x + (1 | a) + (1 | b), .(d), binomial("cloglog"))),
    poisson = bquote(glmm(count ~ x + (1 | a) + (1 | b), .(d), poisson())),
    slope = bquote(glmm(count ~ x + (x | a) + (1 | b), .(d), poisson())),
    nbinom2 = bquote(glmm(count ~ x + (1 | a) + (1 | b), .(d), nbinom2())),
    gamma = bquote(glmm(size ~ x + (1 | a) + (1 | b), .(d), Gamma("log"))),
    beta = bquote(glmm(part ~ x + (1 | a) + (1 | b), .(d), beta_family())),
    three = bquote(glmm(count ~ x + (1 | a) + (1 | b) + (1 | c), .(three), poisson())),
    restricted = bquote(glmm(count ~ x + (1 | a) + (1 | b), .(d), poisson(), REML = TRUE)),
    stochastic = bquote(glmm(event ~ x + (1 | a) + (1 | b), .(large), binomial())),
    iterative = bquote(glmm(event ~ x + (1 | a) + (1 | b), .(wide), binomial()))
  )
}

linear_fits <- function() {
  d <- simulated_groups(8)
  large <- simulated_groups(9, c(a = 400L, b = 300L), 4000L)
  nested <- simulated_nested(10)
  list(
    scalar = bquote(glmm(y ~ x + (1 | a), .(d))),
    scalar_reml = bquote(glmm(y ~ x + (1 | a), .(d), REML = TRUE)),
    vector = bquote(glmm(y ~ x + (x | a), .(d))),
    vector_reml = bquote(glmm(y ~ x + (x | a), .(d), REML = TRUE)),
    independent = bquote(glmm(y ~ x + (1 | a) + (0 + x | a), .(d), weights = 1 + z)),
    nested = bquote(glmm(y ~ x + (1 | a / b), .(nested))),
    nested_reml = bquote(glmm(y ~ x + (1 | a / b), .(nested), REML = TRUE)),
    crossed = bquote(glmm(y ~ x + (1 | a) + (1 | b), .(d))),
    crossed_reml = bquote(glmm(y ~ x + (x | a) + (1 | b), .(d), REML = TRUE)),
    stochastic = bquote(glmm(y ~ x + (1 | a) + (1 | b), .(large))),
    zero = bquote(glmm(y ~ x + (1 | z), .(transform(d, z = rep_len(1:60, 240))))),
    three = bquote(glmm(y ~ x + (1 | a / b / unit), .(nested)))
  )
}

bridge_fits <- function() {
  d <- simulated_groups(11)
  bridge <- function(formula, data, ...) {
    as.call(c(list(quote(glmm), formula, data, quote(binomial()), random_distribution = "bridge"),
      list(...)))
  }
  list(
    infection = bridge(quote(cbind(success, n - success) ~ treatment + (1 | clinic)),
      quote(infection)),
    ohio = bridge(quote(resp ~ age + smoke + (1 | id)), quote(ohio), nAGQ = 15),
    respiratory = bridge(quote(outcome ~ treat + baseline + (1 | patient)), quote(respiratory)),
    toenail = bridge(quote(severe ~ treatment * month + (1 | patient)), quote(toenail), nAGQ = 31),
    seeds = bridge(quote(cbind(r, n - r) ~ seed * extract + (1 | plate)), quote(seeds)),
    seeds9 = bridge(quote(cbind(r, n - r) ~ extract + (1 | plate)), quote(seeds), nAGQ = 9),
    simulated = bridge(quote(event ~ x + (1 | a)), d),
    other = bridge(quote(event ~ x + z + (1 | b)), d, nAGQ = 25),
    offset = bridge(quote(event ~ x + offset(z / 2) + (1 | b)), d, nAGQ = 25),
    restricted = bridge(quote(event ~ x + (1 | a)), d, REML = TRUE),
    zero = bridge(quote(event ~ x + (1 | z)), transform(d, z = rep_len(1:60, 240)))
  )
}

gee_fits <- function() {
  R <- 0.3 + 0.7 * diag(4)
  correlations <- list(
    independence = "independence", exchangeable = "exchangeable", ar1 = "ar1",
    mdependent = quote(cor_mdependent(2)), pairs = quote(cor_mdependent(1, stationary = FALSE)),
    toeplitz = "toeplitz", unstructured = "unstructured", fixed = bquote(cor_fixed(.(R))),
    decay = "decay"
  )
  fits <- lapply(correlations, function(corstr) {
    bquote(gee(outcome ~ treat + visit, respiratory, patient, waves = visit,
      family = binomial(), corstr = .(corstr)))
  })
  d <- simulated_nested(12)
  c(fits, list(
    nested = bquote(gee(count ~ x, .(d), a, inner = ~ a:b, family = poisson(),
      corstr = cor_nested())),
    gaussian = bquote(gee(y ~ x, .(d), a, corstr = "exchangeable")),
    quasi = bquote(gee(part ~ x, .(d), a, family = quasibinomial(), corstr = "ar1")),
    risks = quote(gee(outcome ~ treat, respiratory, patient, family = binomial("identity"))),
    log = quote(gee(seizures ~ treatment, epilepsy, subject, family = poisson(),
      corstr = "exchangeable")),
    geepack = quote(gee(resp ~ age * smoke, ohio, id, family = binomial(),
      corstr = "ar1", control = gee_control(alpha_method = "geepack"))),
    firth = quote(gee(outcome ~ treat, respiratory, patient, family = binomial(),
      bias_reduce = TRUE))
  ))
}

structures <- list(
  scalar = scalar_fits, vector = vector_fits, nested = nested_fits, crossed = crossed_fits,
  linear = linear_fits, bridge = bridge_fits, gee = gee_fits
)

# What a step refuses, it refuses with the same words before and after.
value_of <- function(expr) tryCatch(expr, error = function(e) conditionMessage(e))

numbers_of <- function(fit) {
  rows <- utils::head(stats::model.frame(fit), 7L)
  list(
    coefficients = stats::coef(fit), theta = fit$theta, phi = fit$phi, alpha = fit$alpha,
    loglik = value_of(as.numeric(stats::logLik(fit))),
    vcov = value_of(stats::vcov(fit)), full = value_of(stats::vcov(fit, full = TRUE)),
    model = value_of(stats::vcov(fit, type = "model")),
    robust = value_of(stats::vcov(fit, type = "robust")),
    table = value_of(stats::coef(summary(fit))),
    rule = fit$rule[setdiff(names(fit$rule), "seed")],
    modes = lapply(value_of(component(fit, "modes")), utils::head, 20L),
    scores = utils::head(value_of(component(fit, "scores")), 3L),
    predicted = value_of(utils::head(stats::predict(fit, type = "response"), 7L)),
    population = value_of(lapply(
      stats::predict(fit, se.fit = TRUE, type = "response"), utils::head, 7L
    )),
    fitted = utils::head(stats::fitted(fit), 7L),
    residuals = value_of(utils::head(stats::residuals(fit, type = "pearson"), 7L)),
    effects = value_of(lapply(ranef(fit), function(x) utils::head(unlist(x), 20L))),
    criterion = fit$convergence[c("iterations", "evaluations", "converged")],
    rows = nrow(rows)
  )
}

# Without the scaled gradient at the end, which is rounding.
words_of <- function(fit) {
  words <- value_of(utils::capture.output(print(fit), print(summary(fit))))
  sub("H\\^-1 g = [-+.e0-9]+", "H^-1 g", words)
}

compute <- function() {
  lapply(structures, function(make) {
    lapply(make(), function(call) {
      fit <- suppressWarnings(suppressMessages(value_of(eval(call, globalenv()))))
      if (is.character(fit)) return(list(error = fit))
      suppressWarnings(suppressMessages(list(numbers = numbers_of(fit), words = words_of(fit))))
    })
  })
}

# The largest relative difference of two numbers; text must be the same.
difference <- function(before, after) {
  a <- rapply(list(before), as.numeric, c("numeric", "integer", "logical"), how = "unlist")
  b <- rapply(list(after), as.numeric, c("numeric", "integer", "logical"), how = "unlist")
  text <- function(x) rapply(list(x), identity, "character", how = "unlist")
  if (length(a) != length(b) || !identical(text(before), text(after))) return(Inf)
  if (!identical(is.na(a), is.na(b))) return(Inf)
  same <- a == b | is.na(a)
  if (all(same)) return(0)
  max((abs(a - b) / pmax(abs(a), abs(b), 1e-8))[!same])
}

# By structure and fit.
differences <- function(before, after) {
  Map(function(a, b) mapply(difference, a, b[names(a)]), before, after[names(before)])
}

# The heap is another one behind blocks of other sizes.
save_frozen <- function(file) {
  first <- compute()
  noise <- lapply(c(37L, 101L, 53L, 11L, 229L, 71L, 5L), function(size) {
    blocks <- lapply(seq_len(7777L), function(i) numeric(i %% size))
    found <- differences(first, compute())
    length(blocks) # kept until here
    found
  })
  saveRDS(list(fits = first, noise = do.call(Map, c(list(pmax), noise))), file)
}

compare <- function(frozen, after) {
  off <- unlist(differences(frozen$fits, after))
  bound <- pmax(1e-12, 4 * unlist(frozen$noise))
  for (k in which(off > bound)) {
    cat(names(off)[k], "differs by", format(off[k]), "and not at most", format(bound[k]), "\n")
  }
  count <- lengths(frozen$fits)
  cat(paste(count, names(count), collapse = ", "), "\n", sum(off <= 1e-12), " of ", length(off),
    " within 1e-12, ", sum(off > bound), " beyond what the heap changes (at most ",
    format(max(unlist(frozen$noise)), digits = 2L), ")\n", sep = "")
  all(off <= bound)
}

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 2L || !arguments[1L] %in% c("save", "compare")) {
  stop("Usage: frozen-fits.R save|compare file.rds")
}
if (arguments[1L] == "save") {
  save_frozen(arguments[2L])
} else {
  quit(status = as.integer(!compare(readRDS(arguments[2L]), compute())))
}
