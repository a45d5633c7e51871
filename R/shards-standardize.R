# Marginal standardization of a fit to shards: means over rows, and their covariance, as sums.

#' @export
standardized.margmix_shards <- function(design, fit, request) {
  check_shards_request(design, request)
  options <- request$options
  exposure <- exposure_names(request$exposure, request$values)
  plan <- target_plan(design, fit, c(exposure, request$by, request$weights))
  values <- ask_shards(plan, target_values, exposure, request$by)
  known <- values_target(fit, values, "exposure")
  settings <- exposure_settings(fit, exposure, request$values, request$reference, known)
  groups <- values_target(fit, values, "by")
  subgroups <- target_subgroups(groups, request$by, exposure)
  subgroups$keys <- subgroup_keys(groups$raw, request$by)
  ask <- list(
    settings = settings, subgroups = subgroups, by = request$by, weights = request$weights,
    options = options
  )
  parts <- ask_shards(plan, shard_means, ask)
  cells <- parts[[1L]]$cells
  check_cells(cells, add_up(lapply(parts, `[[`, "total")), options$estimand, settings, subgroups)
  sums <- lapply(seq_along(settings$labels), function(k) {
    some <- lapply(parts, function(part) part$sums[[k]])
    add_sums(some, names(some[[1L]]))
  })
  means <- mean_estimates(sums, cells$index, length(design$theta_row))
  maps <- contrast_maps(options$contrast, means, cells, settings)
  list(
    target = list(n = nrow(design$X), sorted = TRUE), settings = settings, subgroups = subgroups,
    cells = cells, means = means, maps = maps,
    variance = shards_variance(fit, plan, ask, means, maps$map),
    basis = basis_words(structure(list(), class = "margmix_model_basis"), settings)
  )
}

check_shards_request <- function(design, request) {
  by_name <- function(x) is.null(x) || is.character(x)
  unknown <- c(
    "`newdata`"[!is.null(request$newdata)],
    "`randomized` or `propensity`"[!is.null(request$randomized) || !is.null(request$propensity)],
    "random_effects = \"eb\""[request$options$random_effects == "eb"],
    "`weights` that are not the name of a column"[!by_name(request$weights)],
    "`by` that is not the name of a column"[!by_name(request$by)],
    "standardization with aliased coefficients"[any(design$aliased)]
  )
  if (length(unknown)) refuse_on_shards(some_of(unknown))
}

# The fit as that of each shard, with rows and data.
target_plan <- function(design, fit, columns) {
  plan <- design$plan_of_shards
  recipe <- single_rows(plan$recipe)
  recipe$columns <- unique(unlist(columns))
  recipe$estimates <- c(unclass(estimates_of(fit)), list(coefficients = fit$coefficients))
  recipe$fit_class <- class(fit)
  class(recipe) <- "margmix_target_recipe"
  shard_plan(fit$frame$source, recipe, plan$shards)
}

#' @export
make_element.margmix_target_recipe <- function(recipe, k) {
  data <- read_shard(recipe$source, k)
  frame <- frame_element(recipe, data)
  frame <- recipe$used(frame, recipe$family)
  frame$frame <- with_common_levels(
    frame$frame, Filter(Negate(is_logical_level), recipe$levels)
  )
  needed <- c(recipe$columns, all.vars(frame$parsed$frame))
  local <- c(recipe$estimates, list(
    design = recipe$make(frame, recipe), frame = frame, formula = frame$parsed$fixed,
    call = list(data = data[intersect(names(data), needed)])
  ))
  structure(local, class = recipe$fit_class)
}

# Values of the exposure, and combinations of the variables of subgroups.
target_values <- function(fit, exposure, by) {
  target <- fit_target(fit)
  columns <- function(names) lapply(stats::setNames(names, names), target$raw)
  columns_by <- columns(by %||% character())
  complete <- length(by) && !any(vapply(columns_by, is.null, NA))
  list(
    exposure = lapply(columns(exposure), unique),
    by = if (complete) as.list(unique(structure(columns_by, class = "data.frame",
      row.names = .set_row_names(target$n)
    ))) else columns_by
  )
}

