# What a fit to shards answers without rows in memory.

#' @export
abilities.margmix_shards <- function(design) c(setdiff(NextMethod(), "penalty"), "shards")

#' @export
count_used.margmix_shards <- function(design) design$facts$used

#' @export
most_trials.margmix_shards <- function(design) design$facts$sizes$any_size

#' @export
between_within_df.margmix_shards <- function(design) {
  sizes <- design$facts$sizes
  constant <- sizes$share == 1
  within <- sizes$N - sizes$K - sum(!constant)
  ifelse(sizes$share < 0.1, max(within, 1), between_df(design))
}

#' @export
between_df.margmix_shards <- function(design, size = NULL, constant = NULL) {
  sizes <- design$facts$sizes
  max(sizes$K - sum(sizes$share == 1), 1)
}

#' @export
total_size.margmix_shards <- function(design) design$facts$sizes$N

#' @export
groups_words.margmix_shards <- function(design) {
  sizes <- design$facts$sizes
  spread <- c(
    min = min(sizes$values), median = middle_size(sizes$values, sizes$counts),
    max = max(sizes$values)
  )
  source <- design$plan_of_shards
  paste0(
    clusters_words(length(design$levels), design$group, spread), ", in ",
    count_of(length(source$shards), "shard")
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
  values <- do.call(rbind, lapply(parts, `[[`, "value"))
  q <- ncol(values)
  levels <- unlist(lapply(parts, `[[`, "levels"), use.names = FALSE)
  by <- order_of_labels(levels)
  variance <- if (condVar) {
    array(unlist(lapply(parts, `[[`, "variance")), c(q, q, nrow(values)))[, , by, drop = FALSE]
  }
  group <- design$groups[[1L]]
  group$levels <- levels[by]
  list(list(value = values[by, , drop = FALSE], variance = variance, group = group))
}

# Numbers by size, text as in the C locale.
order_of_labels <- function(labels) {
  number <- suppressWarnings(as.numeric(labels))
  order(if (anyNA(number)) labels else number, method = "radix")
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
  found <- cluster_effects(design, fit_of_shard(design, estimates), type, condVar)[[1L]]
  list(value = found$value, variance = found$variance, levels = design$levels)
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
  score_products(design, fit_of_shard(design, estimates), active)
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
  size <- diff(design$start)[chosen]
  small <- keep_rows(design, sequence(size, design$start[chosen] + 1L))
  small$start <- c(0L, cumsum(size))
  small$levels <- design$levels[chosen]
  c(
    response_rows(small), list(X = small$X, Z = small$Z, size = size, levels = small$levels),
    list(modes = fit_of_shard(small, estimates)$modes)
  )
}

with_clusters <- function(design, fit, parts) {
  of <- function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE)
  rows <- function(name) do.call(rbind, lapply(parts, `[[`, name))
  kept <- .subset(design, setdiff(names(design), c("X", "Z", "levels", "facts", "plan_of_shards")))
  kept$groups[[1L]]$levels <- of("levels")
  fit$design <- random_part(c(kept, list(
    X = rows("X"), Z = rows("Z"), y = of("y"), trials = of("trials"), weights = of("weights"),
    offset = of("offset"), start = c(0L, cumsum(of("size"))), levels = of("levels")
  )), "normal")
  fit$modes <- rows("modes")
  fit
}
