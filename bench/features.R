# What margmix and its peers can do: each cell is a call that is run. "yes": it gives what is asked
# for; "warns": with a warning; "no": it does not, with what the package says; "-": not that kind of
# package. Writes features.csv, from which the article of the site has its table.
#
#   R_LIBS=.build/library Rscript bench/features.R

suppressMessages({
  library(margmix)
  library(lme4)
  library(glmmTMB)
  library(GLMMadaptive)
  library(geepack)
})
options(width = 200)

# Data ---------------------------------------------------------------------------------------------

set.seed(5)
d <- expand.grid(time = 1:8, inner = 1:2, g = 1:40)
d$item <- factor(rep_len(1:10, nrow(d)))
d$x <- rnorm(nrow(d))
d$g <- factor(d$g)
d$gh <- interaction(d$g, d$inner)
b <- rnorm(40)[d$g] + rnorm(80, sd = 0.7)[d$gh] + rnorm(40, sd = 0.5)[d$g] * d$x
d$y <- rbinom(nrow(d), 1, plogis(d$x / 2 + b))
d$count <- rpois(nrow(d), exp(d$x / 3 + b / 2))
d$zeros <- d$count * rbinom(nrow(d), 1, 0.7)
d$share <- rbeta(nrow(d), 3 * plogis(b), 3 * plogis(-b))
d$many <- rnbinom(nrow(d), size = 1.5, mu = exp(1 + d$x / 3 + b / 2))
d$value <- d$x + b + rnorm(nrow(d), sd = exp(d$x / 3))
d$when <- factor(d$time)
apart <- data.frame(g = rep(1:30, each = 4), x = rep(0:1, 60))
apart$y <- apart$x
mixed <- transform(d[sample(nrow(d)), ], g = as.integer(g))
sorted <- mixed[order(mixed$g), ]
K <- diag(40) + 0.5 * (abs(outer(1:40, 1:40, "-")) == 1)
dimnames(K) <- list(levels(d$g), levels(d$g))
files <- file.path(tempdir(), c("first.rds", "second.rds"))
invisible(Map(saveRDS, split(d, as.integer(d$g) > 20), files))
halves <- shards(files, id = "g")

# Judges -------------------------------------------------------------------------------------------

# The text of every condition while `expr` is evaluated.
heard <- function(expr) {
  said <- character()
  hear <- function(restart) {
    function(condition) {
      said <<- c(said, conditionMessage(condition))
      if (!is.null(restart)) invokeRestart(restart)
    }
  }
  try(withCallingHandlers(expr,
    warning = hear("muffleWarning"), message = hear("muffleMessage"), error = hear(NULL)
  ), silent = TRUE)
  said
}

names_separation <- function(expr) any(grepl("separat", heard(expr), ignore.case = TRUE))

# E[plogis(beta_0 + beta_1 + b)] at the estimates, by R's integrate().
population_mean <- function(beta, sd) {
  stats::integrate(function(b) plogis(sum(beta) + b) * dnorm(b, sd = sd), -Inf, Inf)$value
}

is_near <- function(a, b, by = 1e-3) abs(unname(a)[1L] - b) < by

has_df <- function(table) "df" %in% colnames(table)

one <- data.frame(x = 1, g = factor(1))

# The posterior mean of the first cluster's random intercept, by integrate().
posterior_mean <- function(beta, sd) {
  rows <- d$g == "1"
  weight <- function(b) {
    vapply(b, function(b) {
      exp(sum(dbinom(d$y[rows], 1, plogis(beta[1] + beta[2] * d$x[rows] + b), log = TRUE)))
    }, 0) * dnorm(b, sd = sd)
  }
  stats::integrate(function(b) b * weight(b), -8, 8)$value / stats::integrate(weight, -8, 8)$value
}

# Fits that several features ask.
ours <- glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 25)
lme4s <- glmer(y ~ x + (1 | g), d, binomial(), nAGQ = 25)
tmbs <- glmmTMB(y ~ x + (1 | g), d, binomial())
adaptives <- mixed_model(y ~ x, ~ 1 | g, d, binomial(), nAGQ = 25)
adaptive_sd <- sqrt(adaptives$D[[1L]])

# Nothing to call: the manual of this version has no function or argument for it.
lacks <- function(what) stop("not in its manual: ", what)

# Features -----------------------------------------------------------------------------------------

