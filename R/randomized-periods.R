# Trials in which clusters change their setting from period to period (stepped wedge, crossover):
# settings are compared within periods, and the periods are averaged.
#
# With w the weight of a row, m(a) its mean under setting a and A its own setting, the mean of
# setting a in period j is
#
#   mu_j(a) = sum_j w m(a) / sum_j w + sum_j w 1{A = a} (y - m(a)) / sum_j w 1{A = a},
#
# sums over the rows of period j, and mu(a) = sum omega_j mu_j(a) / sum omega_j. A period counts
# only if every setting was given in it to two clusters or more.

#' @name marginal_standardization
#' @rdname marginal_standardization
#' @param period `NULL`, or the name of the period for clusters that were randomized to sequences of
#'   settings; needs `randomized = TRUE`.
#' @section Stepped-wedge and crossover trials: If clusters change their setting during the trial,
#'   periods differ in their shares of settings and in much else. With `period`, settings are
#'   compared within each period (*vertically*), and the means of the periods are averaged. This is
#'   consistent for that average without a model of the effect of time, and with any working model,
#'   which only adds precision. Periods in which fewer than two clusters had one of the settings,
#'   such as the first and last of a stepped wedge, are left out of the means but not of the model
#'   fit. `average` says how rows count:
#'
#'   * `"individual"` and `"cluster"`: every individual, or every cluster, counts equally over the
#'     whole trial (*horizontal* averages);
#'   * `"period"` and `"cluster-period"`: every period counts equally, and so does every individual,
#'     or every cluster, within it (*vertical* averages).
#'
#'   If cluster sizes, periods and effects are unrelated, all four estimate the same number. The
#'   coefficient of a model with periods and treatment combines vertical comparisons with horizontal
#'   ones (of a cluster with its own past) by their precision, and is right if the model is; see
#'   [exposure_effects()] for effects that change with time. Degrees of freedom are those of a
#'   single stratum: clusters minus 1 if they have the same size.
#' @examples
#' trial <- expand.grid(person = 1:6, period = 1:5, cluster = 1:16)
#' trial$treat <- as.integer(trial$period > 1 + trial$cluster %% 4)
#' trial$y <- sin(seq_len(nrow(trial))^2) + trial$treat + trial$period / 2
#' fit <- gee(y ~ treat + factor(period), trial, id = cluster)
#' marginal_standardization(fit, "treat", randomized = TRUE, period = "period")
NULL

#' The basis of a trial with periods
#'
#' @param basis From [assigned_units()].
#' @return `basis` with class `margmix_period_basis` and: `period` (n positions, `NA` where it is
#'   left out), `labels` of the periods that count and `others`, `weight` (n) of the rows; `units`
#'   and `total` (m x periods settings), the weights of clusters with each setting in each period
#'   and of all settings, `share` their ratio and `probability` (n) that of a row's own; `vertical`:
#'   do periods count alike?
#' @section Errors: `period`.
#' @noRd
period_basis <- function(basis, request, settings, target, weight) {
  average <- request$options$average
  coded <- period_codes(request, settings, target)
  code <- coded$code
  check_constant_in_periods(basis, code, coded$levels, settings, target)
  clusters <- tapply(target$cluster, list(
    factor(code, seq_along(coded$levels)), factor(basis$arm, seq_along(settings$labels))
  ), function(x) length(unique(x)), default = 0L)
  kept <- which(apply(clusters >= 2L, 1L, all))
  if (!length(kept)) {
    refuse_period("There is no period in which two or more clusters had each setting.",
      paste("no such period among", some_of(coded$levels, 10L))
    )
  }
  basis$period <- match(code, kept)
  basis$labels <- coded$levels[kept]
  basis$others <- coded$levels[-kept]
  basis$vertical <- average %in% c("period", "cluster-period")
  basis$weight <- period_weights(basis, average, target, weight)
  structure(period_shares(basis, settings, target),
    class = c("margmix_period_basis", "margmix_assigned_basis")
  )
}

check_period_average <- function(request) {
  if (!is.null(request$period)) return(check_period_design(request))
  average <- request$options$average
  if (average %in% c("individual", "cluster")) return(invisible())
  refuse_period("`average` of periods requires `period`.",
    paste0("average = \"", average, "\""), "period = \"name\", randomized = TRUE."
  )
}

check_period_design <- function(request) {
  randomized <- request$randomized
  if (isTRUE(randomized) || identical(randomized, "clusters")) return(invisible())
  given <- if (is.null(randomized)) "`period` alone" else some_of(randomized)
  if (!is.null(request$propensity)) given <- "`propensity`"
  refuse_period("`period` requires randomized = TRUE.", given)
}

refuse_period <- function(must, given, hint = NULL) {
  abort("period", must, given = given, hint = hint)
}

period_codes <- function(request, settings, target) {
  period <- request$period
  if (!is.null(request$by)) {
    refuse_period("`period` and `by` are not combined.", some_of(code(request$by)),
      "Fit the subgroups apart."
    )
  }
  x <- if (is.character(period) && length(period) == 1L) target$raw(period)
  if (is.null(x) || length(x) != target$n || anyNA(x) || period %in% settings$exposure) {
    refuse_period("`period` must be the name of a variable of the data, without missing values.",
      some_of(period)
    )
  }
  value_codes(x)
}

check_constant_in_periods <- function(basis, code, labels, settings, target) {
  cell <- (target$cluster - 1) * length(labels) + code
  arm <- replace(basis$arm, is.na(basis$arm), 0L)
  varies <- which(arm != arm[match(cell, cell)])
  if (!length(varies)) return(invisible())
  refuse_period("The setting of a cluster must be constant within a period.",
    paste0(code(settings$exposure), " varies in ",
      some_of(unique(paste0(target$levels[target$cluster[varies]], " (period ",
        labels[code[varies]], ")")))
    )
  )
}

