# From a formula to its fixed part and its random terms. No data are touched here.
#
# A random term is a bar in parentheses that is added to the rest: (lhs | group). A bar anywhere
# else among the formula operators is refused rather than read as something the user may not have
# meant.

#' Split a mixed model formula
#'
#' @param formula A two-sided formula with at least one random term: `(1 | g)`, `(x | g)`, `(x ||
#'   g)`, `(1 | a:b)`, `(1 | a / b)` (short for `(1 | a) + (1 | a:b)`), or with related levels, see
#'   [related_terms()].
#' @param env The environment of `formula` if it is text or an unevaluated call.
#' @return A list: `formula`, as given; `fixed`, the formula without bars, with its environment
#'   and its `offset()` terms; `random`, a list of `list(lhs, group, group_label, correlated,
#'   label)`; `frame`, a formula with every variable, for [stats::model.frame()].
#' @section Errors: `formula` (not a two-sided formula, or a bar in an odd place), `no_random`.
#' @noRd
parse_formula <- function(formula, env = parent.frame()) {
  formula <- as_two_sided(formula, env)
  parts <- split_bars(formula[[3L]])
  smooths <- smooth_calls(parts$fixed)
  if (!length(parts$bars) && !length(smooths)) {
    abort("no_random", "The formula must have a random term, such as (1 | cluster).",
      given = expression_text(formula),
      hint = "Use glm() for independent rows, or gee() for a marginal model of clustered rows."
    )
  }
  random <- unlist(lapply(parts$bars, random_terms, env = environment(formula)), recursive = FALSE)
  fixed <- formula
  fixed[[3L]] <- if (is.null(parts$fixed)) 1 else parts$fixed
  list(
    formula = formula, fixed = fixed, random = random, frame = frame_formula(fixed, random),
    smooths = unique(smooths)
  )
}

#' The formula of a marginal model
#'
#' @return As [parse_formula()], with an empty `random`.
#' @section Errors: `formula`, `random_term`.
#' @noRd
parse_marginal_formula <- function(formula, env = parent.frame()) {
  formula <- as_two_sided(formula, env, "y ~ x")
  if (has_smooth(formula[[3L]])) {
    abort("smooth", "The formula of gee() must not have smooth terms.",
      given = expression_text(formula),
      hint = "splines::ns(x, 4) is a curve without penalty; glmm() takes s(x)."
    )
  }
  bars <- split_bars(formula[[3L]])$bars
  if (length(bars)) {
    abort("random_term", "The formula of gee() must not have random terms.",
      given = bars_text(bars),
      hint = "Name the clusters in `id`, or fit a mixed model with glmm()."
    )
  }
  list(formula = formula, fixed = formula, random = list(), frame = formula)
}

bars_text <- function(bars) {
  some_of(vapply(bars, function(bar) paste0("(", expression_text(bar), ")"), ""))
}

as_two_sided <- function(formula, env, example = "y ~ x + (1 | cluster)") {
  is_text <- is.character(formula) && length(formula) == 1L
  if (is_text || is.call(formula) && !inherits(formula, "formula")) {
    formula <- tryCatch(stats::as.formula(formula, env), error = function(e) formula)
  }
  if (!inherits(formula, "formula") || length(formula) != 3L) {
    abort("formula", paste0("`formula` must be a formula with a response, such as ", example, "."),
      given = if (is.language(formula)) expression_text(formula) else class(formula)[1L]
    )
  }
  if (is.null(environment(formula))) environment(formula) <- env
  formula
}

# One formula that holds every variable once: model.frame() only looks at the variables.
frame_formula <- function(fixed, random, dispersion = NULL) {
  pieces <- c(
    lapply(random, function(term) term$lhs[[2L]]),
    lapply(random, function(term) term$group), if (!is.null(dispersion)) dispersion[[2L]]
  )
  fixed[[3L]] <- Reduce(function(a, b) call("+", a, b), pieces, with_variables(fixed[[3L]]))
  fixed
}

# Bars ------------------------------------------------------------------------------------------

is_call_to <- function(expr, name) {
  is.call(expr) && is.name(expr[[1L]]) && as.character(expr[[1L]]) %in% name
}

