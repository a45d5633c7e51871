# A small trial of clusters with informative sizes, and its model-robust means by hand.

small_trial <- function() {
  size <- rep(c(3, 8, 5, 12, 4, 7), 3)
  data <- data.frame(id = rep(seq_along(size), size), size = rep(size, size))
  data$treat <- as.integer(data$id %% 3 == 0 | data$id > 14)
  row <- seq_len(nrow(data))
  data$x <- sin(row) + data$id / 10
  data$person <- as.integer((row * 7) %% 5 < 2)
  data$y <- as.integer((sin(row * 1.7) + 0.4 * data$x + data$treat * (4 / data$size)) > 0.3)
  data[order(row %% 4), ] # not sorted by cluster
}

# Everything by the definitions, with glm() as the model: AIPW means of a binary exposure, their
# influence and one-step jackknife, for row weights w and probabilities p of the exposure.
by_hand <- function(data, exposure, w, p, estimated = c("no", "clusters", "individuals")) {
  estimated <- match.arg(estimated)
  A <- data[[exposure]]
  model <- stats::glm(stats::reformulate(c(exposure, "x"), "y"), stats::binomial(), data)
  X <- lapply(0:1, function(a) cbind(1, a, data$x))
  m <- lapply(X, function(x) drop(stats::plogis(x %*% stats::coef(model))))
  had <- list(1 - A, A)
  prob <- list(1 - p, p)
  id <- factor(data$id)
  by_cluster <- function(z) drop(rowsum(z, id))
  B <- crossprod(stats::model.matrix(model) * stats::fitted(model) * (1 - stats::fitted(model)),
    stats::model.matrix(model))
  score <- rowsum(stats::model.matrix(model) * (data$y - stats::fitted(model)), id)
  each <- split(seq_along(id), id)
  one <- function(a) {
    value <- w * (m[[a]] + had[[a]] / prob[[a]] * (data$y - m[[a]]))
    slope <- w * (1 - had[[a]] / prob[[a]]) * m[[a]] * (1 - m[[a]]) * X[[a]]
    slope_Q <- -w * had[[a]] / prob[[a]] * m[[a]] * (1 - m[[a]]) * X[[a]]
    Q <- w * had[[a]] / prob[[a]] * (data$y - m[[a]])
    mu <- sum(value) / sum(w)
    units <- if (estimated == "clusters") {
      cbind(by_cluster(had[[a]]) > 0, 1)
    } else {
      cbind(by_cluster(had[[a]]), by_cluster(rep(1, length(A))))
    }
    share <- sum(units[, 1]) / sum(units[, 2])
    phi <- (by_cluster(value - w * mu) + drop(score %*% solve(B, colSums(slope)))) / sum(w)
    if (estimated != "no") {
      phi <- phi - sum(Q) / sum(w) / share * (units[, 1] - share * units[, 2]) / sum(units[, 2])
    }
    out <- vapply(seq_along(each), function(i) {
      rows <- each[[i]]
      x <- stats::model.matrix(model)[rows, , drop = FALSE]
      v <- stats::fitted(model)[rows]
      step <- solve(B - crossprod(x * v * (1 - v), x), score[i, ])
      rest <- (sum(units[, 1]) - units[i, 1]) / (sum(units[, 2]) - units[i, 2])
      ratio <- if (estimated == "no") 1 else share / rest
      (sum((w * m[[a]])[-rows]) + sum(Q[-rows]) * ratio -
        sum(slope[-rows, ] %*% step) - (ratio - 1) * sum(slope_Q[-rows, ] %*% step)) / sum(w[-rows])
    }, 0)
    list(mu = mu, phi = phi, J = mu - out)
  }
  lapply(1:2, one)
}

# Variance of the risk difference by each rule.
hand_variance <- function(hand) {
  phi <- hand[[2]]$phi - hand[[1]]$phi
  J <- hand[[2]]$J - hand[[1]]$J
  m <- length(J)
  c(
    KC = sqrt((m - 1) / m) * sum(J * phi), jackknife = (m - 1) / m * sum(J^2), robust = sum(phi^2)
  )
}

by_hand_means <- function(model, data, p) {
  vapply(0:1, function(a) {
    m <- stats::predict(model, transform(data, person = a), type = "response")
    mean(m + (data$person == a) / (if (a == 1) p else 1 - p) * (data$y - m))
  }, 0)
}
