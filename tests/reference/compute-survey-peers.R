# Weights by level fitted by package WeMix, which takes conditional weights as they are
# (cWeights = TRUE). Writes survey-peers.csv.
#
#   R_LIBS=<with WeMix> Rscript compute-survey-peers.R

suppressMessages(library(WeMix))
source("models-survey.R")

d <- survey_sleepstudy()
size <- ave(d$row, d$Subject, FUN = length) / ave(d$row, d$Subject, FUN = sum)
d$row_size <- d$row * size
d$row_effective <- d$row * ave(d$row, d$Subject, FUN = function(w) sum(w) / sum(w^2))

quantities <- function(fit, name) {
  data.frame(
    model = name,
    quantity = c("logLik", "(Intercept)", "Days", "se:(Intercept)", "se:Days",
      "variance:Subject", if (length(fit$vars) > 1L) "variance:residual"),
    value = unname(c(fit$lnl, fit$coef, fit$SE, fit$vars)),
    source = paste("WeMix", packageVersion("WeMix"))
  )
}
fits <- list()
for (scale in c("none", "size", "effective")) {
  w <- c(none = "row", size = "row_size", effective = "row_effective")[[scale]]
  fits[[paste0("linear-", scale)]] <- mix(Reaction ~ Days + (1 | Subject), d,
    weights = c(w, "subject"), cWeights = TRUE
  )
}
fits[["logit-size"]] <- mix(slow ~ Days + (1 | Subject), d,
  weights = c("row_size", "subject"), cWeights = TRUE, family = binomial(), nQuad = 31
)
table <- do.call(rbind, Map(quantities, fits, names(fits)))
write.csv(table, "survey-peers.csv", row.names = FALSE)