# Rows of periods that are left out have no weight; those of a period that counts like all others
# have a sum of one.
period_weights <- function(basis, average, target, weight) {
  weight <- ifelse(is.na(basis$period), 0, weight)
  alike <- function(weight, key) {
    total <- rowsum(weight, key)[as.character(key), 1L]
    unname(ifelse(total > 0, weight / total, 0))
  }
  period <- replace(basis$period, is.na(basis$period), 0L)
  if (average == "cluster") weight <- alike(weight, target$cluster)
  if (average == "cluster-period") {
    weight <- alike(weight, (target$cluster - 1) * (max(period) + 1) + period)
  }
  if (basis$vertical) alike(weight, period) else weight
}

# Shares of the settings in each period; columns are settings within periods.
period_shares <- function(basis, settings, target) {
  S <- length(settings$labels)
  J <- length(basis$labels)
  sums <- function(rows) {
    drop(rowsum(ifelse(rows & !is.na(rows), basis$weight, 0), target$cluster))
  }
  basis$units <- matrix(0, length(target$levels), S * J)
  basis$total <- basis$units
  for (j in seq_len(J)) {
    columns <- (j - 1L) * S + seq_len(S)
    basis$total[, columns] <- sums(basis$period == j)
    for (k in seq_len(S)) {
      basis$units[, columns[k]] <- sums(basis$period == j & basis$arm == k)
    }
  }
  basis$share <- colSums(basis$units) / colSums(basis$total)
  basis$probability <- basis$share[(basis$period - 1L) * S + basis$arm]
  basis$estimated <- TRUE
  basis
}

# Means -------------------------------------------------------------------------------------------

#' @export
averaged_weight.margmix_period_basis <- function(basis, weight, cells, target, average) basis$weight

# A cell for each period; `column` is that of the shares.
period_cells <- function(basis, cells, settings) {
  S <- length(settings$labels)
  J <- length(basis$labels)
  index <- expand.grid(setting = cells$index$setting, cell = seq_len(J))
  list(group = basis$period, count = J, index = index,
    column = (index$cell - 1L) * S + index$setting
  )
}

#' @export
basis_means.margmix_period_basis <- function(basis, fit, target, settings, cells, weight,
                                             random_effects) {
  inner <- period_cells(basis, cells, settings)
  periods <- assigned_means(basis, fit, target, settings, inner, weight)
  periods$setting <- inner$column
  J <- inner$count
  omega <- period_sizes(basis, periods)
  over <- function(x) rowSums(matrix(x, ncol = J) * omega) / rowSums(omega)
  list(
    estimate = over(periods$estimate), weight = rowSums(matrix(periods$weight, ncol = J)),
    jacobian = apply(periods$jacobian, 2L, over), periods = periods
  )
}

# omega_j: settings x periods.
period_sizes <- function(basis, periods) {
  omega <- matrix(periods$weight, ncol = length(basis$labels))
  if (basis$vertical) omega[] <- 1
  omega
}

# Averages over the periods of a row for each cluster, m x (settings periods): m x settings.
over_periods <- function(x, omega) {
  S <- nrow(omega)
  vapply(seq_len(S), function(k) {
    drop(x[, seq(k, ncol(x), by = S), drop = FALSE] %*% (omega[k, ] / sum(omega[k, ])))
  }, numeric(nrow(x)))
}

#' @export
basis_variance.margmix_period_basis <- function(basis, fit, type, means, map, target, settings,
                                                cells, weight, random_effects) {
  type <- one_of(type, covariances_for("assigned"), "vcov")
  periods <- means$periods
  inner <- period_cells(basis, cells, settings)
  omega <- period_sizes(basis, periods)
  size <- vapply(periods$pieces, `[[`, numeric(nrow(basis$units)), "W")
  phi <- if (type %in% c("KC", "robust")) {
    # where sizes are those of the clusters, so are the weights of the periods
    from <- periods$estimate - rep(means$estimate, ncol(omega))
    drift <- if (basis$vertical) 0 else size * rep(from / periods$weight, each = nrow(size))
    over_periods(influence_deviations(basis, fit, periods) + drift, omega)
  }
  J <- if (type != "robust") {
    left_out <- if (type == "jackknife-full") {
      refitted_means(basis, fit, periods, target, settings, inner, weight)
    } else {
      one_step_means(basis, fit, periods)
    }
    jackknife_deviations(means$estimate, average_left_out(left_out, size, omega, basis$vertical))
  }
  assigned_covariance(list(
    left = J %||% phi, right = phi %||% J, stratum = 1L,
    size = over_periods(size, 0 * omega + 1)
  ), map, type)
}

# Without a cluster periods have its weight less, unless they count alike.
average_left_out <- function(left_out, size, omega, vertical) {
  if (vertical) return(over_periods(left_out, omega))
  S <- nrow(omega)
  rest <- rep(omega, each = nrow(size)) - size
  vapply(seq_len(S), function(k) {
    columns <- seq(k, ncol(size), by = S)
    rowSums(left_out[, columns, drop = FALSE] * rest[, columns, drop = FALSE]) /
      rowSums(rest[, columns, drop = FALSE])
  }, numeric(nrow(size)))
}

#' @export
basis_words.margmix_period_basis <- function(basis, settings) {
  paste0(
    "randomized clusters, compared within periods ", some_of(basis$labels, 10L),
    if (length(basis$others)) {
      paste0(" (", some_of(basis$others, 10L), " without two clusters of each setting)")
    }, "; holds for any model"
  )
}
