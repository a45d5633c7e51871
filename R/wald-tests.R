# Wald tests of hypotheses, of mixed and of marginal models.

#' What is tested
#'
#' @return A list: `heading`, and `tests`, a list of lists: `label`, `large` (a fit), `C` (q x p:
#'   C beta = 0 is the smaller model), `small` (a function that returns its fit, with `beta` on the
#'   coefficients of the larger one).
#' @noRd
term_hypotheses <- function(fit) {
  assign <- column_terms(fit$design)
  labels <- attr(fixed_terms(fit$design), "term.labels")
  curves <- curve_terms(fit)
  tests <- lapply(which(!labels %in% curves), function(term) {
    columns <- which(assign == term)
    list(
      label = labels[term], large = fit, C = diag(length(fit$beta))[columns, , drop = FALSE],
      small = function() fit_without(fit, columns)
    )
  })
  others <- if (length(curves)) paste0("; smooth_terms() tests ", some_of(code(curves)))
  list(heading = paste0("of terms, each with all others in the model", others), tests = tests)
}

wald_tests <- function(hypotheses, vcov, df, draws) {
  tests <- hypotheses$tests
  inference <- vector("list", length(tests))
  for (i in seq_along(tests)) {
    same <- i > 1L && identical(tests[[i]]$large, tests[[i - 1L]]$large)
    inference[[i]] <- if (same) {
      inference[[i - 1L]]
    } else {
      wald_inference(tests[[i]]$large, vcov, df, draws)
    }
  }
  found <- Map(wald_test, tests, inference)
  rows <- lapply(found, function(x) unlist(x[c("df1", "df2", "statistic", "p.value")]))
  words <- if (length(tests)) wald_words(tests[[1L]]$large, inference[[1L]], found)
  anova_table(rows, hypotheses, c("Df", "Den Df", "F value", "Pr(>F)"), "Wald tests", words)
}

# What all tests of a fit share: the covariance matrix of beta, and what statistics are referred to:
# approximations and draws for few clusters (`corrected`), or F with the degrees of freedom `df` of
# the coefficients. `joint(C, V)` is the test of the first kind.
wald_inference <- function(fit, vcov, df, draws) {
  if (identical(df, "satterthwaite")) check_likelihood(fit$design, "df = \"satterthwaite\"")
  if (isTRUE(draws$count > 0)) check_likelihood(fit$design, "A simulated reference (`nsim`)")
  covariance <- chosen_vcov(fit, vcov)
  type <- covariance$type
  default <- identical(df, "default") &&
    identical(covariance_fact(type, "df"), "satterthwaite")
  corrected <- default ||
    identical(df, "satterthwaite") && type != "given" && !is_modelled(type)
  pieces <- if (corrected || isTRUE(draws$count > 0)) cluster_pieces(fit)
  list(
    covariance = covariance, corrected = corrected,
    df = if (!corrected) chosen_df(fit, df, covariance),
    joint = if (!is.null(pieces)) function(C, V) joint_test(fit, C, V, type, draws, pieces)
  )
}

wald_test <- function(test, inference) {
  fit <- test$large
  q <- nrow(test$C)
  V <- inference$covariance$vcov
  tested <- colSums(test$C != 0) > 0
  if (!q || anyNA(V[tested, ])) return(list(df1 = q, df2 = NA, statistic = NA, p.value = NA))
  V[is.na(V)] <- 0
  if (!is.null(inference$joint)) return(inference$joint(test$C, V))
  reference <- joint_df(inference$df, test$C)
  statistic <- reference$scale * wald_statistic(fit$beta, test$C, V) / q
  df2 <- reference$df
  list(
    df1 = q, df2 = df2, statistic = statistic,
    p.value = stats::pf(statistic, q, df2, lower.tail = FALSE)
  )
}

# What the rows of the table, `found`, are referred to.
wald_words <- function(fit, inference, found) {
  drawn <- Filter(function(x) !is.null(x$count), found)
  rule <- if (inference$corrected) {
    "approximate Hotelling T^2 (Tipton and Pustejovsky 2015)"
  } else if (!is.null(inference$df$working)) {
    paste0("F tests with ", inference$df$rule, "df")
  } else {
    paste0("F tests with the smallest ", inference$df$rule, "df of the coefficients")
  }
  if (length(drawn)) {
    words <- drawn_words(drawn)
    rule <- if (length(drawn) == length(found)) words else paste0(rule, "; without Den Df: ", words)
  }
  paste0(
    "Covariance: ", covariance_words(fit, inference$covariance), "; ", rule, "."
  )
}

drawn_words <- function(drawn) {
  number <- function(x) format(x, big.mark = ",", scientific = FALSE)
  error <- signif(max(vapply(drawn, `[[`, 0, "error")), 1L)
  paste0(
    number(drawn[[1L]]$count), " draws under the working model (Monte Carlo SE of p at most ",
    number(error), ")"
  )
}

anova_table <- function(rows, hypotheses, columns, what, words) {
  table <- as.data.frame(do.call(rbind, c(list(matrix(0, 0L, length(columns))), rows)))
  dimnames(table) <- list(vapply(hypotheses$tests, `[[`, "", "label"), columns)
  heading <- hypotheses$heading
  heading[1L] <- paste(what, heading[1L])
  structure(table,
    heading = wrap_lines(c(heading, words, "")), class = c("anova", "data.frame")
  )
}
