# Contrasts of contrasts: does an effect differ between subgroups, on the scale of the contrast?

#' Differences between the effects of subgroups
#'
#' @description
#' ```
#' fit <- glmm(outcome ~ treat * sex + age + (1 | patient), respiratory, binomial())
#' effects <- marginal_standardization(fit, "treat", by = "sex")
#' interaction_contrasts(effects)
#' ```
#'
#' @details The difference between two risk differences is the interaction on the additive scale;
#' the ratio of two risk ratios (or odds ratios) is the interaction on the multiplicative scale. A
#' model without a product term has them too: what is additive in logits is not additive in risks.
#' Each subgroup is compared with the first. Standard errors use the covariance of all contrasts, so
#' subgroups may share clusters. The degrees of freedom are the smaller ones of the two contrasts.
#'
#' @param x A result of [marginal_standardization()] with `by`.
#' @param level Confidence level; by default that of the result.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A data frame of class `margmix_interactions`: the columns of the subgroup, `contrast`,
#'   `level`, `reference`, `versus` (the subgroup it is compared with), `estimate` (difference of
#'   differences or ratio of ratios), `std.error` (of the logarithm for ratios), `df`, `statistic`,
#'   `p.value`, `conf.low`, `conf.high`.
#' @section Errors: `margmix_error_argument`: a result without `by`, or with one subgroup.
#' @examples
#' fit <- glmm(outcome ~ treat * sex + age + (1 | patient), respiratory, binomial(), nAGQ = 5)
#' interaction_contrasts(marginal_standardization(fit, "treat", by = "sex"))
#' @export
interaction_contrasts <- function(x, level = x$options$level, ...) {
  if (!inherits(x, "margmix_standardization")) {
    abort("argument", "`x` must be a result of marginal_standardization().", given = class(x)[1L],
      hint = "marginal_standardization(fit, exposure, by = \"sex\")."
    )
  }
  check_dots(..., known = names(formals(interaction_contrasts)))
  check_level(level)
  table <- x$contrasts
  cell <- if (length(x$by)) interaction(table[x$by], drop = TRUE, sep = ", ")
  if (nlevels(cell) < 2L) {
    abort("argument", "`x` must have two subgroups or more.",
      given = if (length(x$by)) "one subgroup" else "no `by`",
      hint = "marginal_standardization(fit, exposure, by = \"sex\")."
    )
  }
  first <- cell[1L]
  effect <- paste(table$contrast, table$level)
  rows <- which(cell != first)
  from <- match(paste(effect[rows], first), paste(effect, cell))
  ratio <- table$contrast != "difference"
  scaled <- table$estimate
  scaled[ratio] <- log(scaled[ratio]) # a difference may be negative
  map <- matrix(0, length(rows), nrow(table))
  map[cbind(seq_along(rows), rows)] <- 1
  map[cbind(seq_along(rows), from)] <- -1
  V <- map %*% x$vcov_contrasts %*% t(map)
  estimates <- estimate_table(
    scaled[rows] - scaled[from], V, pmin(table$df[rows], table$df[from]), level, ratio[rows]
  )
  out <- as_table(c(
    unclass(table[rows, c(x$by, "contrast", "level", "reference")]),
    list(versus = rep(as.character(first), length(rows))), estimates
  ))
  structure(out, class = c("margmix_interactions", "data.frame"), by = x$by,
    confidence = level, heading = standardization_heading(x)[1:2], family = x$family)
}

#' @rdname interaction_contrasts
#' @export
print.margmix_interactions <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  words <- contrast_words(attr(x, "family"))
  say("Differences between the effects of subgroups\n", attr(x, "heading")[2L], "\n",
    "Limits:  ", format_level(attr(x, "confidence")), "\n", sep = "")
  table <- as.data.frame(unclass(x)[names(x)])
  for (contrast in unique(table$contrast)) {
    say("\n", words[[contrast]],
      if (contrast == "difference") ": difference from " else ": ratio to ", table$versus[1L], "\n",
      sep = ""
    )
    part <- table[table$contrast == contrast, ]
    print_standardized(list(by = attr(x, "by")), part, digits, tests = TRUE)
  }
  invisible(x)
}
