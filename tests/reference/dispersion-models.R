# Models with a dispersion, stated once for the script that fits them elsewhere and for the tests.

dispersion_models <- function(sets) {
  epilepsy <- transform(sets$epilepsy, visit4 = as.numeric(period == 4))
  sleep <- transform(sets$sleepstudy, share = Reaction / 1000)
  counts <- seizures ~ treatment + log(base) + visit4 + (1 | subject)
  slopes <- seizures ~ treatment + log(base) + visit4 + (visit4 | subject)
  model <- function(formula, data, own, peer = own, from = "glmmTMB", link = "log") {
    list(formula = formula, data = data, own = own, peer = peer, from = from, link = link)
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
    )
  )
}
