# Does the effect in the average cluster differ from that on the average individual?

#' Test of informative cluster size
#'
#' @description
#' ```
#' fit <- gee(severe ~ treatment + month, toenail, id = patient, family = binomial())
#' test_informative_size(fit, "treatment", randomized = TRUE)
#' ```
#' If the effect of an exposure varies with cluster size, the effect on the average individual and
#' the effect in the average cluster are different numbers. This function estimates both as
#' [marginal_standardization()] does with `randomized` (or `propensity`), and tests their
#' difference.
#'
#' @details
#' The influence of each cluster on the difference is the difference of its influences, so the
#' standard error allows for both averages coming from the same clusters. Differences of ratios are
#' on the log scale. A large p-value is no evidence that the size is not informative: with few
#' clusters the test has little power, so choose the average by the question, not by the test.
#'
#' @param fit A fit of [glmm()] or [gee()].
#' @inheritParams marginal_standardization
#' @param ... Further arguments of [marginal_standardization()], except `average`.
#' @return A data frame of class `margmix_informative_size` with a row for each contrast:
#'   `contrast`, `individual` and `cluster`, the estimates (ratios are not logarithms), `difference`
#'   (of logarithms, for ratios), `std.error`, `df`, `statistic`, `p.value`.
#' @section Errors: `margmix_error_equal_sizes`: all clusters have the same size, so both averages
#'   are the same; those of [marginal_standardization()].
#' @references
#' Kahan, B. C., Li, F., Copas, A. J. and Harhay, M. O. (2023). Estimands in cluster-randomized
#' trials: choosing analyses that answer the right question. *International Journal of Epidemiology*
#' **52**, 107-118.
#' @examples
#' set.seed(1)
#' trial <- data.frame(cluster = rep(1:30, rep(c(4, 12), 15)))
#' trial$treat <- as.integer(trial$cluster %% 4 < 2)
#' trial$y <- rbinom(nrow(trial), 1, ifelse(trial$cluster %% 2 == 1, 0.3 + 0.4 * trial$treat, 0.4))
#' fit <- gee(y ~ treat, trial, id = cluster, family = binomial())
#' test_informative_size(fit, "treat", randomized = TRUE)
#' @export
test_informative_size <- function(fit, exposure, randomized = NULL, propensity = NULL, ...) {
  if ("average" %in% ...names()) {
    abort("argument", "`average` must not be given.", hint = "Both averages are compared.")
  }
  if (is.null(randomized) && is.null(propensity)) {
    abort("randomized", "One of `randomized` and `propensity` must be given.",
      hint = "The model alone has the same effect for clusters of all sizes."
    )
  }
  both <- lapply(c("individual", "cluster"), function(average) {
    marginal_standardization(fit, exposure,
      randomized = randomized, propensity = propensity, average = average, ...
    )
  })
  sizes <- unique(both[[1L]]$assigned$size[, 1L])
  if (length(sizes[sizes > 0]) == 1L) {
    abort("equal_sizes", "All clusters have the same size.",
      given = paste("all of size", format(sizes)),
      hint = "The average individual and the average cluster are the same here."
    )
  }
  size_comparison(both[[1L]], both[[2L]])
}

# The difference of two standardizations of the same clusters.
size_comparison <- function(individual, cluster) {
  joint <- individual$assigned
  for (side in c("left", "right")) {
    joint[[side]] <- cbind(joint[[side]], cluster$assigned[[side]])
  }
  joint$size <- cbind(joint$size, cluster$assigned$size)
  map <- cbind(individual$map, -cluster$map)
  ratio <- individual$contrasts$contrast != "difference"
  scale <- function(x) ifelse(ratio, suppressWarnings(log(x)), x)
  difference <- scale(individual$contrasts$estimate) - scale(cluster$contrasts$estimate)
  se <- sqrt(rowSums(map * (map %*% crossprod(joint$left, joint$right))))
  df <- chosen_degrees(assigned_df(joint, map, individual$vcov), individual$options$df)
  table <- wald_table(difference, se, df, individual$options$level)
  out <- data.frame(
    individual$contrasts[c(individual$by, "contrast", "level", "reference")],
    individual = individual$contrasts$estimate, cluster = cluster$contrasts$estimate,
    difference = difference, table[c("std.error", "df", "statistic", "p.value")], row.names = NULL
  )
  structure(out,
    class = c("margmix_informative_size", "data.frame"), by = individual$by,
    heading = c(
      paste0("Model:   ", model_words(individual)), paste0("Basis:   ", individual$basis),
      paste0("Rows:    ", count_of(individual$rows, "row"), " in ",
        count_of(individual$clusters, "cluster")),
      paste0("SE:      ", standardization_se_words(individual))
    )
  )
}

#' @rdname test_informative_size
#' @param x A result of `test_informative_size()`.
#' @param digits Significant digits.
#' @export
print.margmix_informative_size <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("Marginal effects on the average individual and in the average cluster\n")
  say(attr(x, "heading"), "", sep = "\n")
  label <- paste0(x$contrast, ": ", x$level, " vs ", x$reference)
  for (name in rev(attr(x, "by"))) label <- paste0(name, " = ", x[[name]], ", ", label)
  log <- ifelse(x$contrast == "difference", "", " (log)")
  shown <- cbind(
    Individual = format_ratio(x$individual, digits), Cluster = format_ratio(x$cluster, digits),
    Difference = format_ratio(x$difference, digits), SE = format_ratio(x$std.error, digits),
    df = format_df(x$df), `p-value` = format.pval(x$p.value, digits = 2L, eps = 1e-4)
  )
  rownames(shown) <- paste0("  ", label, log)
  print(shown, quote = FALSE, right = TRUE)
  invisible(x)
}
