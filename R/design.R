# From a model frame to the arrays of the engine: X, Z, y, trials, weights, offset, clusters. No
# fitting.

#' Build the design of a model
#'
#' Rows are sorted so that the clusters of one grouping factor, or of the coarsest of several nested
#' ones, are contiguous.
#'
#' @param frame From [build_frame()].
#' @param family A supported family.
#' @param contrasts A named list of contrasts, as in [stats::model.matrix()], for fixed and random
#'   terms.
#' @param weights_type `"prior"` or `"frequency"` (a weight counts equal rows); with survey weights
#'   that of the design is `"survey"`, see [with_survey_weights()].
#' @param law The distribution of the random effects, from [as_law()].
#' @return An object of class `margmix_design`, and of those that [random_part()] chooses; a list:
#' * `X` (n x p) of full column rank, `Z` (n x q), the columns of all random terms side by side;
#' * `y` (number of successes for binomial families), `trials` (1 for others), `weights`,
#'   `offset`: n doubles, which a fit stores compactly: read them as [row_weights()] does;
#' * `start`: m + 1 offsets; cluster i, independent of the others, has the rows `start[i] + 1` to
#'   `start[i + 1]`;
#' * `order`: row of the frame for each sorted row, or `NULL` if the frame was sorted;
#' * `levels`: m cluster labels; `group`: label of the grouping factor;
#' * `structure`: `"independent"` (one grouping factor), `"nested"` or `"general"`, see
#'   [group_index()]; `groups`: for each grouping factor (if nested, from the coarsest to the
#'   finest) its `label`, `levels`, `terms` (positions in `random`), `columns` of Z (from 1), their
#'   `names`,
#'   and, if there are several factors, `index`, the level of each sorted row, from 0. The columns
#'   of Z are in the order of the formula, so those of a factor need not be side by side; with
#'   several factors their names end in `|` and the label of the factor;
#' * `plan`: with several factors, the order of elimination, from [engine_plan()];
#' * `random`: for each term its `label`, `columns` of Z, their `names`, and `correlated`;
#' * `theta_row`, `theta_col`: 0-based entries of the lower-triangular Lambda (q x q) that are
#'   free, by column: a block for each term;
#' * `aliased`: named logical over all coefficients; `assign`: the term of each of them;
#' * `terms`, `xlevels`, `contrasts` of the fixed part, and `xlevels_random`, `contrasts_random`
#'   (lists);
#' * `weights_type`;
#' * `D` and `dispersion`, with a dispersion formula, see [dispersion_design()].
#' @section Errors: those of the response, weights and offset; `group`, `few_clusters`,
#'   `not_identified`, `one_level`, `random_terms`, `not_finite`, `dispersion_rank`. Warning:
#'   `rank`.
#' @noRd
build_design <- function(frame, family, contrasts = NULL, weights_type = "prior",
                         law = new_law("normal")) {
  UseMethod("build_design")
}

#' @export
build_design.default <- function(frame, family, contrasts = NULL, weights_type = "prior",
                                 law = new_law("normal")) {
  factors <- grouping_factors(frame$parsed$random)
  cluster <- frame_groups(frame, factors)
  arrays <- design_arrays(frame, family, factors, cluster, contrasts, weights_type, fixed_design)
  design <- random_part(arrays, law)
  check_identified(design, family)
  check_effect_design(design)
  with_survey_weights(with_plan(design), frame$frame)
}

