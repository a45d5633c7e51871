# What the stages of a fit ask of the rows, answered by shards: sums of their parts.

#' @export
pool_rows.margmix_shards <- function(design, family, collapse = "auto", total = sum) {
  plan <- design$plan_of_shards
  recipe <- plan$recipe
  recipe$collapse <- if (is.logical(collapse) || !supports(design, "clusters")) {
    collapse
  } else {
    shards_have_equal_rows(design, family)
  }
  change_recipe(plan, recipe)
  parts <- ask_shards(plan, pooled_size)
  patterns <- sum(vapply(parts, `[[`, 0, "patterns"))
  keep_by_row(plan, lapply(parts, `[[`, "by_row"))
  list(
    design = design, constant = add_up(lapply(parts, `[[`, "constant")),
    patterns = if (patterns < nrow(design$X)) as.integer(patterns)
  )
}

pooled_size <- function(design) {
  list(
    constant = design$constant, patterns = as.double(design$patterns), by_row = not_one(design)
  )
}

# As has_equal_rows(), of clusters that are chosen however they are split.
shards_have_equal_rows <- function(design, family, wanted = 4096) {
  n <- nrow(design$X)
  if (n < 10000 || design$facts$used$rows < n || is.null(family_tools(family)$pool)) return(FALSE)
  counts <- ask_shards(design$plan_of_shards, patterns_of_some, family, wanted / n)
  2 * sum(vapply(counts, `[[`, 0, "patterns")) <= sum(vapply(counts, `[[`, 0, "rows"))
}

patterns_of_some <- function(design, family, part) {
  chosen <- chosen_clusters(design, part)
  rows <- sequence(diff(design$start)[chosen], design$start[chosen] + 1L)
  n <- length(rows)
  columns <- shared_columns(design, family_tools(family)$pool, rows)
  list(rows = as.double(n), patterns = if (n) as.double(max(engine_equal_rows(columns, n))) else 0)
}

# Which of trials and weights are not one in every row: engines have faster loops where they are,
# with other roundings, so that all shards are to go the same way.
not_one <- function(design) {
  names <- c("trials", "weights")
  names[vapply(names, function(name) any(stored_values(design, name) != 1), NA)]
}

keep_by_row <- function(plan, parts) {
  by_row <- unique(unlist(parts))
  if (!length(by_row)) return(invisible())
  recipe <- plan$recipe
  recipe$by_row <- by_row
  change_recipe(plan, recipe)
}

#' @export
compact_rows.margmix_shards <- function(design, ...) design

# The search ------------------------------------------------------------------------------------

#' @export
evaluator.margmix_shards <- function(design) evaluate_shards

# Modes are found anew at each point, from zero: they do not travel, and the value depends on the
# point alone, whatever was computed before it and by whom.
evaluate_shards <- function(design, family, psi, K, deriv, modes, control, scores = FALSE,
                            information = FALSE, only_beta = FALSE) {
  if (scores || information) refuse_rows()
  plan <- design$plan_of_shards
  parts <- ask_shards(
    plan, shard_value, family_names(family), psi, K, deriv, only_beta, control$threads, design$part
  )
  status <- vapply(parts, `[[`, "", "status")
  status <- c(status[status != "ok"], "ok")[1L]
  out <- add_sums(parts, c("value", "gradient", "hessian")[seq_len(deriv + 1L)])
  steps <- lapply(parts, `[[`, "steps")
  if (length(steps[[1L]]) && status == "ok") {
    out$hessian <- engine_aux_columns(out$hessian, by_position(steps, add_up))
  }
  keep_best(plan, design, family, psi, c(out, list(modes = list(), status = status)))
}

# What an interrupted search returns as a start.
keep_best <- function(plan, design, family, psi, out) {
  if (out$status == "ok" && !isTRUE(plan$best$value > out$value)) {
    parts <- split_parameters(design, family, psi)
    plan$best <- list(value = out$value, start = list(
      beta = unname(parts$beta), theta = unname(parts$theta), phi = parts$phi
    ))
  }
  out
}

# What the engine asks of a family; its functions are as large as all the rest of a question.
family_names <- function(family) unclass(family)[c("family", "link")]

shard_value <- function(design, family, psi, K, deriv, only_beta, threads, part) {
  engine_exact_evaluate(cut_part(design, part), family, psi, K, deriv, only_beta, threads)
}

