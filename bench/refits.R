# One model, many fits: responses, parametric bootstrap, leaving out clusters. Writes refits.md
# beside this file.
#
#   Rscript bench/refits.R     R_LIBS must name a library with margmix; lme4 is the peer

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "measure.R"))
suppressMessages(library(margmix))
if (!requireNamespace("lme4", quietly = TRUE)) stop("Install lme4, the peer.")

quietly <- function(expr) suppressMessages(suppressWarnings(expr))

# Processor seconds of one run, after a warm one of `warm`.
processor_time <- function(run, warm = run) {
  quietly(warm())
  quietly(timed(run))[c("value", "cpu")]
}

row_of <- function(work, by, fits, cpu, agreement) {
  data.frame(
    work = work, by = by, fits = fits, `CPU s` = cpu, `ms each` = 1000 * cpu / fits,
    agreement = agreement, check.names = FALSE
  )
}

# New responses: 56 rows of 15 herds, binomial.
responses <- function() {
  cbpp <- lme4::cbpp
  formula <- cbind(incidence, size - incidence) ~ period + (1 | herd)
  fit <- glmm(formula, cbpp, binomial(), nAGQ = 1)
  lme4_fit <- lme4::glmer(formula, cbpp, binomial())
  Y <- simulate(fit, 1000, seed = 1)
  ours <- processor_time(function() refit(fit, Y), function() refit(fit, Y[1:20]))
  single <- processor_time(function() lapply(1:20, function(i) refit(fit, Y[[i]])))
  theirs <- processor_time(function() lapply(1:20, function(i) lme4::refit(lme4_fit, Y[[i]])))
  difference <- function(likelihoods) max(abs(ours$value$logLik[1:20] - unlist(likelihoods)))
  likelihood <- function(value) lapply(value, function(fit) as.numeric(logLik(fit)))
  words <- "new responses, cbpp (56 rows, 15 clusters), Laplace"
  rbind(
    row_of(words, "margmix, refit(fit, Y)", 1000L, ours$cpu, ""),
    row_of(words, "margmix, one at a time", 20L, single$cpu,
      paste("log-likelihoods to", short(difference(likelihood(single$value)), 1L))
    ),
    row_of(words, "lme4", 20L, theirs$cpu,
      paste("log-likelihoods to", short(difference(likelihood(theirs$value)), 1L))
    )
  )
}

# A trial of 20 clusters of 30 rows, logit, clusters assigned.
trial <- function() {
  set.seed(2)
  d <- data.frame(cluster = factor(rep(1:20, each = 30)), arm = rep(0:1, each = 300))
  d$y <- rbinom(600, 1, plogis(-0.5 + 0.5 * d$arm + rnorm(20, sd = 0.5)[d$cluster]))
  fit <- glmm(y ~ arm + (1 | cluster), d, binomial(), nAGQ = 1)
  lme4_fit <- lme4::glmer(y ~ arm + (1 | cluster), d, binomial())
  ours <- processor_time(
    function() bootstrap(fit, 1000, seed = 1), function() bootstrap(fit, 20, seed = 1)
  )
  theirs <- processor_time(
    function() lme4::bootMer(lme4_fit, lme4::fixef, nsim = 20, seed = 1),
    function() lme4::bootMer(lme4_fit, lme4::fixef, nsim = 2, seed = 1)
  )
  words <- "parametric bootstrap, 20 clusters of 30 rows, Laplace"
  rbind(
    row_of(words, "margmix", 1000L, ours$cpu,
      paste("SE of the effect", short(sd(ours$value$replicates[, 2L]), 3L))
    ),
    row_of(words, "lme4::bootMer", 20L, theirs$cpu,
      paste("SE of the effect", short(sd(theirs$value$t[, 2L]), 2L))
    )
  )
}

# 500 clusters of 4 to 10 rows, each left out once.
jackknife <- function() {
  set.seed(3)
  size <- sample(4:10, 500, TRUE)
  d <- data.frame(cluster = rep(1:500, size))
  d$arm <- d$cluster %% 2
  d$x <- rnorm(nrow(d))
  eta <- -0.3 + 0.4 * d$arm + 0.5 * d$x + rnorm(500, sd = 0.8)[d$cluster]
  d$y <- rbinom(nrow(d), 1, plogis(eta))
  marginal <- gee(y ~ arm + x, d, cluster, family = binomial(), corstr = "exchangeable")
  one <- processor_time(function() vcov(marginal, "jackknife"))
  joint <- processor_time(function() vcov(marginal, "jackknife-joint"))
  full <- processor_time(function() vcov(marginal, "jackknife-full"), function() NULL)
  mixed <- glmm(y ~ arm + x + (1 | cluster), d, binomial(), nAGQ = 9)
  influences <- processor_time(function() dfbeta(mixed))
  all <- processor_time(function() dfbeta(mixed, "joint"))
  refits <- processor_time(function() {
    t(vapply(1:500, function(i) {
      coef(update(mixed, data = d[d$cluster != i, ], start = mixed)) - coef(mixed)
    }, coef(mixed)))
  }, function() NULL)
  se <- function(changes) sqrt(colSums(scale(changes, scale = FALSE)^2) * 499 / 500)
  agree <- function(a, b) paste("SE to", short(max(abs(a / b - 1)), 1L))
  words <- "jackknife of 500 clusters,"
  rbind(
    row_of(paste(words, "gee()"), "one step of the coefficients", 500L, one$cpu,
      agree(sqrt(diag(one$value)), sqrt(diag(full$value)))
    ),
    row_of(paste(words, "gee()"), "all parameters, second order", 500L, joint$cpu,
      agree(sqrt(diag(joint$value)), sqrt(diag(full$value)))
    ),
    row_of(paste(words, "gee()"), "full fits", 500L, full$cpu, ""),
    row_of(paste(words, "glmm()"), "one step of the coefficients", 500L, influences$cpu,
      agree(se(influences$value), se(refits$value))
    ),
    row_of(paste(words, "glmm()"), "all parameters, second order", 500L, all$cpu,
      agree(se(all$value), se(refits$value))
    ),
    row_of(paste(words, "glmm()"), "full fits", 500L, refits$cpu, "")
  )
}

tables <- list(responses(), trial(), jackknife())
each <- function(table, i) table$`ms each`[i]
writeLines(c(
  "# Many fits of one model", "",
  paste0(
    "Written by `bench/refits.R` with margmix and ", package_label("lme4"),
    ": processor seconds of whole calls in one run and process, one thread. Agreement is with the ",
    "row that has none, or with the full fits."
  ), "",
  markdown_table(do.call(rbind, tables)), "",
  paste0(
    "A refit by lme4 takes ", short(each(tables[[1L]], 3L) / each(tables[[1L]], 1L), 2L),
    " times as long; 1,000 replicates of the bootstrap take ",
    short(tables[[2L]]$`CPU s`[1L] / tables[[2L]]$`CPU s`[2L], 2L),
    " times as long as 20 of bootMer()."
  )
), file.path(here, "refits.md"))