# A target whose rows are the values that some shard has.
values_target <- function(fit, values, part) {
  names <- names(values[[1L]][[part]])
  joined <- lapply(stats::setNames(names, names), function(name) {
    join_values(lapply(values, function(shard) shard[[part]][[name]]), name)
  })
  list(
    frame = fit$frame$frame, variables = frame_calls(fit), raw = function(name) joined[[name]],
    n = max(lengths(joined), 1L)
  )
}

join_values <- function(parts, name) {
  first <- parts[[1L]]
  if (!is.factor(first)) return(do.call(c, parts))
  levels <- joined_levels(lapply(parts, levels), name, TRUE)
  factor(unlist(lapply(parts, as.character)), levels, ordered = is.ordered(first))
}

# One shard -------------------------------------------------------------------------------------

# Its target rows with the cells and weights that all shards have in common.
shard_rows <- function(fit, ask) {
  target <- fit_target(fit)
  options <- ask$options
  weight <- if (is.null(ask$weights)) target$weight else named_weights(target, ask$weights)
  check_target_weights(c(weight, 1), target$n + 1L) # none of a shard may have weight
  at <- match(subgroup_keys(target$raw, ask$by), ask$subgroups$keys)
  subgroups <- list(
    index = rep_len(ask$subgroups$index[at], target$n), labels = ask$subgroups$labels
  )
  cells <- standardization_cells(ask$settings, options$estimand, target, subgroups)
  total <- cell_totals(cells, weight)
  if (options$average == "cluster") weight <- equal_clusters(weight, cells$group, target)
  sums <- counterfactual_sums(
    fit, target, ask$settings, cells, as.numeric(weight), options$random_effects, exact = TRUE
  )
  list(target = target, cells = cells, total = total, sums = sums)
}

subgroup_keys <- function(raw, by) {
  if (is.null(by)) return("")
  do.call(paste, c(lapply(by, function(name) value_labels(raw(name))), sep = "\r"))
}

shard_means <- function(fit, ask) {
  rows <- shard_rows(fit, ask)
  totals <- c("weight", "mean", "d_beta", "d_theta")
  list(
    cells = rows$cells[setdiff(names(rows$cells), "group")], total = rows$total,
    sums = lapply(rows$sums, `[`, totals)
  )
}

# Covariance ------------------------------------------------------------------------------------

shards_variance <- function(fit, plan, ask, means, map) {
  type <- ask$options$vcov
  given <- is.matrix(type) || inherits(type, "Matrix")
  if (!given) type <- one_of(type, covariances_for("means"), "vcov")
  V <- if (given) {
    given_joint_vcov(fit, as.matrix(type), ask$options$random_effects)
  } else {
    joint_vcov(fit, NULL, ncol(means$jacobian))
  }
  if (given || is_modelled(type)) {
    between <- add_up(ask_shards(plan, shard_between, ask, means))
    return(model_variance(fit, if (given) "given" else type, V, means, between, map))
  }
  ask$B <- add_up(ask_shards(plan, target_information))
  parts <- ask_shards(plan, shard_influence, ask, type, means, V %*% t(means$jacobian), map)
  sums <- add_sums(parts, setdiff(names(parts[[1L]]), "leverage"))
  influence_variance(type, c(sums, list(leverage = high_leverage(parts))))
}

shard_deviations <- function(fit, ask, means) {
  rows <- shard_rows(fit, ask)
  found <- cluster_deviations(rows$sums, rows$cells$index, means)
  list(
    E = found$between / sqrt(pmax(1 - found$share, 0)), share = found$share,
    known = rows$target$known
  )
}

shard_between <- function(fit, ask, means) engine_exact_gram(shard_deviations(fit, ask, means)$E)

target_information <- function(fit) shard_information(fit$design, estimates_of(fit))

shard_influence <- function(fit, ask, type, means, direction, map) {
  pieces <- joint_pieces(fit_of_shard(fit$design, estimates_of(fit)))
  between <- shard_deviations(fit, ask, means)
  sums <- influence_sums(pieces, ask$B, type, direction, map, between, exact_sums_of_influence)
  with_high_leverage(sums, cluster_levels(fit$design))
}

# As sums_of_influence: each cluster by itself, and no rounding of totals.
exact_sums_of_influence <- list(
  exact = TRUE, products = engine_products_by_row, gram = engine_exact_gram,
  sums = engine_exact_sums
)

#' @export
different_sizes.margmix_shards <- function(design) length(design$facts$sizes$values)