# A part of the clusters, or all; the part is kept for as long as it is asked for.
cut_part <- function(design, part) {
  kept <- design$kept
  if (identical(kept$part, part)) return(kept$design %||% design)
  if (is.null(part)) {
    rm(list = ls(kept), envir = kept)
    return(design)
  }
  small <- part_of_clusters(design, part)$design
  if (!is.null(kept)) {
    kept$part <- part
    kept$design <- small
  }
  small
}

# The same share of the clusters of each shard.
#' @export
part_of_clusters.margmix_shards <- function(design, part) {
  rows <- sum(unlist(ask_shards(design$plan_of_shards, rows_of_part, part)))
  list(design = replace_part(design, part), share = rows / nrow(design$X))
}

rows_of_part <- function(design, part) sum(diff(design$start)[chosen_clusters(design, part)])

replace_part <- function(design, part) {
  design$part <- part
  design
}

#' @export
engine_other_modes.margmix_shards <- function(design, family, psi, K, control) {
  parts <- ask_shards(design$plan_of_shards, engine_other_modes, family, psi, K, control)
  list(
    better = sum(vapply(parts, `[[`, 0L, "better")), missed = add_up(lapply(parts, `[[`, "missed"))
  )
}

#' @export
flip_modes.margmix_shards <- function(design, modes, signs) list()

#' @export
by_factor.margmix_shards <- function(design, x) rep(list(x), length(design$groups))

#' @export
row_levels.margmix_shards <- function(design, k = 1L, rows = NULL) refuse_rows()

#' @export
levels_together.margmix_shards <- function(design, k) design$facts$factors[[k]]$together

# Starts ----------------------------------------------------------------------------------------

#' @export
engine_glm_start.margmix_shards <- function(design, family, level, threads) {
  plan <- design$plan_of_shards
  spec <- engine_family(family, design)
  sums <- function(beta, order, clip) {
    parts <- ask_shards(plan, engine_glm_sums, spec, beta, order, clip)
    list(
      value = finite_or(add_up(lapply(parts, `[[`, "value")), -Inf),
      gradient = add_up(lapply(parts, `[[`, "gradient")),
      information = add_up(lapply(parts, `[[`, "information")),
      max_abs_eta = max(vapply(parts, `[[`, 0, "max_abs_eta"))
    )
  }
  start <- engine_glm_search(sums, constant_solution(design, level))
  constants <- ask_shards(plan, engine_glm_sums, spec, start$beta, 0L, FALSE)
  start$value <- start$value + add_up(lapply(constants, `[[`, "constant"))
  start
}

finite_or <- function(x, other) if (is.finite(x)) x else other

# Least squares for X beta = level in every row.
constant_solution <- function(design, level) {
  X <- design$X
  if (!ncol(X)) return(numeric())
  size <- sqrt(diag(X$gram))
  scaled <- chol(X$gram / tcrossprod(size))
  right <- nrow(X) * X$mean * level / size
  backsolve(scaled, backsolve(scaled, right, transpose = TRUE)) / size
}

#' @export
response_totals.margmix_shards <- function(design, family) design$facts$response

# That of some of the clusters is as good a start.
#' @export
start_dispersion.margmix_shards <- function(design, family, beta) {
  part <- 5000 / nrow(design$X)
  parts <- ask_shards(design$plan_of_shards, responses_of_some, beta, part)
  of <- function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE)
  by <- order(of("spread"))
  mu <- family$linkinv(of("eta")[by])
  family_tools(family)$start_phi(of("y")[by], mu, of("trials")[by], of("weights")[by])
}

responses_of_some <- function(design, beta, part) {
  chosen <- chosen_clusters(design, part)
  size <- diff(design$start)[chosen]
  some <- keep_rows(design, sequence(size, design$start[chosen] + 1L))
  c(response_rows(some)[c("y", "trials", "weights")], list(
    eta = row_predictor(some, beta), spread = rep.int(design$spread[chosen] %||% numeric(), size)
  ))
}

# Each row by itself.
row_predictor <- function(design, beta) {
  drop(engine_products_by_row(design$X, beta)) + row_offset(design)
}

#' @export
predictor_rms.margmix_shards <- function(design, beta) {
  parts <- ask_shards(design$plan_of_shards, squared_predictor, beta)
  sqrt(add_up(parts) / nrow(design$X))
}

squared_predictor <- function(design, beta) engine_exact_sums(row_predictor(design, beta)^2)

#' @export
constant_at.margmix_shards <- function(design, problem, level) {
  beta <- constant_solution(design, level)
  sign <- inside_sign(problem$family)
  inside <- ask_shards(design$plan_of_shards, all_inside, beta, sign)
  if (!all(is.finite(beta)) || !all(unlist(inside))) return(NULL)
  at <- seq_along(beta)
  backsolve(problem$map$M[at, at, drop = FALSE], beta)
}

