# Settings of the exposure: the values that marginal_standardization() gives it.

#' The settings to compare
#'
#' @param exposure Names of the exposure variables; may be missing if `values` is named by them.
#' @param values `NULL`, a vector (one exposure), or a data frame or named list (several).
#' @param reference `NULL` for the first setting, or a label, value or position of one.
#' @param target From [fit_target()] or [new_target()].
#' @return A list: `exposure`; `values`, a data frame with a row for each setting; `labels`;
#'   `reference`, a position; `discrete`: does the exposure take finitely many values in the model?
#'   `outside`: words for values beyond those observed.
#' @section Errors: `exposure`, `values`, `reference`.
#' @noRd
exposure_settings <- function(fit, exposure, values, reference, target) {
  exposure <- exposure_names(exposure, values)
  check_exposure(fit, exposure, target)
  observed <- lapply(stats::setNames(exposure, exposure), target$raw)
  discrete <- all(vapply(exposure, is_discrete, NA, target = target))
  values <- setting_values(exposure, values, observed, target)
  labels <- setting_labels(values)
  if (nrow(values) < 2L || anyDuplicated(labels)) {
    abort("values", "`values` must be two or more different settings of the exposure.",
      given = some_of(labels)
    )
  }
  list(
    exposure = exposure, values = values, labels = labels, discrete = discrete,
    outside = unlist(lapply(exposure, outside_words, values, observed, target)),
    reference = reference_position(reference, values, labels)
  )
}

exposure_names <- function(exposure, values) {
  if (is.null(exposure) && is.list(values)) exposure <- names(values)
  if (inherits(exposure, "formula")) exposure <- all.vars(exposure)
  if (is.character(exposure) && length(exposure) && !anyNA(exposure) &&
    !anyDuplicated(exposure)) {
    return(exposure)
  }
  abort("exposure", "`exposure` must name one or several variables of the model.",
    given = if (is.character(exposure)) some_of(exposure) else class(exposure)[1L]
  )
}

check_exposure <- function(fit, exposure, target) {
  known <- unique(unlist(lapply(target$variables, all.vars)))
  absent <- setdiff(exposure, known)
  if (length(absent)) {
    abort("exposure", "The exposure must be a covariate of the model.",
      given = some_of(code(absent)), hint = paste0("Covariates: ", some_of(known, 10L), "."),
      variables = absent
    )
  }
}

# Does the model see only finitely many values of the exposure?
is_discrete <- function(name, target) {
  x <- target$raw(name)
  if (!is.numeric(x)) return(TRUE)
  if (length(unique(x)) <= 2L) return(TRUE)
  categorical <- function(column) is.factor(column) || is.logical(column) || is.character(column)
  all(vapply(target$frame[affected_columns(target, name)], categorical, NA))
}

# Values of a numeric exposure beyond its range in the data. What is only in the offset, as the time
# of a rate, may take any value.
outside_words <- function(name, values, observed, target) {
  x <- observed[[name]]
  columns <- affected_columns(target, name)
  if (!is.numeric(x) || all(grepl("^(offset)?\\(", columns))) return(NULL)
  beyond <- unique(values[[name]][values[[name]] < min(x) | values[[name]] > max(x)])
  if (!length(beyond)) return(NULL)
  paste0(
    code(name), " = ", some_of(format_value(beyond)), "; observed ", format_value(min(x)), " to ",
    format_value(max(x))
  )
}

# Values ------------------------------------------------------------------------------------------

