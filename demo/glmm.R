# The toenail trial: a mixed model and a marginal one, their odds ratios, risks of the population,
# and a picture of the patients' predictions with shrinkage.
#   Rscript demo/glmm.R [picture.png]   or, in R, demo("glmm", package = "margmix")

library(margmix)

# Severity of a nail infection at seven planned visits of 294 patients in two arms.
fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, family = binomial())
print(summary(fit))

# The factor by which the odds of a severe infection change for one patient.
cat("\n")
print(odds_ratios(fit))

# The same for the population.
marginal <- gee(severe ~ treatment * scheduled, toenail,
  id = patient, family = binomial(), corstr = "exchangeable"
)
cat("\n")
print(odds_ratios(marginal))

# Risks of the population in each arm, by the mixed model.
cat("\n")
print(marginal_standardization(fit, exposure = "treatment"))

# Each patient with the patient's own random effect ...
months <- seq(0, 12, by = 0.25)
patients <- unique(toenail[c("patient", "treatment")])
curves <- merge(patients, data.frame(scheduled = months))
curves$p <- predict(fit, curves, type = "response")

# ... a patient whose random effect is 0, and the mean of the population.
arms <- expand.grid(scheduled = months, treatment = levels(toenail$treatment))
arms$zero <- predict(fit, arms, type = "response", random_effects = "zero")
arms$mean <- predict(fit, arms, type = "response", random_effects = "integrate")
observed <- aggregate(severe ~ scheduled + treatment, toenail, mean)

# Share of severe visits of each patient, observed and predicted.
by_patient <- aggregate(
  cbind(visits = 1, severe, predicted = fitted(fit)) ~ patient, toenail, sum
)
records <- aggregate(cbind(patients = 1, predicted) ~ visits + severe, by_patient, sum)
records$predicted <- records$predicted / records$patients / records$visits
records$observed <- records$severe / records$visits

draw_arm <- function(arm, colour) {
  plot(range(months), 0:1,
    type = "n", las = 1, main = arm, xlab = "Planned month",
    ylab = "Probability of a severe infection"
  )
  for (curve in split(curves, curves$patient)) {
    if (curve$treatment[1] != arm) next
    curve <- curve[order(curve$scheduled), ]
    lines(curve$scheduled, curve$p, col = adjustcolor(colour, 0.25))
  }
  this <- arms[arms$treatment == arm, ]
  lines(this$scheduled, this$mean, lwd = 3)
  lines(this$scheduled, this$zero, lwd = 2, lty = 2)
  shares <- observed[observed$treatment == arm, ]
  points(shares$scheduled, shares$severe, pch = 21, bg = "white", cex = 1.4)
}

draw_records <- function() {
  plot(c(0.7, 7.3), 0:1,
    type = "n", las = 1, main = "Shrinkage", xlab = "Visits attended by the patient",
    ylab = "Share of visits with a severe infection"
  )
  with(records, {
    segments(visits, observed, visits, predicted, col = "#CC0033", lwd = 2)
    points(visits, observed, pch = 21, bg = "white", cex = 0.7 + 0.25 * sqrt(patients))
    points(visits, predicted, pch = 19, col = "#CC0033")
  })
}

draw_legend <- function(labels, ...) {
  plot.new()
  legend("center", labels, ...,
    horiz = TRUE, bty = "n", cex = 1.15, text.width = 1.3 * max(strwidth(labels))
  )
}

draw <- function() {
  layout(rbind(1:3, c(4, 4, 5)), heights = c(8, 1))
  old <- par(mar = c(4, 4.2, 2.5, 0.8), mgp = c(2.6, 0.7, 0), cex.lab = 1.15)
  on.exit(layout(1))
  on.exit(par(old), add = TRUE)
  draw_arm("itraconazole", "#0072B2")
  draw_arm("terbinafine", "#D55E00")
  draw_records()
  par(mar = c(0, 0, 0, 0))
  draw_legend(
    c("one patient", "population mean", "random effect 0", "observed share"),
    col = c("grey50", "black", "black", "black"), lty = c(1, 1, 2, NA), lwd = c(1, 3, 2, NA),
    pch = c(NA, NA, NA, 21)
  )
  draw_legend(
    c("observed (size: patients)", "predicted"),
    pch = c(21, 19), col = c("black", "#CC0033")
  )
}

if (interactive()) {
  draw()
} else {
  path <- commandArgs(trailingOnly = TRUE)[1]
  if (is.na(path)) path <- "demo-ranef.png"
  png(path, width = 2100, height = 750, res = 150)
  draw()
  invisible(dev.off())
  cat("\nPicture:", path, "\n")
}
