# Models with smooth terms, stated once for compute-smooths.R and the tests. `sets` has the data
# sets sleepstudy and dietox; `quakes` comes with R.
#
# A list of list(formula, peer, family, data): `peer` is the formula as mgcv::gam() reads it; counts
# are fitted in the way of package gamm4, from `formula`.

smooth_models <- function(sets) {
  pigs <- sets$dietox[sets$dietox$Pig %in% unique(sets$dietox$Pig)[1:30], ]
  pigs$Pig <- factor(pigs$Pig)
  sleep <- transform(sets$sleepstudy, Subject = factor(Subject))
  quakes <- datasets::quakes[1:300, ]
  quakes$region <- factor(paste(round(quakes$lat / 3), round(quakes$long / 3)))
  list(
    sleepstudy = list(
      formula = Reaction ~ s(Days, k = 5) + (1 | Subject),
      peer = Reaction ~ s(Days, k = 5) + s(Subject, bs = "re"), family = "gaussian", data = sleep
    ),
    dietox = list(
      formula = Weight ~ Cu + s(Time, k = 8) + (1 | Pig),
      peer = Weight ~ Cu + s(Time, k = 8) + s(Pig, bs = "re"), family = "gaussian", data = pigs
    ),
    quakes = list(
      formula = stations ~ s(mag) + (1 | region), family = "poisson", data = quakes
    )
  )
}
