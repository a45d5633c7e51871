# Standardized means with their derivatives and the part of each cluster.

#' Which rows each mean is taken over
#'
#' A *cell* is a subgroup and a target set of rows. ATE has one set, all rows. ATU has one, the rows
#' at the reference. ATT has a set for each other setting: the rows observed at it.
#'
#' @return A list: `group`, the cell of each row (`NA`: none); `sets`, their labels; `count`, number
#'   of cells; `index`, a data frame with a row for each mean: `subgroup`, `set`, `setting`, `cell`;
#'   `set_of`: for each setting the set that its contrast with the reference is over.
#' @section Errors: `estimand`, `subgroup`.
#' @noRd
standardization_cells <- function(settings, estimand, target, subgroups) {
  k <- length(settings$labels)
  others <- setdiff(seq_len(k), settings$reference)
  row_set <- rep(1L, target$n)
  set_of <- rep(1L, k)
  if (estimand != "ATE") {
    check_estimand(settings, estimand)
    observed <- observed_setting(settings, target)
    counted <- if (estimand == "ATT") others else settings$reference
    row_set <- match(observed, counted)
    if (estimand == "ATT") set_of[others] <- seq_along(others)
  }
  sets <- if (estimand == "ATE") "all" else settings$labels[counted]
  cells <- expand.grid(set = seq_along(sets), subgroup = seq_along(subgroups$labels))
  group <- (subgroups$index - 1L) * length(sets) + row_set
  index <- do.call(rbind, lapply(seq_len(nrow(cells)), function(cell) {
    set <- cells$set[cell]
    needed <- seq_len(k)[set_of == set | seq_len(k) == settings$reference]
    data.frame(subgroup = cells$subgroup[cell], set = set, setting = needed, cell = cell)
  }))
  list(
    group = group, sets = sets, count = nrow(cells), index = index, set_of = set_of, grid = cells
  )
}

check_estimand <- function(settings, estimand) {
  if (settings$discrete) return(invisible())
  abort("estimand", paste0(estimand, " needs an exposure with observed groups."),
    given = paste("a continuous exposure,", some_of(code(settings$exposure))),
    hint = "Use estimand = \"ATE\", or restrict the rows by `newdata` or `weights`."
  )
}

# The setting that each row was observed at; NA if at none of them.
observed_setting <- function(settings, target) {
  observed <- lapply(settings$exposure, function(name) value_labels(target$raw(name)))
  wanted <- lapply(settings$exposure, function(name) value_labels(settings$values[[name]]))
  match(
    do.call(paste, c(observed, sep = "\r")), do.call(paste, c(wanted, sep = "\r"))
  )
}

# The weight of the rows of each cell.
cell_totals <- function(cells, weight) {
  inside <- !is.na(cells$group)
  sums <- rowsum(weight[inside], cells$group[inside])
  replace(numeric(cells$count), as.integer(rownames(sums)), sums)
}

check_cells <- function(cells, total, estimand, settings, subgroups) {
  empty <- which(!total > 0)
  if (!length(empty)) return(invisible())
  subgroup <- subgroups$labels[cells$grid$subgroup[empty]]
  if (estimand == "ATE") {
    abort("subgroup", "Every subgroup must have rows with weight.", given = some_of(subgroup))
  }
  rows <- paste(paste(settings$exposure, collapse = ", "), "=", cells$sets[cells$grid$set[empty]])
  abort("estimand", paste0(estimand, " needs target rows observed at the settings compared."),
    given = paste("no row with", some_of(paste0(rows, ifelse(subgroup == "", "", ", "), subgroup)))
  )
}

# The weights of each cluster in a cell sum to one.
equal_clusters <- function(weight, group, target) {
  if (is.null(target$cluster)) refuse_without_clusters("average = \"cluster\"")
  key <- (group - 1) * length(target$levels) + target$cluster
  key[is.na(key)] <- 0
  total <- rowsum(weight, key)
  total <- total[match(key, as.numeric(rownames(total)))]
  ifelse(total > 0, weight / total, 0)
}

refuse_without_clusters <- function(what) {
  abort("newdata", paste0("`newdata` must have the grouping variable for ", what, "."),
    given = "no grouping variable, or missing values in it"
  )
}