features <- list(
  "Quadrature: a random intercept" = list(
    margmix = quote(glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 9)),
    lme4 = quote(glmer(y ~ x + (1 | g), d, binomial(), nAGQ = 9)),
    glmmTMB = quote(glmmTMB(y ~ x + (1 | g), d, binomial(), nAGQ = 9)),
    GLMMadaptive = quote(mixed_model(y ~ x, ~ 1 | g, d, binomial(), nAGQ = 9))
  ),
  "Quadrature: a random intercept and slope" = list(
    margmix = quote(glmm(y ~ x + (x | g), d, binomial(), nAGQ = 9)),
    lme4 = quote(glmer(y ~ x + (x | g), d, binomial(), nAGQ = 9)),
    glmmTMB = quote(glmmTMB(y ~ x + (x | g), d, binomial(), nAGQ = 9)),
    GLMMadaptive = quote(mixed_model(y ~ x, ~ x | g, d, binomial(), nAGQ = 9))
  ),
  "Quadrature: two nested factors" = list(
    margmix = quote(glmm(y ~ x + (1 | g / inner), d, binomial(), nAGQ = 9)),
    lme4 = quote(glmer(y ~ x + (1 | g / inner), d, binomial(), nAGQ = 9)),
    glmmTMB = quote(glmmTMB(y ~ x + (1 | g / inner), d, binomial(), nAGQ = 9)),
    GLMMadaptive = quote(is_near(
      logLik(mixed_model(y ~ x, ~ 1 | g / inner, d, binomial(), nAGQ = 9)),
      logLik(glmm(y ~ x + (1 | g / inner), d, binomial(), nAGQ = 9)),
      by = 0.1
    ))
  ),
  "Crossed factors (Laplace)" = list(
    margmix = quote(glmm(y ~ x + (1 | g) + (1 | item), d, binomial())),
    lme4 = quote(glmer(count ~ x + (1 | g) + (1 | item), d, poisson())),
    glmmTMB = quote(glmmTMB(count ~ x + (1 | g) + (1 | item), d, poisson())),
    GLMMadaptive = quote(lacks("more than one grouping factor")) # where asked, it fills the memory
  ),
  "The error of the integration is printed" = list(
    margmix = quote(any(grepl(
      "error of", capture.output(print(glmm(y ~ x + (1 | g), d, binomial())))
    ))),
    lme4 = quote(any(grepl("error of", capture.output(print(lme4s))))),
    glmmTMB = quote(any(grepl("error of", capture.output(print(tmbs))))),
    GLMMadaptive = quote(any(grepl("error of", capture.output(print(adaptives)))))
  ),
  "Restricted likelihood of a binary model" = list(
    margmix = quote(glmm(y ~ x + (1 | g), d, binomial(), REML = TRUE)),
    lme4 = quote(glmer(y ~ x + (1 | g), d, binomial(), REML = TRUE)),
    glmmTMB = quote(glmmTMB(y ~ x + (1 | g), d, binomial(), REML = TRUE)),
    GLMMadaptive = quote(lacks("REML"))
  ),
  "Tests of a binary model with degrees of freedom" = list(
    margmix = quote(has_df(summary(ours)$coefficients)),
    lme4 = quote(has_df(summary(lme4s)$coefficients)),
    glmmTMB = quote(has_df(summary(tmbs)$coefficients$cond)),
    GLMMadaptive = quote(has_df(summary(adaptives)$coef_table)),
    geepack = quote(has_df(summary(geeglm(y ~ x, binomial(), d, id = g))$coefficients))
  ),
  "Cluster-robust standard errors" = list(
    margmix = quote(vcov(ours, "robust")),
    lme4 = quote(lacks("vcov(, robust)")),
    glmmTMB = quote(lacks("vcov(, robust)")),
    GLMMadaptive = quote(vcov(adaptives, parm = "fixed-effects", sandwich = TRUE)),
    geepack = quote(vcov(geeglm(y ~ x, binomial(), d, id = g)))
  ),
  "Bias-corrected robust covariance (KC, CR2)" = list(
    margmix = quote(vcov(ours, "KC")), lme4 = quote(lacks("such a covariance")),
    glmmTMB = quote(lacks("such a covariance")), GLMMadaptive = quote(lacks("such a covariance")),
    geepack = quote(lacks("such a covariance"))
  ),
  "Posterior means of random effects, not modes" = list(
    margmix = quote(is_near(
      ranef(ours, type = "mean")$g["1", 1L], posterior_mean(fixef(ours), ours$theta)
    )),
    lme4 = quote(is_near(
      ranef(lme4s)$g["1", 1L], posterior_mean(fixef(lme4s), getME(lme4s, "theta"))
    )),
    glmmTMB = quote(is_near(
      ranef(tmbs)$cond$g["1", 1L],
      posterior_mean(fixef(tmbs)$cond, attr(VarCorr(tmbs)$cond$g, "stddev"))
    )),
    GLMMadaptive = quote(is_near(
      ranef(adaptives)["1", 1L], posterior_mean(fixef(adaptives), adaptive_sd)
    ))
  ),
  "Means of the population, random effects integrated out" = list(
    margmix = quote(is_near(
      predict(ours, one, type = "response", random_effects = "integrate"),
      population_mean(fixef(ours), ours$theta)
    )),
    lme4 = quote(is_near(
      predict(lme4s, one, type = "response", re.form = NA),
      population_mean(fixef(lme4s), getME(lme4s, "theta"))
    )),
    glmmTMB = quote(is_near(
      predict(tmbs, transform(one, g = NA), type = "response", re.form = NA),
      population_mean(fixef(tmbs)$cond, attr(VarCorr(tmbs)$cond$g, "stddev"))
    )),
    GLMMadaptive = quote(is_near(
      predict(adaptives, one, type = "marginal"), population_mean(fixef(adaptives), adaptive_sd),
      by = 0.02 # by Monte Carlo
    ))
  ),
  "Marginal risk difference with its standard error" = list(
    margmix = quote(marginal_standardization(ours, "x", values = 0:1)),
    lme4 = quote(lacks("standardization")), glmmTMB = quote(lacks("standardization")),
    GLMMadaptive = quote(lacks("standardization")), geepack = quote(lacks("standardization"))
  ),
  "Separation is named" = list(
    margmix = quote(names_separation(glmm(y ~ x + (1 | g), apart, binomial()))),
    lme4 = quote(names_separation(glmer(y ~ x + (1 | g), apart, binomial()))),
    glmmTMB = quote(names_separation(glmmTMB(y ~ x + (1 | g), apart, binomial()))),
    GLMMadaptive = quote(names_separation(mixed_model(y ~ x, ~ 1 | g, apart, binomial()))),
    geepack = quote(names_separation(geeglm(y ~ x, binomial(), apart, id = g)))
  ),
  "Beta regression" = list(
    margmix = quote(glmm(share ~ x + (1 | g), d, beta_family())),
    lme4 = quote(glmer(share ~ x + (1 | g), d, glmmTMB::beta_family())),
    glmmTMB = quote(glmmTMB(share ~ x + (1 | g), d, glmmTMB::beta_family())),
    GLMMadaptive = quote(mixed_model(share ~ x, ~ 1 | g, d, beta.fam()))
  ),
  "Negative binomial" = list(
    margmix = quote(glmm(many ~ x + (1 | g), d, margmix::nbinom2())),
    lme4 = quote(glmer.nb(many ~ x + (1 | g), d)),
    glmmTMB = quote(glmmTMB(many ~ x + (1 | g), d, glmmTMB::nbinom2())),
    GLMMadaptive = quote(mixed_model(many ~ x, ~ 1 | g, d, GLMMadaptive::negative.binomial()))
  ),
  "Dispersion that depends on covariates" = list(
    margmix = quote(glmm(value ~ x + (1 | g), d, dispersion = ~x)),
    lme4 = quote(lmer(value ~ x + (1 | g), d, dispersion = ~x)),
    glmmTMB = quote(glmmTMB(value ~ x + (1 | g), d, dispformula = ~x)),
    GLMMadaptive = quote(lacks("a formula of the dispersion"))
  ),
  "Zero inflation" = list(
    margmix = quote(glmm(zeros ~ x + (1 | g), d, poisson(), ziformula = ~1)),
    lme4 = quote(glmer(zeros ~ x + (1 | g), d, poisson(), ziformula = ~1)),
    glmmTMB = quote(glmmTMB(zeros ~ x + (1 | g), d, poisson(), ziformula = ~1)),
    GLMMadaptive = quote(mixed_model(zeros ~ x, ~ 1 | g, d, zi.poisson(), zi_fixed = ~1))
  ),
  "Other distributions: Tweedie" = list(
    margmix = quote(glmm(value^2 ~ x + (1 | g), d, tweedie())),
    lme4 = quote(lacks("tweedie()")),
    glmmTMB = quote(glmmTMB(I(value^2) ~ x + (1 | g), d, glmmTMB::tweedie())),
    GLMMadaptive = quote(lacks("tweedie()"))
  ),
  "A family of one's own" = list(
    margmix = quote(lacks("own families")), lme4 = quote(lacks("own families")),
    glmmTMB = quote(lacks("own families")),
    GLMMadaptive = quote(mixed_model(count ~ x, ~ 1 | g, d, structure(list(
      family = "own Poisson", link = "log", linkfun = log, linkinv = exp,
      log_dens = function(y, eta, mu_fun, phis, eta_zi) dpois(y, exp(eta), log = TRUE)
    ), class = "family")))
  ),
  "Nonlinear mixed models" = list(
    margmix = quote(lacks("nonlinear means")),
    lme4 = quote(nlmer(
      circumference ~ SSlogis(age, Asym, xmid, scal) ~ Asym | Tree, Orange,
      start = c(Asym = 200, xmid = 725, scal = 350)
    )),
    glmmTMB = quote(lacks("nonlinear means")), GLMMadaptive = quote(lacks("nonlinear means"))
  ),
  "Random effects in series, AR(1)" = list(
    margmix = quote(glmm(count ~ x + ar1(time + 0 | gh), d, poisson())),
    lme4 = quote(glmer(count ~ x + ar1(when + 0 | gh), d, poisson())),
    glmmTMB = quote(glmmTMB(count ~ x + ar1(when + 0 | gh), d, poisson())),
    GLMMadaptive = quote(lacks("correlated levels"))
  ),
  "A known relation between levels (kinship)" = list(
    margmix = quote(glmm(count ~ x + known(1 | g, covariance = K), d, poisson())),
    lme4 = quote(lacks("a matrix of relations")), glmmTMB = quote(lacks("a matrix of relations")),
    GLMMadaptive = quote(lacks("a matrix of relations"))
  ),
  "Smooth curves s(x)" = list(
    margmix = quote(glmm(count ~ s(x) + (1 | g), d, poisson())),
    lme4 = quote(glmer(count ~ s(x) + (1 | g), d, poisson())),
    glmmTMB = quote(glmmTMB(count ~ s(x) + (1 | g), d, poisson())),
    GLMMadaptive = quote(mixed_model(count ~ s(x), ~ 1 | g, d, poisson()))
  ),
  "GEE: a cluster may lie apart in the data" = list(
    margmix = quote(all.equal(
      coef(gee(y ~ x, mixed, g, family = binomial(), corstr = "exchangeable")),
      coef(gee(y ~ x, sorted, g, family = binomial(), corstr = "exchangeable")),
      tolerance = 1e-6
    )),
    geepack = quote(all.equal(
      coef(geeglm(y ~ x, binomial(), mixed, id = g, corstr = "exchangeable")),
      coef(geeglm(y ~ x, binomial(), sorted, id = g, corstr = "exchangeable")),
      tolerance = 1e-6
    ))
  ),
  "GEE: nested exchangeable correlation" = list(
    margmix = quote(gee(y ~ x, d, g, family = binomial(), corstr = "nested", inner = gh)),
    geepack = quote(lacks("a nested correlation"))
  ),
  "Rows in files or a database, beyond memory" = list(
    margmix = quote(glmm(y ~ x + (1 | g), halves, binomial())),
    lme4 = quote(lacks("such data")), glmmTMB = quote(lacks("such data")),
    GLMMadaptive = quote(lacks("such data")), geepack = quote(lacks("such data"))
  )
)

