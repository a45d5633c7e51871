# Ways of integration: how the random effects are integrated out of a likelihood. Chosen once for a
# fit; what differs between them are methods.

#' The way of integration of a model
#'
#' `margmix_exact` (a linear model), `margmix_quadrature` (a product rule over the effects of one
#' factor), `margmix_trapezoid` (a random intercept that is not normal), `margmix_level_quadrature`
#' (two nested factors, each with its rule), `margmix_laplace` (sparse factors);
#' `margmix_stochastic` where maximum likelihood has no factor.
#'
#' @noRd
way_of_integration <- function(design, family, REML = FALSE) {
  linear <- is_linear(family) && supports(design, "normal")
  structure(list(), class = c(
    if (!supports(design, "factor") && !(REML && linear)) "margmix_stochastic",
    if (linear) "margmix_exact", rule_class(design)
  ))
}

way_of_fit <- function(fit) way_of_integration(fit$design, fit$family, isTRUE(fit$REML))

rule_class <- function(design) UseMethod("rule_class")

#' @export
rule_class.default <- function(design) "margmix_quadrature"

#' @export
rule_class.margmix_nonnormal <- function(design) c("margmix_trapezoid", "margmix_quadrature")

#' @export
rule_class.margmix_two_levels <- function(design) "margmix_level_quadrature"

#' @export
rule_class.margmix_sparse <- function(design) "margmix_laplace"

# Fitting ------------------------------------------------------------------------------------------

#' The function that maximises a likelihood, or of a linear model the restricted one
#'
#' @return A function of the problem and of a start on the optimiser's scale. It returns a list:
#'   `fit`, from [maximise()]; `rule`, from [rule_record()]; `reml` where the restricted likelihood
#'   was maximised.
#' @noRd
search_of <- function(way) UseMethod("search_of")

#' @export
search_of.margmix_stochastic <- function(way) fit_iterative

#' @export
search_of.margmix_exact <- function(way) fit_lmm

#' @export
search_of.default <- function(way) fit_by_rules

#' @export
search_of.margmix_laplace <- function(way) fit_sparse

# Is it a rule for the design?
check_rule <- function(way, design, nAGQ) UseMethod("check_rule")

#' @export
check_rule.default <- function(way, design, nAGQ) check_rule_count(design, nAGQ)

#' @export
check_rule.margmix_exact <- function(way, design, nAGQ) invisible()

#' @export
check_rule.margmix_laplace <- function(way, design, nAGQ) {
  check_rule_count(design, nAGQ)
  check_crossed_rule(nAGQ, design)
}

# Settings of the search: with a fine rule no step can be seen.
rule_control <- function(way, control) UseMethod("rule_control")

#' @export
rule_control.default <- function(way, control) control

# The points of this rule move in steps.
#' @export
rule_control.margmix_trapezoid <- function(way, control) {
  control$auto_tolerance <- min(control$auto_tolerance, 1e-8)
  control
}

# Nodes that show where to begin a search with more of them, those that are `asked` for or `NULL`.
coarse_nodes <- function(way, asked) UseMethod("coarse_nodes")

#' @export
coarse_nodes.margmix_quadrature <- function(way, asked) 5L

#' @export
coarse_nodes.margmix_trapezoid <- function(way, asked) 15L

#' @export
coarse_nodes.margmix_level_quadrature <- function(way, asked) pmin(asked %||% c(5L, 5L), 5L)

# Nodes that show the outlines of the likelihood of large effects.
far_nodes <- function(way, design) UseMethod("far_nodes")

#' @export
far_nodes.margmix_exact <- function(way, design) 1L

#' @export
far_nodes.margmix_trapezoid <- function(way, design) 31L

#' @export
far_nodes.margmix_quadrature <- function(way, design) {
  c(15L, 9L, 5L, 3L)[min(integral_dimensions(design), 4L)]
}

#' @export
far_nodes.margmix_level_quadrature <- function(way, design) c(9L, 9L)

#' How a way of integration finds a rule that is fine enough
#'
#' @return A list of two functions. `first(problem, coarse)`: the rule to begin with, by the optimum
#'   of a coarse one from [maximise()]. `judge(problem, rule, fit)`: the next one, by the optimum
#'   for the one before. A rule is a list: nodes `K`, and the `changes` by the refinements so far,
#'   the last one first; or, where the one before holds, `settled`, with a bound for its `error` and
#'   what is `left` for refinements to change.
#' @noRd
refinement_of <- function(way) UseMethod("refinement_of")

#' @export
refinement_of.margmix_quadrature <- function(way) list(first = rough_rule, judge = judge_rule)

#' @export
refinement_of.margmix_level_quadrature <- function(way) {
  list(first = rough_nested_rule, judge = judge_nested_rule)
}

# What a fit records -------------------------------------------------------------------------------

rule_method <- function(way, K) UseMethod("rule_method")

#' @export
rule_method.default <- function(way, K) if (all(K == 1L)) "Laplace" else "AGHQ"

#' @export
rule_method.margmix_exact <- function(way, K) "exact"

#' @export
rule_method.margmix_trapezoid <- function(way, K) "trapezoid"

rule_record <- function(problem, K, auto = FALSE, error = NA_real_) {
  list(
    method = rule_method(problem$way, K), K = K, nodes = rule_nodes(problem$design, K), auto = auto,
    error = error_of_rule(problem$way, error)
  )
}

# The estimated error of a log-likelihood.
error_of_rule <- function(way, error) UseMethod("error_of_rule")

#' @export
error_of_rule.default <- function(way, error) error

#' @export
error_of_rule.margmix_exact <- function(way, error) 0

# Can a fit be repeated with another number of nodes?
has_nodes <- function(way) UseMethod("has_nodes")

#' @export
has_nodes.default <- function(way) TRUE

#' @export
has_nodes.margmix_exact <- function(way) FALSE

# Nodes -------------------------------------------------------------------------------------------

#' Nodes of a rule: per cluster, or with nested levels per row
#' @param K Nodes per dimension, one number or one for each level.
#' @noRd
rule_nodes <- function(design, K) UseMethod("rule_nodes")

#' @export
rule_nodes.default <- function(design, K) max(K)^integral_dimensions(design)

#' @export
rule_nodes.margmix_two_levels <- function(design, K) {
  prod(rep_len(K, 2L)^lengths(lapply(design$groups, `[[`, "columns")))
}

# How many rules there are, each with a number of nodes.
rule_count <- function(design) UseMethod("rule_count")

#' @export
rule_count.default <- function(design) 1L

#' @export
rule_count.margmix_two_levels <- function(design) 2L

# "7 nodes in each of 2 dimensions, 49 per cluster"
size_of_rule_words <- function(design, K) UseMethod("size_of_rule_words")

#' @export
size_of_rule_words.default <- function(design, K) {
  q <- integral_dimensions(design)
  paste0(K, " nodes in each of ", q, " dimensions, ", K^q, " per cluster")
}

#' @export
size_of_rule_words.margmix_two_levels <- function(design, K) {
  paste0(format_nodes(K), " nodes, ", rule_nodes(design, K), " per row")
}