#' Standardized means
#'
#' @param weight,cells From [target_weights()] and [standardization_cells()].
#' @param random_effects `"integrate"`, `"zero"` or `"eb"`.
#' @return A list, for T means (the rows of `cells$index`): `estimate`, `weight` (T); `jacobian`
#'   (T x (p + n_theta): beta, theta); `between` (m x T), (sum of w (m - mu) over the rows of a
#'   cluster) / sum w; `share` (m x T), the clusters' shares of the weight.
#' @noRd
standardized_means <- function(fit, target, settings, cells, weight, random_effects) {
  if (random_effects == "eb") return(eb_means(fit, target, settings, cells, weight))
  sums <- counterfactual_sums(fit, target, settings, cells, weight, random_effects)
  collect_means(sums, cells$index, theta_count(fit$design))
}

# Sums over the target rows, for each setting.
counterfactual_sums <- function(fit, target, settings, cells, weight, random_effects,
                                exact = NULL) {
  if (random_effects == "zero") fit$Lambda <- NULL
  shared <- c(shared_part(target, cells, weight), list(exact = exact))
  used <- !is.na(cells$group) & weight > 0
  lapply(seq_along(settings$labels), function(k) {
    setting <- lapply(unclass(settings$values)[settings$exposure], `[`, k)
    rows <- counterfactual_design(fit, target, setting, used)
    setting_sums(fit, rows, shared)
  })
}

# What the settings have in common.
shared_part <- function(target, cells, weight) {
  list(
    weight = as.double(weight),
    group = replace(cells$group, is.na(cells$group), 0L) - 1L, groups = cells$count,
    cluster = (target$cluster %||% rep(1L, target$n)) - 1L,
    clusters = max(length(target$levels), 1L)
  )
}

# Means of the model summed over rows, with random effects integrated out.
setting_sums <- function(fit, rows, shared) {
  beta <- estimated_coefficients(fit)
  if (is.null(fit$Lambda)) return(standardize_marginal(rows, shared, beta, fit$family))
  engine_standardize(
    c(rows, shared), beta, fit$Lambda, first_entries(fit$design), population_law(fit)
  )
}

# Without random effects to integrate over.
standardize_marginal <- function(rows, shared, beta, family) {
  rows$Z <- matrix(0, nrow(rows$X), 0L)
  engine_standardize(c(rows, shared), beta, matrix(0, 0L, 0L), matrix(0L, 0L, 2L), family)
}

collect_means <- function(sums, index, n_theta) {
  means <- mean_estimates(sums, index, n_theta)
  c(means, cluster_deviations(sums, index, means))
}

# Without what is by cluster.
mean_estimates <- function(sums, index, n_theta) {
  weight <- pick_sums(sums, index, "weight")
  estimate <- pick_sums(sums, index, "mean") / weight
  d_theta <- sum_columns(sums, index, "d_theta")
  if (nrow(d_theta) < n_theta) d_theta <- matrix(0, n_theta, nrow(index))
  d_beta <- sum_columns(sums, index, "d_beta")
  list(
    estimate = estimate, weight = weight,
    jacobian = t(rbind(d_beta, d_theta) / rep(weight, each = nrow(d_beta) + nrow(d_theta)))
  )
}

# Deviations of the clusters from means, and their shares of the weight: clusters x T.
cluster_deviations <- function(sums, index, means) {
  cluster_weight <- sum_columns(sums, index, "cluster_weight")
  of_all <- function(x) rep(x, each = nrow(cluster_weight))
  deviation <- sum_columns(sums, index, "cluster_mean") - cluster_weight * of_all(means$estimate)
  list(between = deviation / of_all(means$weight), share = cluster_weight / of_all(means$weight))
}

# The value, or column, of each mean among the sums of its setting.
pick_sums <- function(sums, index, name) {
  vapply(seq_len(nrow(index)), function(t) {
    out <- sums[[index$setting[t]]][[name]]
    if (is.matrix(out)) out[, index$cell[t]] else out[index$cell[t]]
  }, if (is.matrix(sums[[1L]][[name]])) numeric(nrow(sums[[1L]][[name]])) else 0)
}

sum_columns <- function(sums, index, name) {
  matrix(pick_sums(sums, index, name), ncol = nrow(index))
}
