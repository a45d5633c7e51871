# Identification of the variances of several grouping factors.

#' Are the variance parameters of several grouping factors identified?
#'
#' As in [check_identified()], by the Gram matrix of the covariance matrices that the parameters
#' multiply: for entries a and b of factors k and l it is the sum over pairs of levels of tr(E_a C
#' E_b C'), C the cross-product of their rows of Z. Rows without weight do not count, and a part of
#' the rows may prove it.
#'
#' @section Errors: `not_identified`.
#' @noRd
#' @export
check_identified.margmix_several_factors <- function(design, family) {
  single <- design$weights_type != "frequency" || max(row_weights(design)) <= 1
  rows <- which(used_rows(design))
  bernoulli <- single && is_binary(family, design)
  if (bernoulli) check_shared_levels(design, rows)
  dispersion <- single && is_residual(family)
  if (is_groups_gram_regular(design, rows, dispersion)) {
    if (single && !dispersion) note_competing(family, is_groups_gram_regular(design, rows, TRUE))
    return(invisible())
  }
  confounded <- dispersion && is_groups_gram_regular(design, rows, FALSE)
  refuse_unidentified(design, some_of(term_labels(design)), if (confounded) {
    paste0("With one row per level the variance can't be told from the ",
      dispersion_term(family), ".")
  } else {
    c(
      "The levels of a factor must differ from those of the others and hold several rows.",
      "A covariate must vary within levels, over more values than it has random slopes."
    )
  })
}

# 0/1 responses show a random effect only where several of them share a level.
check_shared_levels <- function(design, rows) {
  for (k in seq_along(design$groups)) {
    if (anyDuplicated(design$groups[[k]]$index[rows])) next
    refuse_unidentified(
      design, paste("one 0/1 response per level of", code(group_labels(design)[k])),
      "A random effect shows only where 0/1 responses share it."
    )
  }
}

#' @export
prove_identified.margmix_several_factors <- function(design, used, dispersion) {
  is_groups_gram_regular(design, which(used), dispersion)
}

# Has the Gram matrix full rank, by the first of the rows, some spread over them, or all?
is_groups_gram_regular <- function(design, rows, dispersion) {
  for (take in unique(pmin(c(5000L, length(rows)), length(rows)))) {
    spread <- rows[unique(round(seq(1, length(rows), length.out = take)))]
    for (part in list(rows[seq_len(take)], spread)) {
      gram <- structured_gram(design, groups_gram(design, part, dispersion))
      if (has_full_rank(gram, 1e-10)) return(TRUE)
    }
  }
  FALSE
}

groups_gram <- function(design, rows, dispersion) {
  Z <- orthogonal_blocks(design$Z[rows, , drop = FALSE], design$random)
  index <- lapply(design$groups, function(group) group$index[rows])
  owner <- column_groups(design)
  pairs <- Map(c, design$theta_row + 1L, design$theta_col + 1L)
  cells <- cell_products(Z, index, owner)
  entry <- function(a, b) sum(cross_trace(cells, pairs[[a]], pairs[[b]]))
  at <- seq_along(pairs)
  gram <- outer(at, at, Vectorize(entry))
  if (!dispersion) return(gram)
  weight <- row_weights(design)[rows]
  cross <- vapply(pairs, function(a) {
    sum(Z[, a[1L]] * Z[, a[2L]] / weight) * (1 + (a[1L] != a[2L]))
  }, 0)
  rbind(cbind(gram, cross), c(cross, sum(1 / weight^2)))
}

# For columns r, c of Z: their products summed over the rows of each pair of levels.
cell_products <- function(Z, index, owner) {
  K <- length(index)
  cell <- outer(seq_len(K), seq_len(K), Vectorize(function(k, l) {
    key <- index[[k]] * (max(index[[l]]) + 1) + index[[l]]
    list(match(key, unique(key)))
  }))
  function(r, c) {
    drop(rowsum(Z[, r] * Z[, c], cell[[owner[r], owner[c]]], reorder = FALSE))
  }
}

# tr(E_a C E_b C') in every pair of levels, E_a = e_r e_s' + e_s e_r' (or e_r e_r').
cross_trace <- function(cells, a, b) {
  unit <- function(a) if (a[1L] == a[2L]) list(a) else list(a, rev(a))
  total <- 0
  for (u in unit(a)) for (v in unit(b)) total <- total + cells(u[2L], v[1L]) * cells(u[1L], v[2L])
  total
}
