# The model frame of shards: each shard evaluates the variables of the model in its own data; what
# they must have in common, such as levels of factors, is put together.

#' @rdname build_frame
#' @noRd
#' @export
frame_of.margmix_shards_source <- function(data, call, env, parsed, rows = NULL) {
  parsed <- expand_dot(parsed, data$template)
  check_shards_model(parsed, data$id, rows)
  factors <- grouping_factors(parsed$random)
  recipe <- frame_recipe(data, call, env, parsed, rows)
  plan <- shard_plan(data, recipe)
  facts <- ask_shards(plan, frame_facts, data$id)
  n <- vapply(facts, `[[`, 0L, "n")
  dropped <- sum(vapply(facts, `[[`, 0, "n_dropped"))
  if (!any(n > 0L)) {
    abort("no_rows", "No rows are left to fit.",
      given = paste("0 rows after `subset` and", dropped, "dropped by `na.action`")
    )
  }
  plan$shards <- which(n > 0L)
  facts <- facts[n > 0L]
  check_row_functions(facts, data$labels[plan$shards])
  frame <- ask_shards(plan, frame_template, shards = plan$shards[1L])[[1L]]
  if (!is.null(survey_weights_of(frame$frame))) refuse_on_shards("survey weights")
  levels <- common_levels(lapply(facts, `[[`, "levels"))
  frame$nested <- nesting_of_shards(lapply(facts, `[[`, "nesting"), factors, data$id)
  frame$frame <- with_common_levels(frame$frame, Filter(Negate(is_logical_level), levels))
  home <- environment(parsed$formula)
  frame$parsed <- move_formulas(parsed, home)
  written <- written_call(call, env, "fit")
  frame[c("n_total", "n_dropped")] <- list(sum(n) + dropped, dropped)
  frame["n_ids"] <- list(NULL)
  frame$data_name <- substr(expression_text(written[["data"]]), 1L, 60L)
  frame$offset_call <- call[["offset"]]
  structure(
    c(frame, list(plan = plan, levels = levels, source = data)), class = "margmix_shards_frame"
  )
}

# A single grouping factor, or `id`, must be the one whose clusters the shards keep whole.
check_shards_model <- function(parsed, id, rows) {
  if (!is.null(rows$ipw)) {
    refuse_on_shards("`ipw`, weights whose mean is that of all rows, and visits that nobody made")
  }
  if (has_relations(parsed$random)) {
    refuse_on_shards("related levels of random effects")
  }
  if (length(parsed$smooths)) {
    refuse_on_shards("smooth terms",
      "A curve without penalty is ns(x, knots = 1:3, Boundary.knots = c(0, 4))."
    )
  }
  if (!is.null(parsed$dispersion)) refuse_on_shards("a dispersion formula")
  group <- vapply(grouping_factors(parsed$random), `[[`, "", "label")
  own <- vapply(rows$id, expression_text, "")
  whole <- isTRUE(id %in% group) || identical(unname(own), id)
  if (whole || length(group) > 1L) return(invisible())
  abort("shards", "A grouping factor must be the one whose clusters the shards keep whole.",
    given = paste0(
      some_of(code(c(group, own))), " in the formula, ", if (is.null(id)) "none" else code(id),
      " in shards()"
    ), hint = if (is.null(id)) "shards(files, id = ); reshard() writes whole clusters."
  )
}

refuse_on_shards <- function(what, hint = NULL) {
  abort("shards", paste0("This needs data in memory: ", what, "."), hint = hint)
}

frame_recipe <- function(source, call, env, parsed, rows) {
  arguments <- intersect(c("formula", "subset", "weights", "offset", "na.action"), names(call))
  kept <- call[c(1L, match(arguments, names(call)))]
  kept[["formula"]] <- NULL
  home <- travelling_home(parsed, call, env, names(source$template))
  structure(list(
    source = travelling_source(source), memory = source$memory,
    options = options("contrasts", "na.action"), call = kept, parsed = move_formulas(parsed, home),
    rows = rows, home = home
  ), class = "margmix_frame_recipe")
}

