# What other rooms ask of a design. design-rows.R has what is read by row, design-groups.R the names
# of factors and columns.

# Rows and clusters --------------------------------------------------------------------------------

design_X <- function(design) design$X
design_Z <- function(design) design$Z
row_response <- function(design) design$y

# n rows, p columns of X and q of Z.
row_count <- function(design) nrow(design$X)
fixed_count <- function(design) ncol(design$X)
effect_count <- function(design) ncol(design$Z)

# Does a weight count equal rows?
weights_type <- function(design) design$weights_type
has_counted_rows <- function(design) design$weights_type == "frequency"

#' Rows of the caller in the order of the design, the other way round than [caller_order()]
#'
#' @return `frame_rows()`: the row of the frame that each row of the design is.
#' @noRd
design_order <- function(x, design) take_rows(x, design$order)
frame_rows <- function(design) design$order %||% seq_len(nrow(design$X))

#' The independent clusters of a design
#'
#' @return `cluster_levels()`: their m labels; `cluster_count()`: m; `cluster_group()`: the label of
#'   what they are the levels of; `rows_per_cluster()`: m sizes; `cluster_codes()`: the cluster of
#'   each row, from 1, which with several factors is not that of [row_levels()].
#' @noRd
cluster_levels <- function(design) design$levels
cluster_count <- function(design) length(design$levels)
cluster_group <- function(design) design$group
rows_per_cluster <- function(design) diff(design$start)
cluster_codes <- function(design) rep.int(seq_along(design$levels), diff(design$start))
rows_in_cluster <- function(design, i) seq(design$start[i] + 1L, design$start[i + 1L])
sums_by_cluster <- function(x, design) cluster_sums(x, design$start)
cluster_sizes <- function(design) stats::setNames(rows_per_cluster(design), design$levels)

# In the caller's order; `group_factors_of()` by grouping factor.
cluster_factor <- function(design) {
  level_factor(cluster_codes(design), design$levels, design)
}

group_factors_of <- function(design) {
  out <- lapply(seq_along(design$groups), function(k) {
    level_factor(row_levels(design, k), design$groups[[k]]$levels, design)
  })
  stats::setNames(out, group_labels(design))
}

level_factor <- function(code, levels, design) {
  structure(caller_order(code, design), levels = levels, class = "factor")
}

# Are the rows of two designs sorted in the same way, into clusters of the same sizes?
same_order <- function(one, other) {
  identical(one$start, other$start) && identical(one$order, other$order)
}

# Fixed effects ------------------------------------------------------------------------------------

fixed_terms <- function(design) design$terms

#' All coefficients of a design, of which those that are not aliased are estimated
#'
#' @return `aliased_coefficients()`: logical, named; `aliased_names()`: the names of those that are;
#'   `coefficient_terms()`: the term that each belongs to; `column_terms()`: the same of the columns
#'   of X.
#' @noRd
aliased_coefficients <- function(design) design$aliased
aliased_names <- function(design) names(which(design$aliased))
coefficient_terms <- function(design) design$assign
column_terms <- function(design) design$assign[!design$aliased]

# The predictor of the rows without random effects.
fixed_eta <- function(design, beta) drop(design$X %*% beta) + row_offset(design)

# The columns of all coefficients, for other covariates.
all_columns <- function(design, frame) part_matrix(design$terms, frame, design$contrasts)$X

# As stored for all to see, who may have changed them; `beta` is what the fit was at.
estimated_coefficients <- function(fit) fit$coefficients[!fit$design$aliased]
`estimated_coefficients<-` <- function(fit, value) {
  fit$coefficients[!fit$design$aliased] <- value
  fit
}

# Random effects -----------------------------------------------------------------------------------

#' The grouping factors of a design, and the terms that its columns of Z come from
#'
#' @return `random_factors()` and `effect_terms()`: `groups` and `random` of [build_design()];
#'   `factor_count()`: how many factors; `level_counts()`, `effects_per_factor()`: levels of each
#'   factor, and random effects of each of its levels; `group_structure()`: how they lie;
#'   `random_contrasts()`: by term.
#' @noRd
random_factors <- function(design) design$groups
effect_terms <- function(design) design$random
term_labels <- function(design) vapply(design$random, `[[`, "", "label")
factor_count <- function(design) length(design$groups)
group_structure <- function(design) design[["structure"]]
level_counts <- function(design) vapply(design$groups, function(group) length(group$levels), 1L)
effects_per_factor <- function(design) lengths(lapply(design$groups, `[[`, "columns"))
random_contrasts <- function(design) design$contrasts_random

#' Where the free entries of Lambda are
#'
#' @return For each of the t entries of theta its row and its column, from 1: `theta_rows()`,
#'   `theta_columns()`, or both, `first_entries()`; of a smooth, whose entry is that of a span of
#'   columns, the first, see [theta_entries()]. `on_diagonal()`: logical.
#' @noRd
theta_rows <- function(design) design$theta_row + 1L
theta_columns <- function(design) design$theta_col + 1L
first_entries <- function(design) cbind(design$theta_row, design$theta_col) + 1L
on_diagonal <- function(design) design$theta_row == design$theta_col
theta_count <- function(design) length(design$theta_row)

# And where theta is in psi.
theta_in_psi <- function(design) ncol(design$X) + seq_along(design$theta_row)
rho_in_psi <- function(design) max(theta_in_psi(design)) + seq_along(rho_groups(design))

# Of some designs only -----------------------------------------------------------------------------

# With a dispersion formula.
design_D <- function(design) design$D
dispersion_part <- function(design) design$dispersion
# "cluster", "row" or "schedule" with weights for missing visits, else NULL; those by row.
ipw_kind <- function(design) design$ipw$kind
row_ipw <- function(design) if (identical(design$ipw$kind, "row")) design$ipw$weights
# Of visits: their labels, and the time that is one lag.
wave_levels <- function(design) design$wave_levels
visit_lag <- function(design) design$lag_unit %||% 1
# What engine_plan() found, and where the rows of shards are.
elimination_plan <- function(design) design$plan
plan_of_shards <- function(design) design$plan_of_shards
# Survey weights of clusters.
cluster_weights <- function(design) design$cluster_weights
penalty_factor <- function(design) design$penalty