all_inside <- function(design, beta, sign) {
  all((drop(design$X %*% beta) + row_offset(design)) * sign > 0)
}

# Checks ----------------------------------------------------------------------------------------

# The clusters of some shards nearly always prove it.
#' @export
check_identified.margmix_shards <- function(design, family) {
  plan <- design$plan_of_shards
  alone <- design$facts$sizes$largest <= 1
  shared <- vapply(design$facts$factors, function(levels) levels$agreement[["shared"]], NA)
  for (most in c(500, Inf)) {
    few <- random_rows(design, ask_shards(plan, random_part_of, most / length(plan$shards)))
    single <- few$weights_type == "prior" || design$facts$used$most <= 1
    proved <- !alone && prove_identified(few, used_rows(few), single && has_phi(family))
    if (proved && all(shared)) return(invisible())
    if (proved || alone) break
  }
  check_identified(few, family)
}

random_part_of <- function(design, clusters) UseMethod("random_part_of")

#' @export
random_part_of.default <- function(design, clusters) {
  take <- min(max(2, ceiling(clusters)), length(design$levels))
  small <- take_clusters(design, seq_len(take))
  c(response_rows(small), small[c("Z", "groups", "start")])
}

# A design in memory of the random parts of some clusters.
random_rows <- function(design, parts) {
  of <- function(name) unlist(lapply(parts, `[[`, name))
  Z <- do.call(rbind, lapply(parts, `[[`, "Z"))
  groups <- join_levels(design$groups, parts)
  random_part(c(
    .subset(design, c("random", "theta_row", "theta_col", "weights_type", "structure")),
    list(
      groups = groups, Z = Z, X = matrix(0, nrow(Z), ncol(design$X)), y = of("y"),
      trials = of("trials"), weights = of("weights"), offset = of("offset"),
      start = joined_starts(parts), levels = groups[[1L]]$levels
    )
  ), new_law("normal"))
}

# Where the clusters of several parts begin.
joined_starts <- function(parts) {
  c(0L, cumsum(unlist(lapply(parts, function(part) diff(part$start)))))
}

#' @export
level_states.margmix_shards <- function(design, k) design$facts$factors[[k]]$states

#' @export
level_agreement.margmix_shards <- function(design, k) design$facts$factors[[k]]$agreement

#' @export
response_variance.margmix_shards <- function(design, family, phi) {
  parts <- ask_shards(design$plan_of_shards, summed_variance, family, phi)
  c(
    `function` = add_up(parts) / nrow(design$X),
    of_y = design$facts$y$about / nrow(design$X)
  )
}

summed_variance <- function(design, family, phi) {
  engine_exact_sums(rep_len(family_tools(family)$variance(design$y, phi, 1), length(design$y)))
}

#' @export
least_loss.margmix_shards <- function(design, family, beta) {
  min(unlist(ask_shards(design$plan_of_shards, least_loss, family, beta)))
}

#' @export
separating_direction.margmix_shards <- function(design, kind) {
  X <- design$X
  centre <- if (X$ones[1L]) c(0, X$mean[-1L]) else numeric(ncol(X))
  size <- sqrt(X$about / nrow(X) + (X$mean - centre)^2)
  rows <- ask_shards(design$plan_of_shards, scaled_separation_rows, kind, centre, size)
  unscaled_direction(project_on_cone(do.call(rbind, rows)), centre, size)
}

scaled_separation_rows <- function(design, kind, centre, size) {
  n <- nrow(design$X)
  design$X <- (design$X - rep(centre, each = n)) / rep(size, each = n)
  separation_rows(design, kind)
}

#' @export
rows_near.margmix_shards <- function(design, estimate, edge) 0L

# Sums that stand for columns -------------------------------------------------------------------

#' @export
mean_over_sd.margmix_elsewhere <- function(X, threads = 1L) spread_ratio(X, X$n)

#' @export
column_rms.margmix_elsewhere <- function(Z) {
  rms <- sqrt(diag(Z$gram) / Z$n)
  unname(ifelse(rms > 0, rms, 1))
}

#' @export
all_ones.margmix_elsewhere <- function(Z) Z$ones

#' @export
gram_matrix.margmix_elsewhere <- function(X) X$gram

#' @export
rms_of_effects.margmix_elsewhere <- function(Z, at, Lambda) {
  sqrt(sum(Lambda * (Z$gram[at, at, drop = FALSE] %*% Lambda)) / Z$n)
}