setting_values <- function(exposure, values, observed, target) {
  if (is.null(values)) values <- default_values(exposure, observed, target)
  if (!is.atomic(values) && !is.list(values)) {
    abort("values", "`values` must be values that the exposure can take.",
      given = value_text(values)
    )
  }
  if (!is.list(values)) {
    if (length(exposure) > 1L) {
      abort("values", "`values` of several exposures must be a data frame or a named list.",
        given = paste("an object of class", class(values)[1L])
      )
    }
    labels <- names(values)
    values <- stats::setNames(data.frame(values, stringsAsFactors = FALSE), exposure)
    attr(values, "labels") <- labels
  }
  labels <- attr(values, "labels") %||% attr(values, "row.names")
  if (is.data.frame(values) && is.numeric(labels)) labels <- NULL
  if (!setequal(names(values), exposure) || length(unique(lengths(values))) != 1L) {
    abort("values", "`values` must have one column for each exposure, of equal lengths.",
      given = paste(names(values) %||% "no names", "of length", lengths(values)),
      hint = paste0("The exposure is ", some_of(code(exposure)), ".")
    )
  }
  columns <- Map(
    function(name, x) as_exposure(x, observed[[name]], name, target), exposure,
    unclass(values)[exposure]
  )
  out <- structure(columns, names = exposure, class = "data.frame",
    row.names = .set_row_names(length(columns[[1L]]))
  )
  attr(out, "labels") <- labels
  out
}

default_values <- function(exposure, observed, target) {
  if (length(exposure) > 1L) {
    abort("values", "`values` must be given for several exposures.",
      hint = "Give a data frame with a row for each setting, such as expand.grid()."
    )
  }
  x <- observed[[1L]]
  known <- levels(target$frame[[exposure]]) %||% levels(x)
  if (length(known)) return(known)
  found <- sort(unique(x))
  if (length(found) <= 2L || !is.numeric(x)) return(found)
  if (is_discrete(exposure, target)) return(found)
  abort("values", "`values` must be given for a continuous exposure.",
    given = paste0(code(exposure), " with ", length(found), " different values"),
    hint = "Give two or more values to compare, such as values = c(0, 10)."
  )
}

# Values of the kind that the variable is of.
as_exposure <- function(x, observed, name, target) {
  known <- levels(target$frame[[name]]) %||% levels(observed)
  refuse <- function(given, hint = NULL) {
    abort("values", "`values` must be values that the exposure can take.",
      given = paste0(given, " for ", code(name)), hint = hint, variable = name
    )
  }
  if (!is.null(known)) {
    x <- if (is.factor(x)) as.character(x) else value_labels(x)
    unknown <- setdiff(x, known)
    if (length(unknown)) {
      refuse(some_of(unknown), paste0("Levels: ", some_of(known, 10L), "."))
    }
    return(x)
  }
  if (is.null(observed)) return(x)
  if (is.logical(observed)) x <- as.logical(x)
  if (is.character(observed)) x <- as.character(x)
  if (is.numeric(observed) && !(is.numeric(x) || is.logical(x))) refuse(some_of(x))
  if (is.numeric(observed)) x <- as.numeric(x)
  if (anyNA(x) || is.numeric(x) && !all(is.finite(x))) refuse(some_of(x))
  x
}

# Of several variables those that differ between the settings.
setting_labels <- function(values) {
  if (!is.null(attr(values, "labels"))) return(as.character(attr(values, "labels")))
  differs <- vapply(values, function(x) length(unique(x)) > 1L, NA)
  if (any(differs)) values <- values[differs]
  joint <- length(differs) > 1L
  labels <- lapply(unclass(values)[names(values)], function(x) {
    if (is.double(x)) format_value(x) else as.character(x)
  })
  if (!joint) return(labels[[1L]])
  do.call(paste, c(Map(paste, names(labels), labels, sep = "="), sep = ", "))
}

format_value <- function(x) vapply(x, function(value) format(value, digits = 7L), "")

reference_position <- function(reference, values, labels) {
  if (is.null(reference)) return(1L)
  text <- if (is.function(reference)) value_text(reference) else reference
  if (is.list(reference)) {
    same <- lapply(intersect(names(reference), names(values)), function(name) {
      as.character(values[[name]]) == as.character(reference[[name]][1L])
    })
    if (length(same) == length(values)) text <- labels[Reduce(`&`, same)]
  }
  found <- if (length(text) == 1L) match(as.character(text), labels) else NA
  if (is.na(found) && length(text) == 1L && length(values) == 1L) {
    found <- match(as.character(text), as.character(values[[1L]]))
  }
  if (!is.na(found)) return(found)
  abort("reference", "`reference` must be one of the settings that are compared.",
    given = some_of(text), hint = paste0("Settings: ", some_of(labels, 10L), ".")
  )
}