# The variables that the model names beside its data, in an environment that can travel, with what
# functions among them name.
travelling_home <- function(parsed, call, env, columns) {
  home <- new.env(parent = globalenv())
  wanted <- names_in(parsed$frame)
  for (name in intersect(column_arguments, names(call))) {
    wanted <- c(wanted, names_in(call[[name]]))
  }
  while (length(wanted <- setdiff(wanted, c(columns, names(home))))) {
    found <- lapply(wanted, own_variable, environment(parsed$formula), env)
    names(found) <- wanted
    found <- Filter(Negate(is.null), found)
    wanted <- unlist(lapply(found, function(x) if (is.function(x)) names_in(body(x))))
    found <- lapply(found, function(x) {
      if (is.function(x)) environment(x) <- home
      x
    })
    list2env(found, home)
  }
  home
}

# A variable of the user's, not of a package.
own_variable <- function(name, ...) {
  for (env in list(...)) {
    while (!isNamespace(env) && !identical(env, emptyenv())) {
      if (exists(name, envir = env, inherits = FALSE)) return(get(name, env, inherits = FALSE))
      if (identical(env, globalenv())) break
      env <- parent.env(env)
    }
  }
}

# One shard -------------------------------------------------------------------------------------

#' @export
make_element.margmix_frame_recipe <- function(recipe, k) {
  frame_element(recipe, take_shard(recipe$source, k))
}

frame_element <- function(recipe, data) {
  check_variables(recipe, data)
  at <- new.env(parent = recipe$home)
  at$.shard <- data
  call <- recipe$call
  call$data <- quote(.shard)
  frame <- tryCatch(
    build_frame(call, at, recipe$parsed, recipe$rows),
    margmix_error_no_rows = function(e) list(n_total = 0L, n_dropped = 0)
  )
  if (is.null(frame$frame)) return(c(frame, list(none = TRUE)))
  frame$dependent <- c(
    dependent_variables(frame, data), dependent_rows(recipe$rows, data, recipe$home)
  )
  frame$all_levels <- all_levels(frame, data)
  frame
}

# Levels of the factors before those without rows were dropped: their order is known from all.
all_levels <- function(frame, data) {
  terms <- attr(frame$frame, "terms")
  calls <- as.list(attr(terms, "variables"))[-1L]
  names(calls) <- vapply(calls, expression_text, "")
  calls <- calls[vapply(names(calls), function(name) is.factor(frame$frame[[name]]), NA)]
  lapply(calls, function(call) levels(eval(call, data, environment(terms))))
}

# A vector beside the data belongs to rows of something else.
check_variables <- function(recipe, data) {
  outside <- setdiff(all.vars(recipe$parsed$frame), names(data))
  for (name in outside) {
    value <- get0(name, envir = recipe$home)
    if (!is.atomic(value) || NROW(value) != nrow(data) || nrow(data) == 1L) next
    abort("shards", "The variables of rows must be columns of the shards.", given = code(name))
  }
}

# Variables that depend on other rows: their constants change with the rows, or a value does.
dependent_variables <- function(frame, data) {
  terms <- attr(frame$frame, "terms")
  calls <- as.list(attr(terms, "variables"))[-1L]
  made <- as.list(attr(terms, "predvars"))[-1L]
  names <- vapply(calls, expression_text, "")
  kept <- !mapply(identical, calls, made)
  env <- environment(terms)
  by_row <- vapply(made, is_by_row, NA, newdata = data, env = env)
  of_row <- if (any(kept)) constants_of_row(terms, data)
  changed <- kept & !mapply(identical, made, of_row %||% calls)
  names[changed | !by_row]
}

# Of the row arguments those whose values depend on other rows.
dependent_rows <- function(rows, data, env) {
  parts <- unlist(rows, recursive = FALSE)
  own <- vapply(parts, is_by_row, NA, newdata = data, env = env)
  vapply(parts[!own], expression_text, "")
}

# The variables as one row alone would keep them; NULL where it can't.
constants_of_row <- function(terms, data) {
  used <- intersect(all.vars(attr(terms, "variables")), names(data))
  row <- which(stats::complete.cases(data[used]))[1L]
  frame <- tryCatch(
    stats::model.frame(stats::formula(terms), data[row, , drop = FALSE]),
    error = function(e) NULL
  )
  if (!is.null(frame)) as.list(attr(attr(frame, "terms"), "predvars"))[-1L]
}