# The arrays and what describes them. `fixed_part` makes the columns of the fixed part:
# fixed_design(), or fixed_columns() where aliased ones are to be kept.
design_arrays <- function(frame, family, factors, cluster, contrasts, weights_type, fixed_part) {
  rows <- attr(frame$frame, "row.names")
  weights <- NULL
  if (is.null(survey_weights_of(frame$frame))) {
    weights <- prior_weights(frame$frame)
  } else {
    weights_type <- "survey"
  }
  response <- family_tools(family)$response(frame$frame[[1L]], weights, weights_type, rows)
  response$offset <- total_offset(frame$frame)
  check_finite(response$offset, "The offset", rows)
  sorted <- sort_covariates(frame, cluster$order)
  check_contrasts(contrasts, sorted)
  sorted_rows <- function() take_rows(rows, cluster$order)
  fixed <- fixed_part(frame$terms_fixed, sorted, contrasts, sorted_rows)
  random <- random_design(frame, factors, sorted, contrasts, sorted_rows)
  dispersion <- dispersion_design(frame$terms_dispersion, sorted, contrasts, sorted_rows)
  label_columns(c(
    fixed[c("X", "aliased", "assign")], random, lapply(response, take_rows, cluster$order), cluster,
    list(terms = frame$terms_fixed), fixed[c("xlevels", "contrasts")],
    list(weights_type = weights_type), dispersion
  ))
}

frame_groups <- function(frame, factors) {
  random <- frame$parsed$random
  smooth <- any(vapply(random, is_smooth, NA))
  if (!has_relations(random) && !smooth) return(group_index(frame$frame, factors))
  related_index(frame$frame, factors, random, environment(frame$parsed$formula))
}

#' The design with its order of elimination, by which [random_part()] knows what is too large
#' @param budget Most multiplications of a factorisation.
#' @noRd
with_plan <- function(design, budget = factor_budget(design)) UseMethod("with_plan")

# Where levels are related nothing but a factorisation leads to the likelihood.
factor_budget <- function(design) if (supports(design, "unrelated")) 4e9 else 2e11

#' @export
with_plan.default <- function(design, budget) design

#' @export
with_plan.margmix_several_factors <- function(design, budget = factor_budget(design)) {
  design$plan <- engine_plan(design, budget)
  random_part(design)
}

take_rows <- function(x, order) {
  if (is.null(order)) x else if (is.matrix(x)) x[order, , drop = FALSE] else x[order]
}

#' Rows of the design in the caller's order
#'
#' @param x A vector or matrix with one value or row for each row of the design.
#' @param design A design.
#' @return `x`, with its rows as in the model frame.
#' @noRd
caller_order <- function(x, design) {
  order <- design$order
  if (is.null(order)) return(x)
  if (is.matrix(x)) x[order, ] <- x else x[order] <- x
  x
}

# The covariates of all parts, sorted, with text as factors. Row names stay automatic: character
# row names of a long X would cost more than X.
sort_covariates <- function(frame, order) {
  parts <- c(list(frame$terms_fixed, frame$terms_dispersion), frame$terms_random)
  used <- lapply(Filter(Negate(is.null), parts), part_covariates)
  columns <- unclass(frame$frame)[unique(unlist(used))]
  columns <- lapply(columns, function(x) {
    x <- take_rows(x, order)
    if (is.character(x)) factor(x) else x
  })
  check_covariates(columns)
  structure(columns, class = "data.frame", row.names = .set_row_names(nrow(frame$frame)))
}

check_covariates <- function(columns) {
  for (name in names(columns)) {
    x <- columns[[name]]
    if (!typeof(x) %in% c("logical", "integer", "double")) {
      abort("covariate", "A covariate must be numeric, logical, a factor or text.",
        given = paste0(code(name), " of type ", typeof(x))
      )
    }
    if (is.factor(x) && nlevels(x) < 2L) {
      abort("one_level", "A factor must have at least two levels in the rows that are fitted.",
        given = paste0(code(name), " with the only level ", some_of(levels(x))),
        hint = "Leave it out of the formula."
      )
    }
  }
}

check_contrasts <- function(contrasts, covariates) {
  if (is.null(contrasts)) return(invisible())
  if (!is.list(contrasts) || is.null(names(contrasts))) {
    abort("contrasts", "`contrasts` must be a named list.", given = class(contrasts)[1L])
  }
  is_categorical <- vapply(covariates, function(x) is.factor(x) || is.logical(x), NA)
  categorical <- names(covariates)[is_categorical]
  absent <- setdiff(names(contrasts), categorical)
  if (length(absent)) {
    abort("contrasts", "Every element of `contrasts` must be named after a factor in the model.",
      given = some_of(absent),
      hint = if (length(categorical)) {
        paste0("Factors: ", some_of(categorical, 10L), ".")
      } else {
        "No covariate is a factor."
      }
    )
  }
  for (name in names(contrasts)) check_contrast(covariates[[name]], contrasts[[name]], name)
}

