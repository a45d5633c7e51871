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
  groups <- sub(".*[|] *", "", vapply(lme4::findbars(formula(fit$call)), deparse, ""))
  data.frame(
    model = name,
    quantity = c("logLik", names(fit$coef), paste0("se:", names(fit$coef)),
      paste0("variance:", c(groups, if (length(fit$vars) > length(groups)) "residual"))),
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
# three levels; subjects are scaled within their group
first <- !duplicated(d$Subject)
within <- function(f) ave(d$subject * first, d$Group, FUN = f)
d$subject_size <- d$subject * ave(as.numeric(first), d$Group, FUN = sum) / within(sum)
three <- c("row_size", "subject_size", "group")
fits[["linear-none-three"]] <- mix(Reaction ~ Days + (1 | Subject) + (1 | Group), d,
  weights = c("row", "subject", "group"), cWeights = TRUE
)
fits[["linear-size-three"]] <- mix(Reaction ~ Days + (1 | Subject) + (1 | Group), d,
  weights = three, cWeights = TRUE
)
# of binary responses WeMix has no answer for clusters of different sizes
fits[["logit-none-three"]] <- mix(y ~ x + (1 | class) + (1 | school), survey_pupils(),
  weights = c("row", "inner", "top"), cWeights = TRUE, family = binomial(), nQuad = 7
)
table <- do.call(rbind, Map(quantities, fits, names(fits)))
write.csv(table, "survey-peers.csv", row.names = FALSE)