frame_facts <- function(frame, id) {
  if (!is.null(frame$none)) return(list(n = 0L, n_dropped = frame$n_dropped))
  covariates <- unique(unlist(lapply(
    c(list(frame$terms_fixed), frame$terms_random), part_covariates
  )))
  response <- names(frame$frame)[1L]
  categorical <- Filter(function(name) {
    x <- frame$frame[[name]]
    is.factor(x) || is.character(x) || is.logical(x) && name != response
  }, unique(c(response, covariates)))
  list(
    n = nrow(frame$frame), n_dropped = frame$n_dropped, dependent = frame$dependent,
    nesting = nesting_facts(frame, id),
    levels = lapply(stats::setNames(categorical, categorical), function(name) {
      x <- frame$frame[[name]]
      used <- if (is.factor(x)) levels(x) else as.character(unique(x))
      list(kind = column_kind(x), used = used, all = frame$all_levels[[name]] %||% used)
    })
  )
}

# Without rows.
frame_template <- function(frame) {
  terms <- attr(frame$frame, "terms")
  frame$frame <- frame$frame[0L, , drop = FALSE]
  attr(frame$frame, "terms") <- terms
  frame["na.action"] <- list(NULL)
  frame[c("dependent", "all_levels")] <- NULL
  frame
}

# All shards ------------------------------------------------------------------------------------

check_row_functions <- function(facts, labels) {
  dependent <- unique(unlist(lapply(facts, `[[`, "dependent")))
  if (!length(dependent)) return(invisible())
  abort("shards", "A variable must be computed from its own row: a shard does not see the others.",
    given = code(dependent),
    hint = c(
      "Compute it before, or give its constants: scale(x, 50, 10), poly(x, 2, raw = TRUE),",
      "ns(x, knots = 1:3, Boundary.knots = c(0, 4))."
    ), variables = dependent
  )
}

# The levels of each factor that some shard uses.
common_levels <- function(found) {
  names <- unique(unlist(lapply(found, names)))
  lapply(stats::setNames(names, names), function(name) {
    parts <- Filter(Negate(is.null), lapply(found, `[[`, name))
    kind <- parts[[1L]]$kind
    all <- joined_levels(lapply(parts, `[[`, "all"), name, grepl("factor", kind))
    list(levels = intersect(all, unlist(lapply(parts, `[[`, "used"))), kind = kind)
  })
}

# Of a logical variable, which is a factor only in the shards: one of them may have one value.
is_logical_level <- function(x) x$kind == "logical"

# As factor() would sort them, where each shard has them so: by size, or as text. Otherwise those of
# a shard that has all, if the others have them in its order.
joined_levels <- function(levels, name, factor) {
  all <- unique(unlist(levels))
  if (!factor) return(base::levels(base::factor(all)))
  number <- suppressWarnings(as.numeric(all))
  sorted <- if (anyNA(number)) base::levels(base::factor(all)) else all[order(number)]
  whole <- levels[[which.max(lengths(levels))]]
  follows <- function(all) {
    !any(vapply(levels, function(some) is.unsorted(match(some, all)), NA))
  }
  if (length(whole) == length(all) && follows(whole)) return(whole)
  if (follows(sorted)) return(sorted)
  abort("shards", "The levels of a factor must be in the same order in all shards.",
    given = paste0(
      code(name), ": ", paste(vapply(unique(levels), some_of, ""), collapse = "; ")
    ), hint = "Give it all its levels in every shard."
  )
}

with_common_levels <- function(frame, levels) {
  for (name in names(levels)) {
    x <- frame[[name]]
    contrasts <- attr(x, "contrasts")
    ordered <- levels[[name]]$kind == "ordered factor"
    x <- factor(as.character(x), levels[[name]]$levels, ordered = ordered)
    attr(x, "contrasts") <- contrasts
    frame[[name]] <- x
  }
  frame
}
