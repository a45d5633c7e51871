# The object that glmm() and gee() return: what it holds, and how it prints.

#' The fields of a fit
#'
#' Each with the type it must have, and what it is beside it. p coefficients are estimated, of the
#' parameters psi = (beta, theta, rho, log phi or gamma), with n rows. [component()] is the door for
#' users.
#'
#' @format A list: `shared`, `margmix_glmm`, `margmix_gee`; each a character vector of types, named
#'   by the fields. A field whose type ends in `?` may be `NULL` or absent.
#' @noRd
fit_fields <- list(
  shared = c(
    call = "call", # as written, with the arguments of a wrapper put in their places
    formula = "formula", # as given
    parsed = "list", # its fixed and random terms, from parse_formula()
    family = "family", # of a marginal model the plain form of a quasi family
    coefficients = "double", # all, NA where aliased
    beta = "double", # p, the estimated ones
    phi = "double", # the dispersion; 1 where there is none; n values with a dispersion formula
    convergence = "list", # converged, criterion, iterations, ...
    boundary = "character", # words for what ended at an end of its range; may be empty
    start_glm = "list", # the model of independent rows that the search began with
    separation = "list", # from check_separation()
    control = "list", # settings
    design = "margmix_design", # the arrays of the engine, from build_design()
    frame = "list", # the model frame and where it came from, from build_frame()
    notes = "character?", # said in the course of the fit, named by cause
    warnings = "character?",
    na.action = "integer?", # rows left out
    contrasts = "list?", # of the factors
    xlevels = "list?", # their levels
    memory = "environment" # what remember() has computed for these estimates
  ),
  margmix_glmm = c(
    theta = "double", # t free entries of Lambda, by column
    rho = "double?", # parameters of relations between levels
    gamma = "double?", # coefficients of a dispersion formula, on the scale of log phi
    Lambda = "double", # q x q lower triangular: b = Lambda u
    logLik = "double", # restricted with REML
    rule = "list", # from rule_record()
    vcov_full = "double", # of psi; NA for parameters at the boundary
    bread = "double?", # inverse of the curvature where that is not vcov_full
    modes = "modes", # of u: m x q; of several grouping factors a list of such matrices
    patterns = "integer?", # distinct rows, where equal ones were fitted as one
    REML = "logical",
    nAGQ = "nAGQ" # as asked
  ),
  margmix_gee = c(
    alpha = "double", # correlations as reported
    alpha_engine = "double", # and on the scale of the engine
    correlation = "margmix_correlation",
    scale = "double?", # phi where it is fixed
    bias_reduce = "logical",
    frechet = "numbers?", # pairs and clusters outside the Frechet bounds
    schedule = "list?" # design and correlation of all visits, with weights by row
  )
)

#' Has a fit the fields that it must have, of the right types and sizes?
#'
#' What fails here is a mistake in the package, not in the data.
#'
#' @section Errors: `fit`.
#' @noRd
check_fit <- function(fit) {
  types <- c(fit_fields$shared, fit_fields[[class(fit)[1L]]])
  fields <- unclass(fit)[names(types)]
  absent <- endsWith(types, "?") & vapply(fields, is.null, NA)
  typed <- absent | mapply(is_of_type, fields, sub("?", "", types, fixed = TRUE))
  names(typed) <- names(types)
  sized <- if (all(typed)) sizes_of_fields(fit) else logical()
  wrong <- c(names(typed)[!typed], setdiff(names(fit), names(types)), names(sized)[!sized])
  if (!length(wrong)) return(fit)
  abort("fit", "A fit must have its fields, each of its type and size, and no others.",
    given = some_of(code(unique(wrong)))
  )
}

sizes_of_fields <- function(fit) {
  c(
    beta = length(fit$beta) == fixed_count(fit$design),
    phi = length(fit$phi) == if (has_dispersion_formula(fit$design)) row_count(fit$design) else 1L,
    coefficients = length(fit$coefficients) == length(aliased_coefficients(fit$design)),
    sized_fields(fit)
  )
}

is_of_type <- function(x, type) {
  switch(type,
    double = is.double(x), character = is.character(x), logical = is.logical(x),
    integer = is.integer(x), list = is.list(x), call = is.call(x), environment = is.environment(x),
    modes = all(vapply(if (is.list(x)) x else list(x), is.matrix, NA)),
    nAGQ = is.numeric(x) || identical(x, "auto"), numbers = is.numeric(x), inherits(x, type)
  )
}

# Are the fields that depend on the kind of model of the right size?
sized_fields <- function(fit) UseMethod("sized_fields")

#' @export
sized_fields.margmix_glmm <- function(fit) {
  P <- length(fit_psi(fit))
  c(
    theta = length(fit$theta) == theta_count(fit$design),
    Lambda = identical(dim(fit$Lambda), rep(effect_count(fit$design), 2L)),
    vcov_full = identical(dim(fit$vcov_full), c(P, P)), logLik = length(fit$logLik) == 1L,
    modes = length(by_factor(fit$design, fit$modes)) == factor_count(fit$design)
  )
}

#' @export
sized_fields.margmix_gee <- function(fit) {
  c(schedule = identical(ipw_kind(fit$design), "schedule") == !is.null(fit$schedule))
}

#' The fit object
#'
#' @param class Its first class; the second is `margmix_fit`.
#' @param estimate From [fit_design()] or [fit_gee_design()].
#' @return The fields of [fit_fields], those of `estimate` among them.
#' @section Errors: `fit`.
#' @noRd
new_fit <- function(class, estimate, call, family, frame, design, notes, warnings) {
  coefficients <- stats::setNames(rep(NA_real_, length(design$aliased)), names(design$aliased))
  coefficients[!design$aliased] <- estimate$beta
  if (inherits(call$formula, "formula")) {
    environment(call$formula) <- environment(frame$parsed$formula)
  }
  check_fit(structure(c(
    list(
      call = call, formula = frame$parsed$formula, parsed = frame$parsed,
      family = without_promises(family),
      coefficients = coefficients
    ),
    estimate,
    list(
      design = compact_rows(design), frame = frame, notes = notes, warnings = warnings,
      na.action = frame$na.action, contrasts = design$contrasts, xlevels = design$xlevels,
      memory = new.env(parent = emptyenv())
    )
  ), class = c(class, "margmix_fit")))
}

# The end of a printed fit: coefficients, rows and clusters, what the reader should know.
print_estimates <- function(x, heading, none, digits) {
  say("\n", heading, ":\n", sep = "")
  if (length(x$coefficients)) {
    print(format(x$coefficients, digits = digits), quote = FALSE)
  } else {
    say("(", none, ")\n", sep = "")
  }
  say("\n", size_words(x), "\n", sep = "")
  print_remarks(fit_remarks(x))
  invisible(x)
}
