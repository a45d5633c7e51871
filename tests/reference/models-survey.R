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
  survey_groups(d, k)
}

# Subjects in four groups: conditional weights of rows, subjects and groups far from any scale, and
# (`_2`) those of a case that Stata's `mixed` was run on.
survey_groups <- function(d, k) {
  members <- list(c(310, 309, 349, 335), c(330, 352, 337, 369), c(331, 332, 334, 372))
  group <- rep(1L, nrow(d))
  for (i in 1:3) group[d$Subject %in% members[[i]]] <- i + 1L
  d$Group <- factor(group)
  d$group <- c(2.5, 1, 1.5, 3)[group]
  d$row_2 <- ifelse(k == 1 & d$Days <= 3, 2, 1)
  d$subject_2 <- ifelse(k == 1, 2, 1)
  d$group_2 <- ifelse(group == 1L, 2, 1)
  d
}

# Pupils in four classes of each of 20 schools, with conditional weights of all three levels.
survey_pupils <- function() {
  set.seed(2)
  d <- expand.grid(pupil = 1:5, class = 1:4, school = 1:20)
  d$class <- factor((d$school - 1) * 4 + d$class)
  d$x <- round(rnorm(nrow(d)), 2)
  eta <- -0.2 + 0.6 * d$x + 1.2 * rnorm(20)[d$school] + 1.2 * rnorm(80)[d$class]
  d$y <- rbinom(nrow(d), 1, plogis(eta))
  d$school <- factor(d$school)
  d$row <- round(runif(nrow(d), 0.5, 3), 1)
  d$inner <- round(runif(80, 0.5, 3), 1)[d$class]
  d$top <- round(runif(20, 1, 5), 1)[d$school]
  d
}
