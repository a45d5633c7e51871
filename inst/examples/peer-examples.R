# Examples of the help pages of lme4, glmmTMB, GLMMadaptive and geepack, translated to margmix by
# the names of functions and arguments only. Of each:
# page: the help page; data: what it fits; there, here: the call of either package
# same: what agrees: "all" estimates, standard errors and the log-likelihood, if any; "but
#   logLik"; "nearly" (to a quarter of a standard error); "refused"; or "differs"
# why: the reason, where something differs
# instead: what gives the other package's numbers or meaning, if there is a way
# ?"other-software" lists the differences; the tests run every example.

cbpp_rows <- function() transform(lme4::cbpp, obs = seq_along(herd))

pastes <- function() lme4::Pastes

# ?glmer.nb: no variation between the groups
counts <- function() {
  set.seed(101)
  d <- expand.grid(f1 = factor(1:3), f2 = LETTERS[1:2], g = 1:9, rep = 1:15, KEEP.OUT.ATTRS = FALSE)
  mu <- 5 * (-4 + with(d, as.integer(f1) + 4 * as.numeric(factor(f2))))
  d$y <- stats::rnbinom(nrow(d), mu = mu, size = 0.5)
  d
}

orthodont <- function() {
  d <- as.data.frame(nlme::Orthodont)
  d$Subject <- factor(d$Subject, ordered = FALSE)
  d$nsex <- as.numeric(d$Sex == "Male")
  d$nsexage <- d$nsex * d$age
  d
}

# ?mixed_model
binary_visits <- function(n = 200) {
  set.seed(123L)
  K <- 15
  D <- matrix(c(0.48, -0.08, -0.08, 0.18), 2)
  times <- c(replicate(n, c(0, sort(stats::runif(K - 1, 0, 25)))))
  group <- sample(rep(0:1, each = n / 2))
  d <- data.frame(year = times, group = factor(rep(group, each = K)))
  X <- stats::model.matrix(~ group * year, data = d)
  Z <- stats::model.matrix(~year, data = d)
  b <- cbind(stats::rnorm(n, sd = sqrt(D[1, 1])), stats::rnorm(n, sd = sqrt(D[2, 2])))
  id <- rep(1:n, each = K)
  eta <- as.vector(X %*% c(-2.13, -0.25, 0.24, -0.05) + rowSums(Z * b[id, ]))
  d$y <- stats::rbinom(n * K, 1, stats::plogis(eta))
  d$id <- factor(id)
  d
}

epil2 <- function() {
  d <- peer_data("epil2", "glmmTMB")
  transform(d, subject = factor(subject))
}

seizures <- function() {
  d <- stats::reshape(peer_data("seizure", "geepack"),
    varying = list(c("base", "y1", "y2", "y3", "y4")), v.names = "y", times = 0:4,
    direction = "long"
  )
  d <- d[order(d$id, d$time), ]
  transform(d, t = ifelse(time == 0, 8, 2), x = ifelse(time == 0, 0, 1))
}

dietox <- function() transform(peer_data("dietox", "geepack"), Cu = as.factor(Cu))

ohio <- function() peer_data("ohio", "geepack")

respiratory <- function() transform(peer_data("respiratory", "geepack"), center = factor(center))

muscatine <- function() {
  d <- transform(peer_data("muscatine", "geepack"), cage = age - 12)
  transform(d, cage2 = cage^2)
}

spruce <- function(waves) {
  d <- peer_data("spruce", "geepack")
  d <- d[d$wave %in% waves, ]
  transform(d, contr = ifelse(ozone == "enriched", 0, 1))
}

# Some packages hide data of the same name.
peer_data <- function(name, package) {
  from <- new.env()
  utils::data(list = name, package = package, envir = from)
  from[[name]]
}

alpha_reason <- paste(
  "geepack divides the sums of products of residuals by the number of products, margmix by that",
  "number less the number of coefficients; correlations and, through them, the estimates move a",
  "little"
)

moving_reason <- paste(
  "GLMMadaptive moves its quadrature points to the modes of the clusters only now and then; its",
  "log-likelihood is not that of the adaptive rule at its estimates (it differs by .06 for the",
  "random slope)"
)

