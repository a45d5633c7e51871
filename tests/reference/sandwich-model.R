# Least squares on clusters of unequal size: sleepstudy without some rows, and a factor between
# subjects. The script and the test read the same model.

sandwich_model <- function(data) {
  subject <- match(data$Subject, unique(data$Subject))
  data$arm <- factor(letters[1 + subject %% 4])
  data <- data[(subject * (data$Days + 2)) %% 7 > 1 & !(subject %% 5 == 0 & data$Days > 2), ]
  lm(Reaction ~ arm + Days, data)
}

# Scores and information of the clusters of a least squares fit, with variance 1.
sandwich_pieces <- function(model, cluster) {
  X <- model.matrix(model)
  p <- ncol(X)
  rows <- split(seq_len(nrow(X)), factor(cluster, unique(cluster)))
  list(
    scores = t(vapply(rows, function(r) drop(crossprod(X[r, ], resid(model)[r])), numeric(p))),
    information = vapply(rows, function(r) crossprod(X[r, , drop = FALSE]), matrix(0, p, p))
  )
}
