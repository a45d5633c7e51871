# Bases of smooths from package mgcv.

#' The basis of a smooth term
#'
#' @param call Such as s(x, k = 5).
#' @param data The model frame.
#' @return A list: `label`, `variables` (names); `by`, levels of a factor; `pieces`, a smooth of
#'   mgcv for each level of a factor `by`, without its rows, with its rotation `U` and scale `D` to
#'   random effects and the `penalty` of each column (0: none); `penalties`: of each its `label`,
#'   `piece` and number `within` that.
#' @section Errors: `smooth`.
#' @noRd
smooth_basis <- function(call, data, env) {
  label <- expression_text(call)
  check_smooth_kind(call, label)
  construct <- getExportedValue("mgcv", as.character(call[[1L]]))
  refuse <- function(e) refuse_smooth(label, conditionMessage(e))
  variables <- vapply(smooth_variables(call), expression_text, "")
  data <- lapply(unclass(data)[variables], function(x) if (is.character(x)) factor(x) else x)
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
    penalties = smooth_penalties(pieces)
  )
}

check_smooth_kind <- function(call, label) {
  if (!requireNamespace("mgcv", quietly = TRUE)) {
    abort("smooth", "Smooth terms need package mgcv.", given = label,
      hint = "install.packages(\"mgcv\")"
    )
  }
  if (is_call_to(call, c("te", "ti"))) {
    same <- call
    same[[1L]] <- quote(t2)
    abort("smooth", "A tensor product smooth must be a t2() term.", given = label, hint = c(
      paste0("Write ", expression_text(same), "."),
      paste0("Each coefficient of t2() has one penalty, and so a variance; those of ",
        call[[1L]], "() have several."
      )
    ))
  }
}

refuse_smooth <- function(label, given) {
  few <- grepl("fewer unique covariate|not enough \\(unique\\) data|unique", given)
  abort("smooth", "This smooth can't be set up as random effects with these data.",
    given = paste0(label, ": ", given),
    hint = if (few) "Give a smaller `k`, at most the number of distinct values."
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
  if (!is.null(basis$by)) {
    by <- piece$smooth$by
    unknown <- setdiff(as.character(data[[by]]), basis$by)
    if (length(unknown)) {
      abort("new_factor_level", "Levels of a factor must be those of the fit.",
        given = paste0(code(by), ": ", some_of(unknown)), levels = unknown
      )
    }
    data[[by]] <- factor(data[[by]], basis$by)
  }
  rotated(mgcv::PredictMat(piece$smooth, data.frame(data, check.names = FALSE)), piece)
}
