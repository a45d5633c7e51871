# Bases of smooths from package mgcv.

#' The basis of a smooth term
#'
#' @param call Such as s(x, k = 5).
#' @param data The model frame.
#' @return A list: `label`, `variables` (names); `by`, levels of a factor, and `levels` of all
#'   factors; `pieces`, a smooth of mgcv for each level of a factor `by`, without its rows, with its
#'   rotation `U` and scale `D` to random effects and the `penalty` of each column (0: none);
#'   `penalties`: of each its `label`, `piece` and number `within` that.
#' @section Errors: `smooth`.
#' @noRd
smooth_basis <- function(call, data, env) {
  label <- expression_text(call)
  check_smooth_kind(call, label)
  construct <- getExportedValue("mgcv", as.character(call[[1L]]))
  refuse <- function(e) refuse_smooth(call, label, conditionMessage(e), data)
  variables <- vapply(smooth_variables(call), expression_text, "")
  data <- lapply(unclass(data)[variables], function(x) if (is.character(x)) factor(x) else x)
  check_smooth_variables(call, data, label)
  built <- tryCatch({
    spec <- eval(as.call(c(construct, as.list(call)[-1L])), env)
    suppressWarnings(mgcv::smoothCon(spec, data.frame(data, check.names = FALSE),
      absorb.cons = TRUE, modCon = 3
    ))
  }, error = refuse)
  pieces <- lapply(built, function(smooth) {
    tryCatch(as_random(smooth), error = refuse)
  })
  by <- data[[built[[1L]]$by]]
  list(
    label = label, variables = variables, by = if (is.factor(by)) levels(by), pieces = pieces,
    penalties = smooth_penalties(pieces), levels = lapply(Filter(is.factor, data), levels)
  )
}

check_smooth_kind <- function(call, label) {
  if (!requireNamespace("mgcv", quietly = TRUE)) {
    abort("smooth", "Smooth terms need package mgcv.", given = label,
      hint = "install.packages(\"mgcv\")"
    )
  }
  if (is_call_to(call, c("te", "ti"))) {
    refuse_tensor(call, label)
  }
}

refuse_tensor <- function(call, label) {
  same <- call
  if (length(smooth_variables(call)) < 2L) {
    same[[1L]] <- quote(s)
    abort("smooth", "A tensor product smooth must have two covariates or more.", given = label,
      hint = paste0("Write ", expression_text(same), ".")
    )
  }
  same[[1L]] <- quote(t2)
  abort("smooth", "A tensor product smooth must be a t2() term.", given = label, hint = c(
    paste0("Write ", expression_text(same), "."),
    paste0("Each coefficient of t2() has one penalty, and so a variance; those of ",
      call[[1L]], "() have several."
    )
  ))
}

# Bases that take factors.
factor_bases <- c("re", "mrf", "fs", "sz")

# mgcv's own words for these name neither the variable nor what is wrong.
check_smooth_variables <- function(call, data, label) {
  by <- expression_text(call$by %||% "")
  x <- data[setdiff(names(data), by)]
  fit_for <- vapply(x, is.numeric, NA) | isTRUE(call$bs %in% factor_bases)
  if (!all(fit_for)) {
    abort("smooth", "The covariate of a smooth must be numeric.",
      given = paste(code(names(x)), "of class", vapply(x, function(x) class(x)[1L], ""))[!fit_for],
      hint = "(1 | f) has a random effect for each level of a factor f."
    )
  }
  infinite <- vapply(data, function(x) is.numeric(x) && any(is.infinite(x)), NA)
  if (!any(infinite)) return(invisible())
  abort("smooth", "The covariate of a smooth must be finite.",
    given = paste0(label, ": ", some_of(code(names(data)[infinite])), " has infinite values")
  )
}

