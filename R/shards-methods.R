# What a fit to shards answers without rows in memory.

#' @export
abilities.margmix_shards <- function(design) c(setdiff(NextMethod(), "penalty"), "shards")

#' @export
count_used.margmix_shards <- function(design) design$facts$used

#' @export
most_trials.margmix_shards <- function(design) design$facts$sizes$any_size

#' @export
cluster_shares.margmix_shards <- function(design) {
  with_share(join_anova(ask_shards(design$plan_of_shards, cluster_anova)))
}

#' @export
factor_shares.margmix_shards <- function(design) {
  parts <- ask_shards(design$plan_of_shards, factor_anova)
  by_position(parts, function(parts) with_share(join_anova(parts)))
}

#' @export
total_size.margmix_shards <- function(design) design$facts$sizes$N

#' @export
groups_words.margmix_shards <- function(design) {
  paste0(NextMethod(), ", in ", count_of(length(design$plan_of_shards$shards), "shard"))
}

#' @export
cluster_spread.margmix_shards <- function(design) {
  sizes <- design$facts$sizes
  c(
    min = min(sizes$values), median = middle_size(sizes$values, sizes$counts),
    max = max(sizes$values)
  )
}

# The median of sizes of which there are so many each.
middle_size <- function(values, counts) {
  total <- cumsum(counts)
  half <- total[length(total)] / 2
  mean(values[c(which(total >= half)[1L], which(total > half)[1L])])
}

# Effects of the clusters, shard by shard.
#' @export
cluster_effects.margmix_shards <- function(design, object, type, condVar) {
  parts <- ask_shards(design$plan_of_shards, shard_effects, estimates_of(object), type, condVar)
  Map(function(parts, group) {
    values <- do.call(rbind, lapply(parts, `[[`, "value"))
    q <- ncol(values)
    levels <- unlist(lapply(parts, function(part) part$group$levels), use.names = FALSE)
    term <- object$frame$parsed$random[[group$terms[1L]]]
    by <- order_of_labels(levels, length(group_columns(term$group)))
    variance <- if (condVar) {
      array(unlist(lapply(parts, `[[`, "variance")), c(q, q, nrow(values)))[, , by, drop = FALSE]
    }
    group$levels <- levels[by]
    list(value = values[by, , drop = FALSE], variance = variance, group = group)
  }, by_position(parts, identity), design$groups)
}

# Numbers by size, text as in the C locale; labels of several variables, a:b, by a and then b.
order_of_labels <- function(labels, variables = 1L) {
  keys <- list(labels)
  split <- if (variables > 1L) strsplit(labels, ":", fixed = TRUE)
  if (length(split) && all(lengths(split) == variables)) {
    keys <- lapply(seq_len(variables), function(k) vapply(split, `[`, "", k))
  }
  keys <- lapply(keys, function(key) {
    number <- suppressWarnings(as.numeric(key))
    if (anyNA(number)) key else number
  })
  do.call(order, c(keys, list(method = "radix")))
}

# The fields of a fit that its shards need.
estimates_of <- function(fit) UseMethod("estimates_of")

#' @export
estimates_of.margmix_glmm <- function(fit) {
  unclass(fit)[c("family", "beta", "theta", "rho", "phi", "Lambda", "rule", "control")]
}

# The fit as that of one shard, of a mixed model with its modes.
fit_of_shard <- function(design, estimates) UseMethod("fit_of_shard", estimates)

#' @export
fit_of_shard.default <- function(design, estimates) {
  fit <- c(list(design = design), estimates)
  fit$modes <- engine_evaluate(
    design, fit$family, fit_psi(fit), fit$rule$K, 0L, NULL, fit$control
  )$modes
  structure(fit, class = c("margmix_glmm", "margmix_fit"))
}

shard_effects <- function(design, estimates, type, condVar) {
  cluster_effects(design, fit_of_shard(design, estimates), type, condVar)
}

# Pieces of the working linear mixed model are sums over clusters.
#' @export
kenward_roger_pieces.margmix_shards <- function(design, fit) {
  parts <- ask_shards(design$plan_of_shards, shard_kenward_roger, estimates_of(fit))
  status <- vapply(parts, `[[`, "", "status")
  names <- c("M", "M_0", "P", "Q", "T", "t")
  sums <- lapply(stats::setNames(names, names), function(name) add_up(lapply(parts, `[[`, name)))
  c(sums, list(status = c(status[status != "ok"], "ok")[1L]))
}

shard_kenward_roger <- function(design, estimates) {
  kenward_roger_pieces(design, fit_of_shard(design, estimates))
}

#' @export
shifted_products.margmix_shards <- function(design, fit, at) {
  add_up(ask_shards(
    design$plan_of_shards, shard_shifted_products, estimates_of(fit), estimates_of(at)
  ))
}

shard_shifted_products <- function(design, estimates, at) {
  shifted_products(design, fit_of_shard(design, estimates), fit_of_shard(design, at))
}

#' @export
score_products.margmix_shards <- function(design, fit, active) {
  add_up(ask_shards(design$plan_of_shards, shard_score_products, estimates_of(fit), active))
}

shard_score_products <- function(design, estimates, active) {
  engine_exact_gram(engine_scores(fit_of_shard(design, estimates))$scores[, active, drop = FALSE])
}

#' @export
fitted_rows_of.margmix_shards <- function(design, object, random_effects) refuse_rows()

# Known clusters -------------------------------------------------------------------------------

#' A fit in memory of the clusters of new data
#'
#' Their rows travel, and what is said of them is said as of any fit.
#' @noRd
#' @export
with_new_levels.margmix_shards <- function(design, fit, newdata) {
  term <- fit$frame$parsed$random[[design$groups[[1L]]$terms[1L]]]
  frame <- newdata_frame(fit, newdata, TRUE)
  labels <- match_clusters(frame, term$group, character())$label
  found <- ask_shards(design$plan_of_shards, clusters_of_shard, unique(labels), estimates_of(fit))
  found <- Filter(Negate(is.null), found)
  with_clusters(design, fit, if (length(found)) found else first_cluster(design, fit))
}

# A design has clusters, even if none is asked for.
first_cluster <- function(design, fit) {
  plan <- design$plan_of_shards
  ask_shards(plan, clusters_of_shard, NULL, estimates_of(fit), shards = plan$shards[1L])
}

# The rows of some clusters, and their modes; without labels those of the first cluster.
clusters_of_shard <- function(design, labels, estimates) {
  chosen <- if (is.null(labels)) 1L else which(design$levels %in% labels)
  if (!length(chosen)) return(NULL)
  small <- take_clusters(design, chosen)
  c(
    response_rows(small), small[c("X", "Z", "start", "groups")],
    list(modes = by_factor(small, fit_of_shard(small, estimates)$modes))
  )
}

with_clusters <- function(design, fit, parts) {
  of <- function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE)
  rows <- function(parts) do.call(rbind, parts)
  groups <- join_levels(design$groups, parts)
  all <- c("X", "Z", "levels", "groups", "facts", "plan_of_shards")
  fit$design <- with_plan(random_part(c(.subset(design, setdiff(names(design), all)), list(
    X = rows(lapply(parts, `[[`, "X")), Z = rows(lapply(parts, `[[`, "Z")), y = of("y"),
    trials = of("trials"), weights = of("weights"), offset = of("offset"),
    start = joined_starts(parts), levels = groups[[1L]]$levels, groups = groups
  )), new_law("normal")))
  fit$modes <- from_factors(fit$design, by_position(lapply(parts, `[[`, "modes"), rows))
  fit
}
