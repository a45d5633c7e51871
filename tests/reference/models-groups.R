# Models with several grouping factors (and Contraception, with one), stated once for
# compute-groups.R and the tests. The data are those of packages lme4 and mlmRev.

groups_data <- function(package, name) {
  env <- new.env()
  utils::data(list = name, package = package, envir = env)
  env[[name]]
}

# A list of list(formula, family, data): `data` is a function, so that only what is used is loaded.
groups_models <- function() {
  lme4_data <- function(name) function() groups_data("lme4", name)
  some_students <- function() {
    d <- groups_data("lme4", "InstEval")
    d <- d[as.integer(d$s) %% 15 == 1, ]
    d$good <- as.integer(d$y >= 4)
    d
  }
  list(
    sleepstudy = list(
      formula = Reaction ~ Days + (Days | Subject), family = "gaussian",
      data = lme4_data("sleepstudy")
    ),
    penicillin = list(
      formula = diameter ~ 1 + (1 | plate) + (1 | sample), family = "gaussian",
      data = lme4_data("Penicillin")
    ),
    pastes = list(
      formula = strength ~ 1 + (1 | batch / cask), family = "gaussian", data = lme4_data("Pastes")
    ),
    insteval = list(
      formula = y ~ service + (1 | s) + (1 | d), family = "gaussian", data = some_students
    ),
    insteval_slope = list(
      formula = y ~ service + (1 | s) + (service | d) + (1 | dept), family = "gaussian",
      data = some_students
    ),
    insteval_logit = list(
      formula = good ~ service + (1 | s) + (1 | d), family = "binomial", data = some_students
    ),
    cbpp = list(
      formula = cbind(incidence, size - incidence) ~ period + (1 | herd) + (1 | obs),
      family = "binomial",
      data = function() {
        d <- groups_data("lme4", "cbpp")
        transform(d, obs = seq_len(nrow(d)))
      }
    ),
    grouseticks = list(
      formula = TICKS ~ YEAR + cHEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION),
      family = "poisson", data = lme4_data("grouseticks")
    ),
    verbagg = list(
      formula = r2 ~ Anger + Gender + btype + situ + (1 | id) + (1 | item), family = "binomial",
      data = lme4_data("VerbAgg")
    ),
    verbagg_probit = list(
      formula = r2 ~ Anger + btype + (1 | id) + (1 | item), family = "probit",
      data = lme4_data("VerbAgg")
    ),
    contraception = list(
      formula = use ~ age + I(age^2) + urban + livch + (urban | district), family = "binomial",
      data = function() groups_data("mlmRev", "Contraception")
    )
  )
}

groups_family <- function(name) {
  if (name == "probit") stats::binomial("probit") else get(name, envir = asNamespace("stats"))()
}
