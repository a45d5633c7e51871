# What other packages would get wrong without saying so is refused, with what to use instead.

refuse_client <- function(what, why, hint) {
  abort("other_package", paste0(what, " ", why, "."), hint = hint)
}

#' @exportS3Method clubSandwich::vcovCR
vcovCR.margmix_fit <- function(obj, ...) {
  refuse_client("vcovCR()", "takes every row for independent in a fit that it does not know", c(
    "vcov(fit, \"robust\") is its CR0, vcov(fit, \"MD\") of a fit of gee() its CR3.",
    "summary(fit, vcov = \"KC\") has the correction that CR2 is meant for, and its df."
  ))
}

#' @exportS3Method sandwich::vcovHC
vcovHC.margmix_fit <- function(x, ...) {
  refuse_client("vcovHC()", "is for independent rows",
    "sandwich(fit) and vcov(fit, \"robust\") are for independent clusters."
  )
}

#' @exportS3Method sandwich::vcovHAC
vcovHAC.margmix_fit <- function(x, ...) {
  refuse_client("vcovHAC()", "is for one series of rows",
    "vcov(fit, \"robust\") allows any dependence within clusters."
  )
}

#' @exportS3Method sandwich::vcovBS
vcovBS.margmix_fit <- function(x, ...) {
  refuse_client("vcovBS()", "resamples rows, not clusters with the labels of their copies",
    "vcov(fit, \"KC\") is for few clusters; that of gee() has \"jackknife\", too."
  )
}

refuse_pbkrtest <- function(what) {
  refuse_client(what, "needs the matrices of a fit of lme4",
    "anova(fit) has the tests, and summary(fit) the degrees of freedom, of this package."
  )
}

#' @exportS3Method pbkrtest::KRmodcomp
KRmodcomp.margmix_fit <- function(largeModel, ...) refuse_pbkrtest("KRmodcomp()")

#' @exportS3Method pbkrtest::SATmodcomp
SATmodcomp.margmix_fit <- function(largeModel, ...) refuse_pbkrtest("SATmodcomp()")

#' @exportS3Method pbkrtest::PBmodcomp
PBmodcomp.margmix_fit <- function(largeModel, ...) refuse_pbkrtest("PBmodcomp()")
