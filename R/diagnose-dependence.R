# Are residuals alike at near times or places? Semivariogram and autocorrelation.

#' Semivariogram and autocorrelation of residuals
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment + base + (1 | subject), epilepsy, poisson())
#' diagnose_dependence(fit, epilepsy$period, epilepsy$subject)
#' ```
#'
#' Are residuals of rows that are close in time or space more alike than others? This shows whether
#' `ar1()`, `exp()` or other [related_levels] are missing, or have done their work.
#'
#' @details The residuals are Pearson residuals, given the random effects. For pairs of rows at a
#' distance, the semivariance is the mean of (r_i - r_j)^2 / 2, and the correlation is the mean of
#' r_i r_j, with r centred, divided by the mean of r^2. Up to 12 distinct distances, such as lags of
#' a series, are a class each; otherwise distances up to half of the largest are divided into ten
#' classes of equal width.
#'
#' The limits are for residuals without dependence: in each class they contain the share `level` of
#' `nsim` permutations, within groups if there are any. `p.value` is for the nearest class: twice
#' the share of permutations (with the data among them) whose correlation is at least as extreme on
#' the same side. Residuals given random effects are slightly less alike than the errors, mostly if
#' effects have few rows each. Permutations ignore this, so a slightly negative correlation in the
#' nearest class means nothing. If there are more than `most` rows, a sample is used, of whole
#' groups if there are any.
#'
#' @param fit A fit of [glmm()].
#' @param places Times, one for each row of the fit; or a matrix or data frame with a column for
#'   each coordinate, for Euclidean distances.
#' @param group Groups, such as persons: only pairs within a group count. `NULL`: all pairs.
#' @param nsim Number of permutations.
#' @param level Share of the permutations between the limits.
#' @param most Largest number of rows to use.
#' @param seed Seed of permutations and sample; the state of the generator is restored.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_dependence`: `table`, one row per class with `distance` (mean),
#'   `pairs`, `semivariance`, `correlation`, `conf.low` and `conf.high` (limits of the correlation
#'   without dependence); `p.value`; `rows`, `nsim`, `seed`.
#' @section Errors: `margmix_error_argument`: places that are not numbers, places or groups that
#'   don't have one value for each row, or no pair of rows within a group.
#' @examples
#' set.seed(1)
#' d <- expand.grid(week = 1:12, id = 1:10)
#' d$y <- rpois(120, exp(1 + as.vector(replicate(10, arima.sim(list(ar = 0.7), 12, sd = 0.4)))))
#' fit <- glmm(y ~ 1 + (1 | id), d, poisson())
#' diagnose_dependence(fit, d$week, d$id)
#' @export
diagnose_dependence <- function(fit, places, group = NULL, nsim = 199, level = 0.95, most = 500,
                                seed = 1, ...) {
  check_dots(..., known = names(formals(diagnose_dependence)))
  check_glmm(fit)
  check_level(level)
  r <- stats::residuals(fit, type = "pearson")
  at <- place_matrix(places, length(r))
  group <- group_codes(group, length(r))
  with_seed(seed, {
    rows <- sampled_rows(group, most)
    pairs <- near_pairs(at[rows, , drop = FALSE], group[rows])
    r <- unname(r[rows])
    found <- pair_means(r, pairs)
    null <- vapply(seq_len(nsim), function(i) {
      pair_means(permuted(r, group[rows]), pairs)$correlation
    }, numeric(nrow(found)))
  })
  null <- matrix(null, nrow(found))
  limits <- apply(null, 1L, stats::quantile, c(1 - level, 1 + level) / 2, names = FALSE)
  table <- data.frame(found, conf.low = limits[1L, ], conf.high = limits[2L, ])
  first <- found$correlation[1L]
  out <- c(sum(null[1L, ] >= first), sum(null[1L, ] <= first))
  structure(list(
    table = table, p.value = min(1, 2 * (1 + min(out)) / (1 + nsim)), rows = length(rows),
    total = nrow(at), nsim = nsim, level = level, seed = seed
  ), class = "margmix_dependence")
}

place_matrix <- function(places, n) {
  at <- if (is.data.frame(places)) as.matrix(places) else unname(cbind(places))
  if (is.numeric(at) && nrow(at) == n && all(is.finite(at))) return(at)
  abort("argument", "`places` must be finite numbers, a row for each row of the fit.",
    given = paste0(nrow(at), " of class ", class(places)[1L], ", for ", n, " rows")
  )
}

group_codes <- function(group, n) {
  if (is.null(group)) return(rep(1L, n))
  if (is.atomic(group) && length(group) == n && !anyNA(group)) return(match(group, unique(group)))
  abort("argument", "`group` must have a value for each row of the fit.",
    given = paste(length(group), "for", n, "rows")
  )
}

sampled_rows <- function(group, most) {
  if (length(group) <= most) return(seq_along(group))
  if (max(group) == 1L) return(sort(sample(length(group), most)))
  order <- sample(max(group))
  size <- cumsum(tabulate(group)[order])
  which(group %in% order[size <= max(most, size[1L])])
}

# Pairs of rows within groups, i < j, with the class of their distance.
near_pairs <- function(at, group) {
  pairs <- do.call(rbind, lapply(split(seq_along(group), group), function(rows) {
    if (length(rows) > 1L) t(utils::combn(rows, 2L))
  }))
  if (is.null(pairs)) {
    abort("argument", "At least one group of `group` must have two rows.",
      given = paste(length(group), "rows in as many groups")
    )
  }
  distance <- sqrt(rowSums((at[pairs[, 1L], , drop = FALSE] - at[pairs[, 2L], , drop = FALSE])^2))
  known <- sort(unique(signif(distance, 8L)))
  if (length(known) <= 12L) {
    class <- match(signif(distance, 8L), known)
  } else {
    class <- pmax(1L, ceiling(distance / (max(distance) / 2) * 10))
  }
  used <- class <= max(10L, length(known) * (length(known) <= 12L))
  class <- match(class[used], sort(unique(class[used])))
  list(i = pairs[used, 1L], j = pairs[used, 2L], distance = distance[used], class = class)
}

pair_means <- function(r, pairs) {
  r <- r - mean(r)
  a <- r[pairs$i]
  b <- r[pairs$j]
  mean_of <- function(x) as.vector(rowsum(x, pairs$class)) / tabulate(pairs$class)
  data.frame(
    distance = mean_of(pairs$distance), pairs = tabulate(pairs$class),
    semivariance = mean_of((a - b)^2) / 2, correlation = mean_of(a * b) / mean(r^2)
  )
}

permuted <- function(r, group) stats::ave(r, group, FUN = function(x) x[sample.int(length(x))])

#' @rdname diagnose_dependence
#' @export
print.margmix_dependence <- function(x, digits = 3L, ...) {
  digits <- known_digits(digits)
  say("Dependence of residuals by distance, ", count_of(x$rows, "row"),
    if (x$rows < x$total) paste(" of", x$total), "\n\n", sep = "")
  print(format(x$table, digits = digits), row.names = FALSE)
  say("\nNearest class: p = ", format.pval(x$p.value, digits = 2L), " by ", x$nsim,
    " permutations, which also give the limits.\n", sep = "")
  invisible(x)
}

#' @rdname diagnose_dependence
#' @export
plot.margmix_dependence <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_dependence <- function(x, ...) {
  check_dots(...)
  table <- x$table
  points_picture(table$distance, table$correlation, table$conf.low, table$conf.high,
    xlab = "Distance", ylab = "Correlation of residuals", joined = TRUE,
    lines = data.frame(at = 0, words = "no dependence")
  )
}
