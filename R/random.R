# The random part of a design: how its grouping factors lie, and the distribution of their effects.
# Its class is chosen once, by random_part(); what differs between kinds are methods on the design.

#' Choose the class of a design by its random part
#'
#' One factor with normal effects needs no class of its own: it is what the default methods are for.
#' * `margmix_nonnormal`: one random intercept that is not normal, `margmix_bridge` or `margmix_t`;
#' * `margmix_several_factors`: and one of
#'     * `margmix_two_levels`: two factors, one nested in the other, integrated level by level;
#'     * `margmix_sparse`: more nested ones, or crossed ones (`margmix_crossed`), by the Laplace
#'       approximation with a sparse factor; `margmix_too_large` where there is no such factor.
#'       `margmix_related`, which are treated as crossed: levels of a factor are related, also
#'       where there is only one. `margmix_smoothed` likewise: some terms are smooths.
#'
#' `margmix_nested` are nested ones of either kind.
#'
#' @param design A list with `structure` and `groups`, see [build_design()], and `plan` of the
#'   sparse ones.
#' @param law From [as_law()].
#' @return `design`, with the class.
#' @noRd
random_part <- function(design, law = random_distribution(design)) {
  several <- length(design$groups) > 1L || length(relations(design)) ||
    any(smooth_groups(design))
  kind <- if (several) several_factors(design)
  nonnormal <- if (law$name != "normal") c(paste0("margmix_", law$name), "margmix_nonnormal")
  design$law <- if (length(nonnormal)) law
  class(design) <- c(nonnormal, kind, "margmix_design")
  design
}

# Most special first.
several_factors <- function(design) {
  nested <- design$structure == "nested"
  c(
    if (isFALSE(design$plan$exact)) "margmix_too_large",
    if (any(smooth_groups(design))) "margmix_smoothed",
    if (length(relations(design))) "margmix_related",
    if (!nested) "margmix_crossed",
    if (nested && length(design$groups) == 2L) "margmix_two_levels" else "margmix_sparse",
    if (nested) "margmix_nested",
    "margmix_several_factors"
  )
}

#' The distribution of the random effects, a law
#' @noRd
random_distribution <- function(design) UseMethod("random_distribution")

#' @export
random_distribution.default <- function(design) new_law("normal")

#' @export
random_distribution.margmix_nonnormal <- function(design) design$law

# What kinds can do --------------------------------------------------------------------------------

#' Does a random part support something?
#'
#' @param what `"clusters"`: is it made of independent ones, which sandwiches and samples need?
#'   `"quadrature"`: are there rules of more than one node? `"factor"`: can its matrix be factored,
#'   for exact likelihoods and conditional variances? `"moments"`: has the posterior means and
#'   medians? `"normal"`: are the random effects normal? `"unrelated"`: are levels independent of
#'   each other? `"shards"`: are its rows in shards, so that only sums of them are known, and no
#'   profile of a linear model? `"one effect"`: has a cluster one random effect? `"penalty"`: can
#'   its likelihood be penalized? `"curves"`: are some of its terms smooth?
#' @noRd
supports <- function(design, what) what %in% abilities(design)

abilities <- function(design) UseMethod("abilities")

#' @export
abilities.default <- function(design) {
  c(
    abilities.margmix_two_levels(design), one_effect(design),
    if (has_full_covariance(design)) "penalty"
  )
}

# A glm() has no design.
#' @export
abilities.NULL <- function(design) character()

# A marginal model has no Z.
one_effect <- function(design) if (identical(ncol(design$Z), 1L)) "one effect"

#' @export
abilities.margmix_two_levels <- function(design) {
  c("clusters", "quadrature", "factor", "moments", "normal", "unrelated")
}

#' @export
abilities.margmix_nonnormal <- function(design) {
  c("clusters", "quadrature", "factor", "moments", "unrelated", one_effect(design))
}

#' @export
abilities.margmix_sparse <- function(design) c("clusters", "factor", "normal", "unrelated")

#' @export
abilities.margmix_crossed <- function(design) c("factor", "normal", "unrelated")

#' @export
abilities.margmix_too_large <- function(design) setdiff(NextMethod(), c("factor", "clusters"))

#' @export
abilities.margmix_related <- function(design) {
  c(if (length(design$levels) > 1L) "clusters", "factor", "normal")
}

#' @export
abilities.margmix_smoothed <- function(design) c("factor", "normal", "curves")

# A list by factor ---------------------------------------------------------------------------------

#' What the engine returns for one factor, or for each of several: always a list by factor
#'
#' @param x For one factor the thing itself, such as a matrix of modes; otherwise a list of them.
#' @noRd
by_factor <- function(design, x) UseMethod("by_factor")

#' @export
by_factor.default <- function(design, x) list(x)

#' @export
by_factor.margmix_several_factors <- function(design, x) x

# The other way round: as fits store it.
from_factors <- function(design, x) UseMethod("from_factors")

#' @export
from_factors.default <- function(design, x) x[[1L]]

#' @export
from_factors.margmix_several_factors <- function(design, x) x

#' Level of each row, from 1, of grouping factor `k`
#' @param rows Which rows; all by default.
#' @noRd
row_levels <- function(design, k = 1L, rows = NULL) UseMethod("row_levels")

#' @export
row_levels.default <- function(design, k = 1L, rows = NULL) {
  if (!is.null(rows)) return(findInterval(rows - 1L, design$start))
  cluster_codes(design)
}

#' @export
row_levels.margmix_several_factors <- function(design, k = 1L, rows = NULL) {
  index <- design$groups[[k]]$index
  (if (is.null(rows)) index else index[rows]) + 1L
}

# The level of each row of a fit, a column for each grouping factor.
row_clusters <- function(design) {
  vapply(seq_along(design$groups), function(k) row_levels(design, k), integer(nrow(design$X)))
}

# Most levels of factor k that one independent cluster holds.
levels_together <- function(design, k) UseMethod("levels_together")

#' @export
levels_together.default <- function(design, k) length(design$groups[[k]]$levels)

#' @export
levels_together.margmix_nested <- function(design, k) {
  cluster <- cluster_codes(design)
  max(tabulate(cluster[!duplicated(row_levels(design, k))]))
}

# Effects ------------------------------------------------------------------------------------------

#' New random effects on the scale u = Lambda^-1 b, from standard normal draws
#' @noRd
effects_of_draws <- function(design, fit, draws) UseMethod("effects_of_draws")

#' @export
effects_of_draws.default <- function(design, fit, draws) draws

# The modes that a fit stores.
final_modes <- function(design, problem, estimate) UseMethod("final_modes")

#' @export
final_modes.default <- function(design, problem, estimate) estimate$modes

#' @export
final_modes.margmix_nonnormal <- function(design, problem, estimate) {
  modes_of_effects(problem, estimate)
}

#' The family of a fit with the distribution of its random effects, which population means take
#'
#' A family alone is that with normal ones.
#' @noRd
population_law <- function(fit) with_distribution(fit$design, fit$family)

with_distribution <- function(design, family) UseMethod("with_distribution")

#' @export
with_distribution.default <- function(design, family) family

#' @export
with_distribution.margmix_nonnormal <- function(design, family) {
  family$law <- random_distribution(design)
  kind <- paste0("margmix_", family$law$name, "_law")
  structure(family, class = c(kind, "margmix_nonnormal_law", class(family)))
}
