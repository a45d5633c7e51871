# What a fit keeps of the function it was made in: the variables that its formula and call name, and
# not all else that is there.

#' The environment that the formula of a fit keeps
#'
#' A formula holds the environment it was written in, and a saved fit would hold all that a function
#' had computed. What [update()] and new data need are the variables that the call names.
#'
#' @param home The environment of the formula.
#' @param by_row Expressions that are evaluated in the data: the formula, weights, id and so on.
#' @param others The other arguments of the call.
#' @param columns Names in the data.
#' @return `home` where it is not that of a function, or where an expression looks for variables by
#'   other means than their names; otherwise an environment of those variables, inside that of
#'   the package or the global one. Its attribute `of` is a weak reference to `home`.
#' @noRd
kept_home <- function(home, by_row, others, columns) {
  top <- topenv(home)
  if (identical(home, top)) return(home)
  named <- unlist(lapply(by_row, names_in))
  wanted <- union(setdiff(named, columns), unlist(lapply(others, names_in)))
  if (any(c(named, wanted) %in% looks_around)) return(home)
  kept <- new.env(parent = top)
  env <- home
  while (!identical(env, top) && !identical(env, emptyenv())) {
    for (name in setdiff(intersect(wanted, names(env)), names(kept))) keep_variable(name, env, kept)
    env <- parent.env(env)
  }
  attr(kept, "of") <- engine_weak_reference(home)
  kept
}

# Functions that find variables whose names an expression need not have.
looks_around <- c(
  "get", "get0", "mget", "exists", "eval", "evalq", "local", "environment", "parent.frame",
  "sys.function", "do.call", "dynGet"
)

# All names in an expression, and its texts: the "f" of sapply(x, "f") is a function.
names_in <- function(expr) {
  if (is.character(expr)) return(expr)
  if (!is.call(expr)) return(all.names(expr))
  found <- all.names(expr)
  for (i in seq_along(expr)) {
    if (is.call(expr[[i]]) || is.character(expr[[i]])) found <- c(found, names_in(expr[[i]]))
  }
  unique(found)
}

# A formula of the same function would bring its environment along again. Arguments that were not
# given have no value.
keep_variable <- function(name, from, to) {
  value <- tryCatch(get(name, from, inherits = FALSE), error = function(e) NULL)
  if (is.null(value)) return(invisible())
  if (inherits(value, "formula") && identical(environment(value), from)) environment(value) <- to
  assign(name, value, envir = to)
}

# The formulas of a parsed formula, in another environment.
move_formulas <- function(parsed, home) {
  for (name in intersect(c("formula", "fixed", "frame", "dispersion"), names(parsed))) {
    environment(parsed[[name]]) <- home
  }
  parsed$random <- lapply(parsed$random, function(term) {
    environment(term$lhs) <- home
    term
  })
  parsed
}

#' The environment that a formula of a fit was written in
#'
#' @return As long as that function runs, its own environment, with all that has changed in it; then
#'   what was kept of it, around which are the variables of `env`.
#' @noRd
open_home <- function(home, env) {
  of <- attr(home, "of")
  if (is.null(of)) return(home)
  engine_weak_value(of) %||% list2env(as.list(home, all.names = TRUE), parent = env)
}

# A fit with its formulas there: the methods of stats evaluate its call in their environment.
at_home <- function(fit, env) {
  home <- open_home(environment(fit$formula), env)
  environment(fit$formula) <- home
  fit$frame$parsed <- move_formulas(fit$frame$parsed, home)
  fit
}

#' A family without the frames its arguments came from
#'
#' binomial("probit") never looks at the value of its argument: the promise of it lives on in the
#' environment of its functions, and with it the frame of the caller.
#' @noRd
without_promises <- function(family) {
  copies <- list()
  copy_of <- function(env) {
    if (identical(env, topenv(env)) || !isNamespace(topenv(env))) return(env)
    for (known in copies) if (identical(known$env, env)) return(known$copy)
    copy <- new.env(parent = copy_of(parent.env(env)))
    copies[[length(copies) + 1L]] <<- list(env = env, copy = copy)
    list2env(lapply(frame_values(env), moved), envir = copy)
  }
  # binomial(logit) has no value of its argument
  frame_values <- function(env) {
    one_by_one <- function(e) {
      values <- lapply(stats::setNames(nm = names(env)), function(name) {
        tryCatch(suppressWarnings(get(name, env)), error = function(e) NULL)
      })
      Filter(Negate(is.null), values)
    }
    tryCatch(as.list(env, all.names = TRUE), error = one_by_one)
  }
  moved <- function(x) {
    if (is.function(x) && !is.primitive(x)) environment(x) <- copy_of(environment(x))
    x
  }
  family[] <- lapply(family, moved)
  if (!is.null(family$given)) family$given <- without_promises(family$given)
  family
}
