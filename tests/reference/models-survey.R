# Survey weights by level for 180 rows of sleepstudy.csv, stated once. `row`: of a row given its
# subject; `subject`: of its subject. As raw numbers they are far from any scale.
survey_sleepstudy <- function(path = "sleepstudy.csv") {
  d <- utils::read.csv(path)
  d$Subject <- factor(d$Subject)
  k <- as.integer(d$Subject)
  d$slow <- as.integer(d$Reaction >= 300)
  d$row <- 1 + (3 * k + 7 * d$Days) %% 5 / 2
  d$subject <- 1 + (5 * k) %% 7 / 3
  # all rows of three subjects twice: a case that Stata's `mixed` was run on
  d$twice <- ifelse(k <= 3, 2, 1)
  d
}
