# Marginal models for which geepack has reference numbers, read by the script and by the tests.
# The correlations are geepack's names; every data set has its rows sorted by id and visit.
marginal_models <- function(ohio, respiratory, dietox) {
  ohio$visit <- ohio$age + 3L
  three <- dietox[dietox$Time %in% c(1, 6, 12), ]
  three$visit <- match(three$Time, c(1, 6, 12))
  list(
    ohio = list(
      formula = resp ~ age * smoke, data = ohio, family = binomial(), id = "id", visit = "visit"
    ),
    respiratory = list(
      formula = outcome ~ treat + center + sex + age + baseline, data = respiratory,
      family = binomial(), id = "patient", visit = "visit"
    ),
    dietox = list(
      formula = Weight ~ Time + I(Time^2) + Cu, data = dietox, family = gaussian(), id = "Pig",
      visit = "Time"
    ),
    # of one variance: the unstructured moments are a correlation matrix
    dietox_log = list(
      formula = log(Weight) ~ Time + I(Time^2) + Cu, data = three, family = gaussian(), id = "Pig",
      visit = "visit"
    )
  )
}
marginal_correlations <- c("exchangeable", "ar1", "unstructured")