# Contrasts that stats can't find or that have the wrong shape.
check_contrast <- function(x, value, name) {
  x <- as.factor(x)
  tryCatch(stats::contrasts(stats::C(x, value)), error = function(e) {
    known <- paste0("contr.", c("treatment", "sum", "helmert", "poly", "SAS"))
    close <- if (is.character(value)) closest_name(value[1L], known)
    abort("contrasts", "Contrasts must be a function, its name, or a matrix with a row per level.",
      given = paste0(code(name), " with ", nlevels(x), " levels: ", conditionMessage(e)),
      hint = if (length(close)) paste0("Did you mean ", some_of(dQuote(close, FALSE)), "?")
    )
  })
  invisible()
}

#' The columns of a part of the model
#'
#' @param part Its terms.
#' @param covariates A data frame of its variables, evaluated.
#' @param contrasts A named list, `NULL`, or what was stored at the fit.
#' @return A list: `X`, with column names and no row names; `assign`; `contrasts`.
#' @noRd
part_matrix <- function(part, covariates, contrasts = NULL) {
  part <- stats::delete.response(part)
  attr(part, "offset") <- NULL
  variables <- part_variables(part)
  if (!length(variables)) {
    p <- attr(part, "intercept")
    n <- length(attr(covariates, "row.names"))
    X <- matrix(1, n, p, dimnames = list(NULL, rep("(Intercept)", p)))
    return(list(X = X, assign = integer(p), contrasts = NULL))
  }
  columns <- lapply(stats::setNames(variables, variables), function(name) {
    with_contrasts(covariates[[name]], contrasts[[name]])
  })
  # Without row names X gets none: taking them off again would copy X.
  columns <- structure(columns, class = "data.frame", row.names = integer(), terms = part)
  X <- stats::model.matrix(part, columns)
  list(X = X, assign = attr(X, "assign"), contrasts = attr(X, "contrasts"))
}

# The contrasts asked for, those the factor carries, or those of options("contrasts").
with_contrasts <- function(x, contrasts) {
  if (!is.factor(x) && !is.logical(x)) return(x)
  if (is.null(contrasts)) contrasts <- attr(x, "contrasts")
  if (is.null(contrasts)) contrasts <- getOption("contrasts")[[1L + is.ordered(x)]]
  stats::contrasts(x) <- contrasts
  x
}

# `rows` is a function that returns the labels of the rows, for messages.
fixed_design <- function(part, covariates, contrasts, rows) {
  fixed <- fixed_columns(part, covariates, contrasts, rows)
  fixed$aliased <- aliased_columns(fixed$X, attr(part, "intercept") == 1L, fixed$gram)
  if (any(fixed$aliased)) {
    warn_aliased(names(which(fixed$aliased)))
    fixed$X <- fixed$X[, !fixed$aliased, drop = FALSE]
  }
  fixed
}

fixed_columns <- function(part, covariates, contrasts, rows) {
  fixed <- part_matrix(part, covariates, contrasts)
  facts <- engine_column_facts(fixed$X, gram = TRUE)
  check_finite_columns(fixed$X, rows, facts$mean)
  fixed$gram <- facts$gram
  fixed$aliased <- stats::setNames(logical(ncol(fixed$X)), colnames(fixed$X))
  fixed$xlevels <- stats::.getXlevels(part, covariates)
  fixed
}

warn_aliased <- function(dropped) {
  warn("rank", "The fixed effects are linearly dependent; aliased columns are dropped.",
    given = paste0(
      some_of(code(dropped), 10L), " (constant, or determined by the columns before)"
    ),
    hint = "Their coefficients are reported as NA.", columns = dropped
  )
}
