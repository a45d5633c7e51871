# Draws the picture of README.md.
#   R_LIBS=.build/library Rscript tools/readme-picture.R

library(margmix)
fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, family = binomial())
marginal <- gee(severe ~ treatment * scheduled, toenail, patient,
  family = binomial(), corstr = "exchangeable"
)
dir.create("man/figures", showWarnings = FALSE)
grDevices::png("man/figures/README-effects.png", 620, 340, res = 90, type = "cairo")
graphics::par(mar = c(4, 4, 0.5, 0.5))
plot(compare_effects(fit, marginal),
  clusters = 10, xlab = "Month of the visit", ylab = "Probability of a severe infection", main = ""
)
invisible(grDevices::dev.off())
# 64 colours look the same and are a quarter of the size, which every installation carries.
system2("pngquant", c("--force", "--ext=.png", "64", "man/figures/README-effects.png"))
