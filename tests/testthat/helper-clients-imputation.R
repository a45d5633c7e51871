# Clients that pool fits of imputed data sets.

# The rule of Rubin (1987) with the degrees of freedom of Barnard and Rubin (1999), by hand.
pooled_by_hand <- function(fits, df_complete) {
  Q <- vapply(fits, coef, coef(fits[[1L]]))
  U <- vapply(fits, function(fit) diag(vcov(fit)), coef(fits[[1L]]))
  m <- length(fits)
  between <- apply(Q, 1L, stats::var)
  total <- rowMeans(U) + (1 + 1 / m) * between
  share <- (1 + 1 / m) * between / total
  old <- (m - 1) / share^2
  observed <- (df_complete + 1) / (df_complete + 3) * df_complete * (1 - share)
  df <- 1 / (1 / old + 1 / observed)
  list(
    estimate = rowMeans(Q), std.error = sqrt(total), df = df,
    p.value = 2 * stats::pt(-abs(rowMeans(Q)) / sqrt(total), df)
  )
}

# The fit, and the same model without the first cluster, in place of two imputed data sets.
two_fits <- function(fit) {
  data <- eval(fit$call$data, client_data)
  group <- as.character(component(fit, "cluster"))
  other <- data[group %in% unique(group)[-1L], ]
  list(fit, suppressMessages(stats::update(fit, data = other)))
}

clients_imputation <- function() {
  list(
    client("mice", "summary(pool(fits))", function(fit) {
      table <- summary(mice::pool(two_fits(fit)))
      table[c("estimate", "std.error", "df", "p.value")]
    }, function(fit) {
      fits <- two_fits(fit)
      pooled_by_hand(fits, min(own_answers(fit)$df))
    }, note = "complete-data df: the smallest"),
    client("mitools", "MIcombine(fits, df.complete = df)", function(fit) {
      complete <- min(own_answers(fit)$df)
      pooled <- from("mitools", "MIcombine")(two_fits(fit), df.complete = complete)
      list(estimate = coef(pooled), std.error = sqrt(diag(vcov(pooled))))
    }, function(fit) {
      pooled_by_hand(two_fits(fit), min(own_answers(fit)$df))
    }, note = "give df.complete: otherwise it is infinite"),
    client("mitools", "MIcombine(fits)", function(fit) {
      pooled <- from("mitools", "MIcombine")(two_fits(fit))
      list(estimate = coef(pooled), std.error = sqrt(diag(vcov(pooled))), df = pooled$df)
    }, function(fit) {
      pooled_by_hand(two_fits(fit), min(own_answers(fit)$df))
    }, no_hook = "it asks for no df of the complete data and takes infinite ones")
  )
}
