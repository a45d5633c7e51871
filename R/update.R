# update(): fit again with changes, also from outside of the function that made the fit.

#' @rdname glmm-methods
#' @param formula. Changes to the formula, as in [stats::update.formula()].
#' @param evaluate `FALSE` to return the changed call instead of the fit.
#' @export
update.margmix_fit <- function(object, formula., ..., evaluate = TRUE) {
  check_switch(evaluate, "evaluate")
  call <- object$call
  changes <- as.list(match.call(expand.dots = FALSE)$...)
  if (length(changes) && (is.null(names(changes)) || any(names(changes) == ""))) {
    abort("argument", "Changes must be named arguments, such as nAGQ = 25.",
      given = some_of(vapply(changes, expression_text, ""))
    )
  }
  kept <- names_in(call[!names(call) %in% names(changes)])
  kept <- setdiff(kept, unlist(lapply(changes, all.names)))
  formula <- stats::formula(object)
  home <- environment(formula) <- open_home(environment(object$formula), parent.frame())
  if (!missing(formula.)) {
    call$formula <- changed_formula(formula, formula.)
  } else if (!is_call_to(call$formula, "~") || inherits(call$formula, "formula")) {
    call$formula <- formula
  }
  for (name in names(changes)) call[[name]] <- changes[[name]]
  if (!evaluate) return(call)
  env <- home_variables(kept, home, parent.frame())
  tryCatch(eval(call, env), margmix_error_data = function(e) {
    abort("data", conditionMessage(e), hint = "Supply it again: update(fit, data = ...).")
  })
}

# What a call made in a function means is known there, where its formula was written. Names that
# are found in its frame, or nowhere else, are taken from there.
home_variables <- function(names, home, env) {
  own <- if (!identical(home, globalenv())) names[vapply(names, exists, NA, home, inherits = FALSE)]
  absent <- names[!vapply(names, exists, NA, envir = env)]
  absent <- absent[vapply(absent, exists, NA, envir = home)]
  wanted <- union(own, absent)
  if (!length(wanted)) return(env)
  list2env(mget(wanted, envir = home, inherits = TRUE), parent = env)
}

changed_formula <- function(old, new) {
  tryCatch(stats::update.formula(old, new), error = function(e) {
    abort("formula", "`formula.` must be a formula, such as . ~ . + age.", given = value_text(new))
  })
}
