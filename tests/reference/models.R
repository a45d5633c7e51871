# The reference models, stated once: the scripts compute-*.R and the tests both read this file, so
# that the two sides cannot drift apart.
#
# reference_models(sets) takes a list of data frames (the data sets of the package, and cbpp) and
# returns a named list; each element has `fixed` (formula of response and fixed effects), `group`
# (name of the grouping factor of the random intercept), `family` (a name) and `data`.

reference_models <- function(sets) {
  pump <- transform(sets$pump, logtime = log(time) - mean(log(time)))
  epilepsy <- transform(
    sets$epilepsy,
    treat = as.numeric(treatment == "progabide"),
    lbas = log(base / 4) - mean(log(base / 4)),
    lage = log(age) - mean(log(age)),
    v4 = as.numeric(period == 4)
  )
  epilepsy$lbas_trt <- with(epilepsy, treat * log(base / 4) - mean(treat * log(base / 4)))

  model <- function(fixed, group, family, data) {
    list(fixed = fixed, group = group, family = family, data = data)
  }
  list(
    infection = model(
      cbind(success, n - success) ~ treatment, "clinic", "binomial", sets$infection
    ),
    pump = model(failures ~ 0 + group + group:logtime, "pump", "poisson", pump),
    toenail = model(severe ~ treatment * scheduled, "patient", "binomial", sets$toenail),
    seeds = model(cbind(r, n - r) ~ seed * extract, "plate", "binomial", sets$seeds),
    epilepsy = model(
      seizures ~ treat + lbas + lbas_trt + lage + v4, "subject", "poisson", epilepsy
    ),
    cbpp = model(cbind(incidence, size - incidence) ~ period, "herd", "binomial", sets$cbpp),
    ohio = model(resp ~ age + smoke, "id", "binomial", sets$ohio)
  )
}

# Formula with the random intercept, as glmm() and lme4 read it.
mixed_formula <- function(model) {
  update(model$fixed, as.formula(paste(". ~ . + (1 |", model$group, ")")))
}
