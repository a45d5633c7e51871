# Mixed models with one grouping factor, simulated; see README.md for what a case is.

source(file.path(here, "fits.R"), local = TRUE)

glmm_case <- function(work, m, random, family, K, targets) {
  one_fit <- function(package) {
    call <- get(paste0("fit_", package))
    function(data) call(sim_formula(random), data, family, K)
  }
  packages <- c("margmix", names(targets))
  list(
    work = work, targets = targets, fits = sapply(packages, one_fit, simplify = FALSE),
    read = read_fit,
    data = function(shrink) {
      set.seed(20240501)
      simclus(m %/% shrink, 10L, if (random == "t") 0.8 else 0, family$family)
    }
  )
}

# The fit with its summary: by the default tests, and by those of a model-based covariance with
# between-within t, which need nothing after the fit.
summary_case <- function(case) {
  fit <- case$fits$margmix
  tested <- function(...) function(data) summary(fit(data), ...)
  list(
    work = paste0(case$work, "; fit and summary()"), data = case$data,
    fits = list(
      `margmix, between-within` = tested(vcov = "model", df = "between-within"),
      `margmix, default tests` = tested()
    ),
    targets = c(`margmix, default tests` = 1.1), at_most = TRUE, runs = 15L, peer_runs = 15L,
    read = function(summary, package) {
      replace(read_fit(summary$fit, package), "detail", sub(",.*", "", summary$words))
    }
  )
}

cases <- list(
  P1 = glmm_case(
    "logit, (1 | id), 10,000 x 10, K = 25", 10000L, "1", binomial(), 25L,
    c(GLMMadaptive = 200, lme4 = 1000)
  ),
  P1L = glmm_case(
    "logit, (1 | id), 10,000 x 10, Laplace", 10000L, "1", binomial(), 1L, c(glmmTMB = 60, lme4 = NA)
  ),
  P2 = glmm_case(
    "logit, (t | id), 2,000 x 10, K = 11 per dimension", 2000L, "t", binomial(), 11L,
    c(GLMMadaptive = 200)
  ),
  P2L = glmm_case(
    "logit, (t | id), 2,000 x 10, Laplace", 2000L, "t", binomial(), 1L, c(glmmTMB = 40, lme4 = NA)
  ),
  P3 = glmm_case(
    "Poisson, (t | id), 2,000 x 10, Laplace", 2000L, "t", poisson(), 1L, c(glmmTMB = 40, lme4 = NA)
  )
)

summaries <- lapply(cases[c("P1", "P2", "P3")], summary_case)
c(cases, stats::setNames(summaries, paste0(names(summaries), "-summary")))
