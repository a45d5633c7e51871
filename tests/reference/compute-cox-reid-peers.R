# Restricted standard deviations by glmmTMB (REML = TRUE) and lme4 (linear models), beside those of
# the package.
#
# Writes cox-reid-peers.csv. glmmTMB integrates beta and the random effects out by one Laplace
# approximation, at their joint mode: neither the likelihood nor the treatment of beta is that of
# Cox and Reid with quadrature, so that the numbers are near and not equal. Run in this folder.
suppressMessages({
  library(margmix)
  library(glmmTMB)
})
factors <- c(herd = "factor", period = "factor")
cbpp <- read.csv("cbpp.csv", colClasses = factors)
sleep <- read.csv("sleepstudy.csv", colClasses = c(Subject = "factor"))
cases <- list(
  infection = list(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()),
  seeds = list(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial()),
  cbpp = list(cbind(incidence, size - incidence) ~ period + (1 | herd), cbpp, binomial()),
  toenail = list(severe ~ treatment * scheduled + (1 | patient), toenail, binomial()),
  respiratory = list(outcome ~ treat * center + age + (1 | patient), respiratory, binomial()),
  epilepsy = list(seizures ~ treatment + log(base) + (1 | subject), epilepsy, poisson()),
  epilepsy_nb = list(
    seizures ~ treatment + log(base) + (1 | subject), epilepsy, margmix::nbinom2()
  ),
  sleepstudy = list(Reaction ~ Days + (1 | Subject), sleep, gaussian())
)
peer_family <- function(family) if (family$family == "nbinom2") glmmTMB::nbinom2() else family

rows <- lapply(names(cases), function(name) {
  case <- cases[[name]]
  ours <- function(...) {
    suppressMessages(component(glmm(case[[1L]], case[[2L]], case[[3L]], ...), "Lambda"))[[1L]]
  }
  peer <- glmmTMB(case[[1L]], case[[2L]], peer_family(case[[3L]]), REML = TRUE)
  data.frame(
    model = name, ML = ours(), restricted = ours(REML = TRUE),
    restricted_Laplace = ours(REML = TRUE, nAGQ = 1),
    glmmTMB = attr(VarCorr(peer)$cond[[1L]], "stddev")[[1L]],
    lme4 = if (name == "sleepstudy") {
      attr(lme4::VarCorr(lme4::lmer(case[[1L]], sleep))[[1L]], "stddev")[[1L]]
    } else {
      NA
    }
  )
})
table <- do.call(rbind, rows)
numbers <- vapply(table, is.numeric, NA)
table[numbers] <- lapply(table[numbers], signif, 7L)
table$source <- paste0(
  "glmmTMB ", packageVersion("glmmTMB"), "; lme4 ", packageVersion("lme4")
)
print(table[-ncol(table)], digits = 4)
write.csv(table, "cox-reid-peers.csv", row.names = FALSE, quote = FALSE)