# Answers ------------------------------------------------------------------------------------------

answer <- function(call) {
  if (is.null(call)) return(c(answer = "-", why = ""))
  warned <- ""
  value <- tryCatch(withCallingHandlers(suppressMessages(eval(call)), warning = function(w) {
    warned <<- first_line(w)
    invokeRestart("muffleWarning")
  }), error = identity)
  if (inherits(value, "error")) return(c(answer = "no", why = first_line(value)))
  if (isFALSE(value) || is.character(value)) return(c(answer = "no", why = "another answer"))
  c(answer = if (warned == "") "yes" else "warns", why = warned)
}

first_line <- function(condition) sub("\n.*", "", conditionMessage(condition))

packages <- c("margmix", "lme4", "glmmTMB", "GLMMadaptive", "geepack")
rows <- do.call(rbind, lapply(names(features), function(feature) {
  found <- lapply(packages, function(package) answer(features[[feature]][[package]]))
  data.frame(
    feature = feature, package = packages,
    version = vapply(packages, function(p) as.character(packageVersion(p)), ""),
    answer = vapply(found, `[[`, "", "answer"), why = vapply(found, `[[`, "", "why")
  )
}))
write.csv(rows, "bench/features.csv", row.names = FALSE)
print(rows[c("feature", "package", "answer", "why")], row.names = FALSE, right = FALSE)
