# Clients that choose or average models by AIC. lme4 is the peer where it has the model.

clients_selection <- function() {
  selected <- function(fit) {
    old <- options(na.action = "na.fail")
    on.exit(options(old))
    # it looks for the data where it is called from
    eval(as.call(list(from("MuMIn", "dredge"), fit)), client_data)
  }
  list(
    client("MuMIn", "AICc(fit)", function(fit) list(estimate = from("MuMIn", "AICc")(fit)),
      function(fit) {
        k <- attr(logLik(fit), "df")
        list(estimate = AIC(fit) + 2 * k * (k + 1) / (nobs(fit) - k - 1))
      }
    ),
    client("MuMIn", "dredge(fit)", function(fit) {
      list(estimate = sort(as.data.frame(selected(fit))$logLik))
    }, function(fit) {
      terms <- attr(stats::terms(fit), "term.labels")
      subsets <- unlist(lapply(seq_along(terms), utils::combn, x = terms, simplify = FALSE), FALSE)
      values <- vapply(c(list(NULL), subsets), function(kept) {
        gone <- setdiff(terms, kept)
        smaller <- if (length(gone)) {
          change <- stats::as.formula(paste(". ~ . -", paste(gone, collapse = " - ")))
          suppressMessages(stats::update(fit, change))
        } else {
          fit
        }
        as.numeric(logLik(smaller))
      }, 0)
      list(estimate = sort(values))
    }, note = "log-likelihoods of all models"),
    client("MuMIn", "coefTable(fit)", function(fit) {
      table <- from("MuMIn", "coefTable")(fit)
      list(estimate = table[, 1L], std.error = table[, 2L], df = table[, 3L])
    }, note = "what model.avg() averages"),
    client("MuMIn", "model.avg(dredge(fit))", function(fit) {
      table <- selected(fit)
      models <- eval(as.call(list(from("MuMIn", "get.models"), table, TRUE)), client_data)
      average <- from("MuMIn", "model.avg")(models)
      list(estimate = coef(average, full = TRUE)[names(coef(fit))])
    }, averaged_by_hand,
    note = "the maximum of glmm(); by default glmer() may stop before it, in the fourth digit")
  )
}

# Coefficients of all models, 0 where a term is left out, weighted by AICc.
averaged_by_hand <- function(fit) {
  terms <- attr(stats::terms(fit), "term.labels")
  subsets <- unlist(lapply(seq_along(terms), utils::combn, x = terms, simplify = FALSE), FALSE)
  fits <- lapply(c(list(NULL), subsets), function(kept) {
    gone <- setdiff(terms, kept)
    if (!length(gone)) return(fit)
    change <- stats::as.formula(paste(". ~ . -", paste(gone, collapse = " - ")))
    suppressMessages(stats::update(fit, change))
  })
  AICc <- vapply(fits, function(fit) {
    k <- attr(logLik(fit), "df")
    AIC(fit) + 2 * k * (k + 1) / (nobs(fit) - k - 1)
  }, 0)
  w <- exp(-(AICc - min(AICc)) / 2)
  beta <- vapply(fits, function(smaller) {
    found <- coef(smaller)[names(coef(fit))]
    replace(found, is.na(found), 0)
  }, coef(fit))
  list(estimate = drop(beta %*% w) / sum(w))
}