is_bar <- function(expr) is_call_to(expr, c("|", "||"))

# Operators through which a formula is read as terms; elsewhere, as in I(a | b), `|` means "or".
formula_operators <- c("+", "-", "*", "/", ":", "^", "%in%", "(")

# Covariance structures of other packages, written as calls around a bar.
structure_names <- c(
  "us", "diag", "homdiag", "cs", "homcs", "hetcs", "ar1", "hetar1", "ou", "toep", "homtoep", "mat",
  "gau", "rr", "propto", "equalto"
)

has_bar <- function(expr) {
  if (is_bar(expr)) return(TRUE)
  if (is_call_to(expr, c(structure_names, names(relation_arguments)))) {
    return(any(vapply(as.list(expr)[-1L], has_bar, NA)))
  }
  is_call_to(expr, formula_operators) && any(vapply(as.list(expr)[-1L], has_bar, NA))
}

# The bars of a sum, and the sum without them (`NULL` if nothing is left).
split_bars <- function(expr) {
  fixed <- bars <- NULL
  for (summand in summands(expr)) {
    part <- split_part(summand$expr, summand$sign)
    fixed <- join_terms(summand$sign, fixed, part$fixed)
    bars <- c(bars, part$bars)
  }
  list(fixed = fixed, bars = bars)
}

# The summands, first to last. A sum of many terms is nested deeply to its left, so walk it in a
# loop.
summands <- function(expr) {
  found <- list()
  while (is_call_to(expr, c("+", "-"))) {
    found <- c(found, list(list(sign = as.character(expr[[1L]]), expr = expr[[length(expr)]])))
    if (length(expr) == 2L) return(rev(found))
    expr <- expr[[2L]]
  }
  rev(c(found, list(list(sign = "+", expr = expr))))
}

split_part <- function(expr, sign) {
  if (sign == "-") {
    refuse_bar(expr, "subtracted")
  } else if (is_relation(expr)) {
    return(list(fixed = NULL, bars = list(expr)))
  } else if (is_call_to(expr, "(")) {
    if (is_bar(expr[[2L]])) return(list(fixed = NULL, bars = list(expr[[2L]])))
    inner <- split_bars(expr[[2L]])
    if (length(inner$bars)) return(inner)
  } else if (is_call_to(expr, c("+", "-"))) {
    return(split_bars(expr))
  } else if (is_structured_bar(expr)) {
    return(list(fixed = NULL, bars = list(expr)))
  }
  refuse_bar(expr, if (is_bar(expr)) "without parentheses" else "inside another term")
  list(fixed = expr, bars = NULL)
}

join_terms <- function(sign, left, right) {
  if (is.null(right)) return(left)
  if (!is.null(left)) return(call(sign, left, right))
  if (sign == "-") call("-", right) else right
}

refuse_bar <- function(expr, where) {
  if (!has_bar(expr)) return(invisible())
  structure <- is_call_to(expr, structure_names)
  covariances <- paste0(
    "The covariances are ", some_of(written_structures(), 9L),
    ", and those of help page related_levels."
  )
  kind <- if (structure) as.character(expr[[1L]])
  if (structure && !kind %in% c(special_structures(), names(relation_arguments))) {
    abort("formula", "A covariance of random effects must be one that glmm() has.",
      given = expression_text(expr),
      hint = c(if (kind %in% names(written_here)) written_here[[kind]], covariances)
    )
  }
  abort("formula", "A random term must stand in parentheses and be added: y ~ x + (1 | cluster).",
    given = paste0(expression_text(expr), " (a bar ", where, ")"),
    hint = if (structure) covariances
  )
}

# What glmm() has for a covariance of package glmmTMB.
written_here <- c(
  us = "us(x | g) is (x | g) here.", diag = "diag(x | g) is (x || g) here.",
  hetcs = "hetcs(x | g) is cs(x | g) here.",
  propto = "propto() with a matrix K is known(1 | g, covariance = K) here."
)

# Random terms ----------------------------------------------------------------------------------

