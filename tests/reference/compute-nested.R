# Models with two nested levels fitted by glmmTMB (Laplace), tightly tuned -> nested-peers.csv, and
# the data of the first -> grouseticks.csv (package lme4: ticks on the heads of red grouse chicks,
# 403 chicks in 118 broods in 63 locations; Elston et al., 2001). The second set is simulated here.
# Run in this folder: Rscript compute-nested.R

suppressMessages(library(glmmTMB))
options(digits = 15, warn = 1)

grouseticks <- lme4::grouseticks[c("TICKS", "BROOD", "LOCATION", "YEAR", "HEIGHT")]
names(grouseticks) <- tolower(names(grouseticks))
grouseticks$height <- (grouseticks$height - 460) / 100
write.csv(grouseticks, "grouseticks.csv", row.names = FALSE, quote = FALSE)
grouseticks <- read.csv("grouseticks.csv")
grouseticks$year <- factor(grouseticks$year)
grouseticks$any <- as.numeric(grouseticks$ticks > 0)

models <- list(
  "grouse-poisson" = list(ticks ~ year + height + (1 | location / brood), poisson()),
  "grouse-slope" = list(ticks ~ height + (1 | location) + (height | brood:location), poisson()),
  "grouse-logit" = list(any ~ year + height + (1 | location / brood), binomial())
)
optimiser <- list(rel.tol = 1e-14, iter.max = 1000, eval.max = 1000)
tables <- lapply(names(models), function(name) {
  fit <- suppressWarnings(glmmTMB(models[[name]][[1]], grouseticks, family = models[[name]][[2]],
    control = glmmTMBControl(optCtrl = optimiser)
  ))
  beta <- fixef(fit)$cond
  sds <- unlist(lapply(VarCorr(fit)$cond, function(S) attr(S, "stddev")))
  se <- sqrt(diag(vcov(fit)$cond))
  message(name, ": ", format(as.numeric(logLik(fit)), digits = 12))
  data.frame(
    model = name, quantity = c(
      "logLik", paste0("coef:", names(beta)), paste0("se:", names(beta)), paste0("sd:", names(sds))
    ),
    value = sprintf("%.12g", c(as.numeric(logLik(fit)), beta, se, sds)),
    source = paste0(R.version.string, ", glmmTMB ", packageVersion("glmmTMB"))
  )
})
write.csv(do.call(rbind, tables), "nested-peers.csv", row.names = FALSE)
