# Checks of designs with related levels.

# Grouping factors with several levels that are independent, with one variance; a known matrix may
# say no more.
independent_groups <- function(groups) {
  vapply(groups, function(group) {
    (is.null(group$relation) || isTRUE(group$relation$identity)) && !is_smooth(group)
  }, NA)
}

# Factors with independent levels must be identified among themselves. How far those with related
# ones are depends on the relation: a direction that is not shows in the information at the end.
#' @export
check_identified.margmix_related <- function(design, family) {
  for (group in design$groups) {
    note_null_space(group$relation, group, design)
    check_own_part(group$relation, group, design, family)
  }
  free <- which(independent_groups(design$groups))
  if (!length(free)) return(invisible())
  check_identified.margmix_several_factors(design_part(design, free), family)
}

#' Refuse a part of a relation that is the residual
#'
#' The independent part of bym2() is one where every area has one row of a linear model.
#'
#' @section Errors: `not_identified`.
#' @noRd
check_own_part <- function(relation, group, design, family) UseMethod("check_own_part")

#' @export
check_own_part.default <- function(relation, group, design, family) invisible()

#' @export
check_own_part.margmix_bym2 <- function(relation, group, design, family) {
  if (!has_residual_of_its_own(group, design, family)) return(invisible())
  refuse_unidentified(design, paste("one row in each area of", code(group$label)), paste(
    "The independent part of bym2() is then the residual: car(1 | area, W) has none, nor has",
    "s(area, bs = \"mrf\", xt = list(penalty = diag(rowSums(W)) - W))."
  ))
}

# Has every level one row, and a residual of this row alone?
has_residual_of_its_own <- function(group, design, family) {
  is_residual(family) && design$weights_type != "frequency" &&
    !anyDuplicated(group$index[used_rows(design)])
}

#' Can effects of the same rows be told apart by how their levels are related?
#'
#' Of two factors with the same levels and a column in common whose relations are known and equal,
#' but for a factor, only the sum of the variances shows. Two that are estimated are as different
#' as their correlations may be, which is noted.
#'
#' @section Errors: `not_identified`. Notes: `relation`.
#' @noRd
check_distinct_relations <- function(groups, codes, random) {
  related <- which(!vapply(lapply(groups, `[[`, "relation"), is.null, NA))
  for (b in related) {
    for (a in related[related < b]) {
      together <- have_common_column(random[groups[[a]]$terms], random[groups[[b]]$terms]) &&
        identical(match(codes[[a]], codes[[a]]), match(codes[[b]], codes[[b]]))
      if (!together) next
      terms <- lapply(groups[c(a, b)], function(group) random[[group$terms[1L]]]$group)
      compare_relations(groups[[a]], groups[[b]], identical(terms[[1L]], terms[[2L]]))
    }
  }
}

# `alike`: are they of the same variables?
compare_relations <- function(a, b, alike) {
  labels <- paste(code(a$label), "and", code(b$label))
  estimated <- c(rho_count(a$relation), rho_count(b$relation)) > 0L
  if (all(estimated) && alike) {
    note("relation", paste(
      labels, "are of the same levels: only the shapes of their correlations tell them apart."
    ), hint = "Compare AIC() with the model that has one of them.")
  }
  if (any(estimated) || !is_same_relation(a, b)) return(invisible())
  abort("not_identified", "The data can't identify the variances of the random effects.",
    given = paste(labels, "relate the same levels in the same way"),
    hint = "Leave one of them out: only the sum of their variances shows."
  )
}

# Have two lists of random terms an effect of the same column?
have_common_column <- function(a, b) {
  columns <- function(terms) {
    unlist(lapply(terms, function(term) {
      of <- stats::terms(term$lhs)
      c(if (attr(of, "intercept")) "1", attr(of, "term.labels"))
    }))
  }
  length(intersect(columns(a), columns(b))) > 0L
}

# Diagonals come first: those of other matrices seldom are the same.
is_same_relation <- function(a, b) {
  if (!setequal(a$levels, b$levels)) return(FALSE)
  ratio <- a$relation$diagonal / b$relation$diagonal[match(a$levels, b$levels)]
  if (diff(range(ratio)) > 1e-6 * max(ratio)) return(FALSE)
  A <- precision_of(a)
  B <- precision_of(b)[a$levels, a$levels]
  difference <- A - sum(A * B) / sum(B * B) * B
  max(abs(difference)) <= 1e-8 * max(abs(A))
}

# Q of levels by their names, from its lower triangle.
precision_of <- function(group) {
  relation <- group$relation
  levels <- seq_along(group$levels)
  Matrix::sparseMatrix(
    c(levels, relation$row + 1L), c(levels, rep.int(levels, diff(relation$start))),
    x = c(relation$diagonal, relation$below), symmetric = TRUE,
    dimnames = list(group$levels, group$levels)
  )
}

#' Say that the fixed effects lack what an intrinsic relation leaves to them
#'
#' A random walk adds up to zero, and of second order has no slope: level and slope are fixed
#' effects, or are left out.
#' @noRd
note_null_space <- function(relation, group, design) UseMethod("note_null_space")

#' @export
note_null_space.default <- function(relation, group, design) invisible()

#' @export
note_null_space.margmix_rw1 <- function(relation, group, design) {
  note_missing_fixed(rep(1, nrow(design$X)), "level", "Leave out the 0 or -1.", group, design)
}

#' @export
note_null_space.margmix_rw2 <- function(relation, group, design) {
  note_null_space.margmix_rw1(relation, group, design)
  note_missing_fixed(
    relation$at[group$index + 1L], "trend", "Add the time to the fixed effects.", group, design
  )
}

note_missing_fixed <- function(x, what, hint, group, design) {
  if (is_spanned(cbind(x), cbind(design$X, if (what != "level") 1))) return(invisible())
  note("relation", paste0(
    "The fixed effects have no ", what, ", and neither has a random walk."
  ), given = code(group$label), hint = hint)
}

# The design with some of its grouping factors, without its class.
design_part <- function(design, free) {
  columns <- sort(as.integer(unlist(lapply(design$groups[free], `[[`, "columns"))))
  terms <- sort(as.integer(unlist(lapply(design$groups[free], `[[`, "terms"))))
  part <- unclass(design)
  part$Z <- design$Z[, columns, drop = FALSE]
  entries <- design$theta_row %in% (columns - 1L)
  part$theta_row <- match(design$theta_row[entries] + 1L, columns) - 1L
  part$theta_col <- match(design$theta_col[entries] + 1L, columns) - 1L
  part$theta_span <- NULL
  renumber <- function(x) {
    x$columns <- match(x$columns, columns)
    if (!is.null(x$terms)) x$terms <- match(x$terms, terms)
    x
  }
  part$random <- lapply(design$random[terms], renumber)
  part$groups <- lapply(design$groups[free], renumber)
  part
}

# What is smooth is as identified as its basis: the penalized columns are near the others or not.
#' @export
check_identified.margmix_smoothed <- check_identified.margmix_related

#' Refuse what is not available where levels are related
#' @section Errors: `related`.
#' @noRd
check_unrelated <- function(design, what, hint = NULL) {
  if (supports(design, "unrelated")) return(invisible())
  check_not_smooth(design, what, hint)
  labels <- vapply(design$groups, `[[`, "", "label")
  related <- !vapply(lapply(design$groups, `[[`, "relation"), is.null, NA)
  abort("related", paste(what, "not available where the levels of a random effect are related."),
    given = some_of(code(labels[related])), hint = hint
  )
}