# The terms of one bar: several when its group is nested, a / b.
random_terms <- function(bar, env) {
  if (is_relation(bar)) return(related_terms(bar, env))
  structure <- if (is_structured_bar(bar)) as.character(bar[[1L]])
  rank <- written_rank(bar, env)
  if (!is.null(structure)) bar <- bar[[2L]]
  lhs <- bar[[2L]]
  forbidden <- has_bar(lhs) || "." %in% all.vars(bar) || "offset" %in% all.names(lhs)
  if (forbidden) {
    abort("formula",
      "The left side of a random term must be a sum of covariates, without `.`, offset() or bars.",
      given = paste0("(", expression_text(bar), ")")
    )
  }
  kind <- covariance_kind(structure, bar)
  lapply(expand_group(bar[[3L]], bar), function(group) {
    group_label <- expression_text(group)
    list(
      lhs = stats::as.formula(call("~", lhs), env), group = group, group_label = group_label,
      covariance = kind, correlated = is_correlated(kind), rank = rank,
      label = paste0(
        structure, "(", expression_text(lhs), " ", as.character(bar[[1L]]), " ", group_label,
        if (!is.null(rank)) paste0(", d = ", rank), ")"
      )
    )
  })
}

# a -> a; a:b -> a:b; a / b -> a, a:b; a call such as factor(a) is one grouping factor.
expand_group <- function(group, bar) {
  if (is_call_to(group, "(")) return(expand_group(group[[2L]], bar))
  if (is_call_to(group, "/")) {
    outer <- expand_group(group[[2L]], bar)
    inner <- expand_group(group[[3L]], bar)
    joined <- lapply(inner, function(g) call(":", outer[[length(outer)]], g))
    return(c(outer, joined))
  }
  if (is_call_to(group, ":")) {
    sides <- lapply(as.list(group)[-1L], expand_group, bar = bar)
    if (all(lengths(sides) == 1L)) return(list(call(":", sides[[1L]][[1L]], sides[[2L]][[1L]])))
  }
  operator <- is_call_to(group, c(setdiff(formula_operators, "("), "|", "||"))
  if (operator || !is.name(group) && !is.call(group)) {
    abort("formula",
      "The group of a random term must be a variable, an interaction a:b, or nested a/b.",
      given = paste0("(", expression_text(bar), ")"),
      hint = "Write several grouping factors as several terms: (1 | a) + (1 | b)."
    )
  }
  list(group)
}

# The variables of a group, in order: a:b:c -> a, b, c.
group_factors <- function(group) {
  if (!is_call_to(group, ":")) return(list(group))
  c(group_factors(group[[2L]]), group_factors(group[[3L]]))
}

# The dot ---------------------------------------------------------------------------------------

#' Replace `.` by the columns of the data
#'
#' The dot stands for every column that is neither in the response nor a grouping variable (as a
#' fixed effect the latter would compete with its own random effect).
#'
#' @param parsed From `parse_formula()`.
#' @param data The data, or `NULL`.
#' @return `parsed`, with `fixed` and `frame` rewritten.
#' @section Errors: `formula`, if there is no data frame to read the columns from.
#' @noRd
expand_dot <- function(parsed, data) {
  if (!"." %in% all.vars(parsed$fixed[[3L]])) return(parsed)
  groups <- c(unlist(lapply(parsed$random, function(term) all.vars(term$group))), parsed$rows)
  known <- c(all.vars(parsed$fixed[[2L]]), groups, if (is_counted(data)) ".count")
  columns <- setdiff(if (is.data.frame(data)) names(data), known)
  if (!length(columns)) {
    only <- if (is.data.frame(data)) "no column besides the response and the groups"
    abort("formula", "A dot in the formula must stand for columns of `data`.",
      given = only %||% "no data frame"
    )
  }
  dot <- Reduce(function(a, b) call("+", a, b), lapply(columns, as.name))
  parsed$fixed[[3L]] <- do.call(substitute, list(parsed$fixed[[3L]], list(. = call("(", dot))))
  parsed$frame <- frame_formula(parsed$fixed, parsed$random, parsed$dispersion)
  parsed
}