refuse_smooth <- function(call, label, given, data) {
  few <- grepl("fewer unique covariate|not enough \\(unique\\) data|unique", given)
  x <- data[setdiff(names(data), expression_text(call$by %||% ""))]
  unknown <- grepl("smooth.construct", given, fixed = TRUE)
  if (unknown) given <- paste("mgcv has no basis", dQuote(call$bs, FALSE))
  abort("smooth", "This smooth can't be set up as random effects with these data.",
    given = paste0(label, ": ", given),
    hint = if (few) {
      paste0(
        "Give a smaller `k`, at most the number of distinct values, ",
        NROW(unique(data.frame(x, check.names = FALSE))), " of ", some_of(code(names(x))), "."
      )
    } else if (unknown) {
      "`bs` is \"tp\" if it is not given; ?mgcv::smooth.terms has the others."
    }
  )
}

# A smooth as random effects: what its columns are multiplied by, and which penalty each has.
as_random <- function(smooth) {
  if (length(smooth$id)) stop("`id` links smoothing parameters, which are separate here")
  random <- mgcv::smooth2random(smooth, "", type = 2)
  columns <- smooth$df
  piece <- list(
    smooth = smooth, U = random$trans.U, D = random$trans.D %||% rep(1, columns),
    penalty = if (random$fixed) integer(columns) else random$pen.ind, label = smooth$label
  )
  X <- rotated(smooth$X, piece)
  theirs <- c(list(random$Xf), random$rand)
  ours <- lapply(seq_along(theirs) - 1L, function(k) X[, piece$penalty == k, drop = FALSE])
  same <- mapply(function(a, b) isTRUE(all.equal(c(a), c(b))), ours, theirs)
  if (!all(same)) stop(paste("class", class(smooth)[1L], "has no form as independent effects"))
  piece$smooth$X <- NULL
  piece
}

rotated <- function(X, piece) {
  if (!is.null(piece$U)) X <- X %*% piece$U
  X * rep(piece$D, each = nrow(X))
}

smooth_penalties <- function(pieces) {
  out <- list()
  for (p in seq_along(pieces)) {
    used <- setdiff(sort(unique(pieces[[p]]$penalty)), 0)
    for (k in used) {
      label <- paste0(pieces[[p]]$label, if (length(used) > 1L) paste0(".", k))
      out <- c(out, list(list(label = label, piece = p, within = k)))
    }
  }
  out
}

#' Columns of a smooth at given covariates
#'
#' @param basis From [smooth_basis()].
#' @param part 0: the columns without penalty; k: those of penalty k.
#' @param ... Values of its variables.
#' @return A matrix, `NA` where a variable is.
#' @section Errors: `new_factor_level`.
#' @noRd
smooth_columns <- function(basis, part, ...) {
  data <- stats::setNames(list(...), basis$variables)
  pieces <- if (part == 0) basis$pieces else basis$pieces[basis$penalties[[part]]$piece]
  within <- if (part == 0) 0 else basis$penalties[[part]]$within
  known <- Reduce(`&`, lapply(data, function(x) !is.na(x)))
  out <- lapply(pieces, function(piece) {
    columns <- which(piece$penalty == within)
    X <- matrix(NA_real_, length(known), length(columns))
    if (any(known)) {
      X[known, ] <- smooth_rows(piece, lapply(data, `[`, known), basis)[, columns]
    }
    colnames(X) <- paste0(if (length(pieces) > 1L) piece$smooth$by.level, seq_along(columns))
    X
  })
  do.call(cbind, out)
}

smooth_rows <- function(piece, data, basis) {
  by <- if (!is.null(basis$by)) piece$smooth$by
  if (!is.null(by)) data[[by]] <- as_levels(data[[by]], basis$by, by)
  for (name in setdiff(names(Filter(is.character, data)), by)) {
    data[[name]] <- as_levels(data[[name]], basis$levels[[name]], name)
  }
  rotated(mgcv::PredictMat(piece$smooth, data.frame(data, check.names = FALSE)), piece)
}

as_levels <- function(x, levels, name) {
  unknown <- setdiff(as.character(x), levels)
  if (length(unknown)) {
    abort("new_factor_level", "Levels of a factor must be those of the fit.",
      given = paste0(code(name), ": ", some_of(unknown)), levels = unknown
    )
  }
  factor(x, levels)
}
