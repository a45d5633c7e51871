# Models with a dispersion, stated once for the script that fits them elsewhere and for the tests.

dispersion_models <- function(sets) {
  epilepsy <- transform(sets$epilepsy, visit4 = as.numeric(period == 4))
  sleep <- transform(sets$sleepstudy, share = Reaction / 1000)
  counts <- seizures ~ treatment + log(base) + visit4 + (1 | subject)
  slopes <- seizures ~ treatment + log(base) + visit4 + (visit4 | subject)
  model <- function(formula, data, own, peer = own, from = "glmmTMB", link = "log",
                    dispersion = ~1) {
    list(
      formula = formula, data = data, own = own, peer = peer, from = from, link = link,
      dispersion = dispersion
    )
  }
  list(
    "epilepsy-nbinom2" = model(counts, epilepsy, "nbinom2"),
    "epilepsy-nbinom1" = model(counts, epilepsy, "nbinom1"),
    "epilepsy-nbinom2-slopes" = model(slopes, epilepsy, "nbinom2"),
    "sleepstudy-Gamma" = model(Reaction ~ Days + (1 | Subject), sleep, "Gamma", from = "stats"),
    "sleepstudy-Gamma-inverse" = model(
      I(Reaction / 100) ~ Days + (1 | Subject), sleep, "Gamma", from = "stats", link = "inverse"
    ),
    "sleepstudy-beta" = model(
      share ~ Days + (1 | Subject), sleep, "beta_family", link = "logit"
    ),
    "cbpp-betabinomial" = model(
      cbind(incidence, size - incidence) ~ period + (1 | herd), sets$cbpp, "betabinomial",
      link = "logit"
    ),
    # a dispersion that depends on covariates
    "Orthodont-gaussian-by-Sex" = model(
      distance ~ age * Sex + (age | Subject), sets$Orthodont, "gaussian", from = "stats",
      link = "identity", dispersion = ~Sex
    ),
    "epilepsy-nbinom2-by-treatment" = model(
      counts, epilepsy, "nbinom2", dispersion = ~ treatment + log(base)
    ),
    "epilepsy-nbinom1-by-treatment" = model(counts, epilepsy, "nbinom1", dispersion = ~treatment),
    "sleepstudy-Gamma-by-Days" = model(
      Reaction ~ Days + (1 | Subject), sleep, "Gamma", from = "stats", dispersion = ~Days
    ),
    "sleepstudy-beta-by-Days" = model(
      share ~ Days + (1 | Subject), sleep, "beta_family", link = "logit", dispersion = ~Days
    ),
    "cbpp-betabinomial-by-size" = model(
      cbind(incidence, size - incidence) ~ period + (1 | herd), sets$cbpp, "betabinomial",
      link = "logit", dispersion = ~ I(period == "1")
    ),
    "grouseticks-nbinom2-nested" = model(
      ticks ~ factor(year) + (1 | location / brood), sets$grouseticks, "nbinom2",
      dispersion = ~ factor(year)
    ),
    "sleepstudy-gaussian-crossed" = model(
      Reaction ~ Days + (1 | Subject) + (1 | day), transform(sleep, day = factor(Days)),
      "gaussian", from = "stats", link = "identity", dispersion = ~Days
    )
  )
}