peer_examples <- list(
  glmer = list(
    page = "lme4::glmer", data = function() lme4::cbpp,
    there = quote(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 1)),
    same = "all"
  ),
  glmer_default = list(
    page = "lme4::glmer", data = function() lme4::cbpp,
    there = quote(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial)),
    same = "differs",
    why = "lme4 and glmmTMB use the Laplace approximation by default, margmix refines a quadrature",
    instead = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 1))
  ),
  glmer_aghq = list(
    page = "lme4::glmer", data = function() lme4::cbpp,
    there = quote(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 9)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 9)),
    same = "but logLik",
    why = "with nAGQ > 1 lme4's log-likelihood leaves out the constant of the saturated model"
  ),
  glmer_fast = list(
    page = "lme4::glmer", data = function() lme4::cbpp,
    there = quote(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 0)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      data = d, family = binomial, nAGQ = 0)),
    same = "refused", why = "nAGQ = 0 does not maximise the likelihood; nAGQ = 1 is as quick here"
  ),
  glmer_obs = list(
    page = "lme4::glmer", data = cbpp_rows,
    there = quote(lme4::glmer(cbind(incidence, size - incidence) ~ period + (1 | herd) + (1 | obs),
      data = d, family = binomial)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd) + (1 | obs),
      data = d, family = binomial, nAGQ = 1)),
    same = "all"
  ),
  cbpp_weights = list(
    page = "lme4::cbpp", data = function() lme4::cbpp,
    there = quote(lme4::glmer(incidence / size ~ period + (1 | herd),
      weights = size, data = d, family = binomial)),
    here = quote(glmm(incidence / size ~ period + (1 | herd),
      weights = size, data = d, family = binomial, nAGQ = 1)),
    same = "all"
  ),
  lmer = list(
    page = "lme4::lmer", data = function() lme4::sleepstudy,
    there = quote(lme4::lmer(Reaction ~ Days + (Days | Subject), d)),
    here = quote(glmm(Reaction ~ Days + (Days | Subject), d, REML = TRUE)), same = "all"
  ),
  lmer_ml = list(
    page = "lme4::lmer", data = function() lme4::sleepstudy,
    there = quote(lme4::lmer(Reaction ~ Days + (Days | Subject), d)),
    here = quote(glmm(Reaction ~ Days + (Days | Subject), d)), same = "differs",
    why = "lmer() restricts the likelihood unless told otherwise, glmm() does not",
    instead = quote(glmm(Reaction ~ Days + (Days | Subject), d, REML = TRUE))
  ),
  lmer_bars = list(
    page = "lme4::lmer", data = function() lme4::sleepstudy,
    there = quote(lme4::lmer(Reaction ~ Days + (Days || Subject), d)),
    here = quote(glmm(Reaction ~ Days + (Days || Subject), d, REML = TRUE)), same = "all"
  ),
  lmer_sexes = list(
    page = "lme4::lmer", data = orthodont,
    there = quote(lme4::lmer(distance ~ age + (age | Subject) + (0 + nsex | Subject) +
      (0 + nsexage | Subject), data = d)),
    here = quote(glmm(distance ~ age + (age | Subject) + (0 + nsex | Subject) +
      (0 + nsexage | Subject), data = d, REML = TRUE)),
    same = "all"
  ),
  sleepstudy_subset = list(
    page = "lme4::sleepstudy", data = function() lme4::sleepstudy,
    there = quote(lme4::lmer(Reaction ~ Days + (1 | Subject) + (0 + Days | Subject), d,
      subset = Days >= 2)),
    here = quote(glmm(Reaction ~ Days + (1 | Subject) + (0 + Days | Subject), d,
      subset = Days >= 2, REML = TRUE)),
    same = "all"
  ),
  penicillin = list(
    page = "lme4::Penicillin", data = function() lme4::Penicillin,
    there = quote(lme4::lmer(diameter ~ (1 | plate) + (1 | sample), d)),
    here = quote(glmm(diameter ~ (1 | plate) + (1 | sample), d, REML = TRUE)), same = "all"
  ),
  pastes_cask = list(
    page = "lme4::Pastes", data = pastes,
    there = quote(lme4::lmer(strength ~ (1 | batch / cask), d)),
    here = quote(glmm(strength ~ (1 | batch / cask), d, REML = TRUE)), same = "all"
  ),
  pastes_sample = list(
    page = "lme4::Pastes", data = pastes,
    there = quote(lme4::lmer(strength ~ (1 | batch) + (1 | sample), d)),
    here = quote(glmm(strength ~ (1 | batch) + (1 | sample), d, REML = TRUE)), same = "all"
  ),
  dyestuff = list(
    page = "lme4::Dyestuff", data = function() lme4::Dyestuff,
    there = quote(lme4::lmer(Yield ~ 1 | Batch, d)),
    here = quote(glmm(Yield ~ 1 | Batch, d, REML = TRUE)), same = "refused",
    why = "random terms stand in parentheses, so that `y ~ x | g` can't be read in two ways",
    instead = quote(glmm(Yield ~ (1 | Batch), d, REML = TRUE))
  ),
  dyestuff2 = list(
    page = "lme4::Dyestuff", data = function() lme4::Dyestuff2,
    there = quote(lme4::lmer(Yield ~ (1 | Batch), d)),
    here = quote(glmm(Yield ~ (1 | Batch), d, REML = TRUE)), same = "all"
  ),
  cake = list(
    page = "lme4::cake", data = function() lme4::cake,
    there = quote(lme4::lmer(angle ~ recipe * temperature + (1 | recipe:replicate), d,
      REML = FALSE)),
    here = quote(glmm(angle ~ recipe * temperature + (1 | recipe:replicate), d, REML = FALSE)),
    same = "all"
  ),
  grouseticks = list(
    page = "lme4::grouseticks", data = function() lme4::grouseticks,
    there = quote(lme4::glmer(TICKS ~ YEAR + HEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION),
      family = "poisson", data = d, control = lme4::glmerControl(optimizer = "bobyqa"))),
    here = quote(glmm(TICKS ~ YEAR + HEIGHT + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION),
      family = "poisson", data = d)),
    same = "nearly",
    why = "lme4 warns that it did not converge, and stops .02 below the maximum"
  ),
  glmer_nb = list(
    page = "lme4::glmer.nb", data = counts,
    there = quote(lme4::glmer.nb(y ~ f1 * f2 + (1 | g), data = d)),
    here = quote(glmm(y ~ f1 * f2 + (1 | g), data = d, family = nbinom2())), same = "all"
  ),
  glmmTMB_cbpp = list(
    page = "glmmTMB::glmmTMB", data = function() lme4::cbpp,
    there = quote(glmmTMB::glmmTMB(cbind(incidence, size - incidence) ~ period + (1 | herd),
      family = binomial, data = d)),
    here = quote(glmm(cbind(incidence, size - incidence) ~ period + (1 | herd),
      family = binomial, data = d, nAGQ = 1)),
    same = "all"
  ),
  glmmTMB_zi = list(
    page = "glmmTMB::glmmTMB", data = function() peer_data("Salamanders", "glmmTMB"),
    there = quote(glmmTMB::glmmTMB(count ~ mined + (1 | site), zi = ~mined, family = poisson,
      data = d)),
    here = quote(glmm(count ~ mined + (1 | site), zi = ~mined, family = poisson, data = d)),
    same = "refused", why = "margmix has no zero inflation"
  ),
  epil2 = list(
    page = "glmmTMB::epil2", data = epil2,
    there = quote(glmmTMB::glmmTMB(y ~ Base * trt + Age + Visit + (Visit | subject), data = d,
      family = glmmTMB::nbinom2)),
    here = quote(glmm(y ~ Base * trt + Age + Visit + (Visit | subject), data = d,
      family = nbinom2, nAGQ = 1)),
    same = "all"
  ),
  owls = list(
    page = "glmmTMB::Owls", data = function() peer_data("Owls", "glmmTMB"),
    there = quote(glmmTMB::glmmTMB(SiblingNegotiation ~ FoodTreatment * SexParent + (1 | Nest) +
      offset(log(BroodSize)), family = glmmTMB::nbinom1(), data = d)),
    here = quote(glmm(SiblingNegotiation ~ FoodTreatment * SexParent + (1 | Nest) +
      offset(log(BroodSize)), family = nbinom1(), data = d, nAGQ = 1)),
    same = "all"
  ),
  mixed_model = list(
    page = "GLMMadaptive::mixed_model", data = binary_visits,
    there = quote(GLMMadaptive::mixed_model(y ~ year * group, random = ~ 1 | id, data = d,
      family = binomial())),
    here = quote(glmm(y ~ year * group + (1 | id), data = d, family = binomial(), nAGQ = 11)),
    same = "nearly", why = moving_reason
  ),
  mixed_model_slope = list(
    page = "GLMMadaptive::mixed_model", data = binary_visits,
    there = quote(GLMMadaptive::mixed_model(y ~ year * group, random = ~ year | id, data = d,
      family = binomial())),
    here = quote(glmm(y ~ year * group + (year | id), data = d, family = binomial(), nAGQ = 11)),
    same = "nearly", why = moving_reason
  ),
  geeglm = list(
    page = "geepack::geeglm", data = dietox,
    there = quote(geepack::geeglm(Weight ~ Cu * (Time + I(Time^2) + I(Time^3)), data = d, id = Pig,
      family = poisson("identity"), corstr = "ar1")),
    here = quote(gee(Weight ~ Cu * (Time + I(Time^2) + I(Time^3)), data = d, id = Pig,
      family = poisson("identity"), corstr = "ar1")),
    same = "differs", why = alpha_reason,
    instead = quote(gee(Weight ~ Cu * (Time + I(Time^2) + I(Time^3)), data = d, id = Pig,
      family = poisson("identity"), corstr = "ar1",
      control = gee_control(alpha_method = "geepack")))
  ),
  geese = list(
    page = "geepack::geese", data = seizures,
    there = quote(geepack::geese(y ~ offset(log(t)) + x + trt + x:trt, id = id, data = d,
      corstr = "exch", family = poisson)),
    here = quote(gee(y ~ offset(log(t)) + x + trt + x:trt, id = id, data = d,
      corstr = "exch", family = poisson)),
    same = "all"
  ),
  geese_subset = list(
    page = "geepack::geese", data = seizures,
    there = quote(geepack::geese(y ~ offset(log(t)) + x + trt + x:trt, id = id, data = d,
      subset = id != 49, corstr = "exch", family = poisson)),
    here = quote(gee(y ~ offset(log(t)) + x + trt + x:trt, id = id, data = d,
      subset = id != 49, corstr = "exch", family = poisson)),
    same = "all"
  ),
  ohio_exchangeable = list(
    page = "geepack::ohio", data = ohio,
    there = quote(geepack::geeglm(resp ~ age + smoke + age:smoke, id = id, data = d,
      family = binomial, corstr = "exch", scale.fix = TRUE)),
    here = quote(gee(resp ~ age + smoke + age:smoke, id = id, data = d,
      family = binomial, corstr = "exch", scale = 1)),
    same = "all"
  ),
  ohio_ar1 = list(
    page = "geepack::ohio", data = ohio,
    there = quote(geepack::geeglm(resp ~ age + smoke + age:smoke, id = id, data = d,
      family = binomial, corstr = "ar1", scale.fix = TRUE)),
    here = quote(gee(resp ~ age + smoke + age:smoke, id = id, data = d,
      family = binomial, corstr = "ar1", scale = 1)),
    same = "differs",
    why = paste(
      "margmix estimates the correlation of AR(1) from neighbouring visits, as SAS does, geepack",
      "from all pairs"
    ),
    instead = quote(gee(resp ~ age + smoke + age:smoke, id = id, data = d,
      family = binomial, corstr = "ar1", scale = 1,
      control = gee_control(alpha_method = "geepack")))
  ),
  respiratory = list(
    page = "geepack::respiratory", data = respiratory,
    there = quote(geepack::geeglm(outcome ~ center + treat + age + baseline, data = d, id = id,
      family = binomial(), corstr = "exchangeable")),
    here = quote(gee(outcome ~ center + treat + age + baseline, data = d, id = id,
      family = binomial(), corstr = "exchangeable")),
    same = "differs",
    why = paste(
      "patients are numbered from 1 in both centers: geepack takes each run of equal numbers for a",
      "cluster, margmix each value, and notes that rows of an id lie apart"
    ),
    instead = quote(gee(outcome ~ center + treat + age + baseline, data = d,
      id = interaction(center, id), family = binomial(), corstr = "exchangeable",
      control = gee_control(alpha_method = "geepack")))
  ),
  muscatine = list(
    page = "geepack::muscatine", data = muscatine,
    there = quote(geepack::geeglm(numobese ~ gender + cage + cage2 + gender:cage + gender:cage2,
      id = id, waves = occasion, data = d, family = binomial(), corstr = "independence")),
    here = quote(gee(numobese ~ gender + cage + cage2 + gender:cage + gender:cage2,
      id = id, waves = occasion, data = d, family = binomial(), corstr = "independence")),
    same = "all"
  ),
  sitka88 = list(
    page = "geepack::spruce", data = function() spruce(1:5),
    there = quote(geepack::geese(logsize ~ as.factor(wave) + contr + I(time / 100 * contr) - 1,
      id = id, data = d, corstr = "ar1")),
    here = quote(gee(logsize ~ as.factor(wave) + contr + I(time / 100 * contr) - 1,
      id = id, data = d, corstr = "ar1")),
    same = "differs", why = alpha_reason,
    instead = quote(gee(logsize ~ as.factor(wave) + contr + I(time / 100 * contr) - 1,
      id = id, data = d, corstr = "ar1", control = gee_control(alpha_method = "geepack")))
  )
)
