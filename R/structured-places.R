# Settings of spatial fields, and the coordinates of their places.

field_settings <- function(term, env) {
  given <- lapply(term$relation$settings, function(expr) {
    tryCatch(eval(expr, env), error = function(e) {
      refuse_field("The settings of a field can't be evaluated.", term, conditionMessage(e))
    })
  })
  count <- function(name, default, least) {
    x <- given[[name]] %||% default
    whole <- is.numeric(x) && length(x) == 1L && isTRUE(x >= least & x == round(x))
    if (whole) return(as.numeric(x))
    refuse_field(
      paste0("`", name, "` must be a whole number, ", least, " or more."), term, some_of(x)
    )
  }
  correlation <- chosen_correlation(term, given$nu %||% 1.5)
  list(
    correlation = correlation, metric = chosen_metric(term, given$distance, correlation),
    dense = count("dense", 1000, 0), neighbours = count("neighbours", 20, 1)
  )
}

chosen_metric <- function(term, metric, correlation) {
  if (is.null(metric)) return("euclidean")
  if (!is.character(metric) || length(metric) != 1L || !metric %in% field_metrics) {
    refuse_field(paste0("`distance` must be one of ", some_of(dQuote(field_metrics, FALSE)), "."),
      term, some_of(metric)
    )
  }
  if (metric == "great_circle" && !field_correlations[[correlation]]$sphere) {
    refuse_field("On a sphere only the exponential correlation has great-circle distances.", term,
      field_correlations[[correlation]]$words,
      "`distance = \"chordal\"` is straight through the earth: 0.1% less at 1,000 km."
    )
  }
  metric
}

chosen_correlation <- function(term, nu) {
  if (term$relation$kind == "exp") return("exponential")
  if (term$relation$kind == "gau") return("gaussian")
  found <- is.numeric(nu) && length(nu) == 1L && nu %in% c(0.5, 1.5, 2.5)
  if (!found) {
    refuse_field("`nu` of mat() must be 0.5, 1.5 or 2.5.", term, some_of(nu),
      "The smoothness is not estimated: compare fits by their log-likelihoods."
    )
  }
  switch(as.character(nu), `0.5` = "exponential", `1.5` = "matern_3_2", "matern_5_2")
}

refuse_field <- function(must, term, given, hint = NULL) {
  abort("relation", must, given = paste0(term$label, ": ", given), hint = hint)
}

# dimensions x rows.
coordinates_of <- function(term, frame, metric) {
  labels <- vapply(term$relation$places, expression_text, "")
  columns <- lapply(stats::setNames(labels, labels), function(label) frame[[label]])
  if (length(labels) == 1L && is.factor(columns[[1L]])) {
    columns <- factor_places(columns[[1L]]) %||% columns
  }
  wrong <- names(columns)[!vapply(columns, function(x) is.numeric(x) && all(is.finite(x)), NA)]
  if (length(wrong)) {
    abort("place", "Coordinates of a field must be finite numbers.",
      given = paste0(code(wrong), " of class ", vapply(columns[wrong], function(x) {
        class(x)[1L]
      }, ""))
    )
  }
  at <- do.call(rbind, lapply(columns, as.numeric))
  if (metric != "euclidean") check_degrees(at, names(columns))
  unname(at)
}

# Factors of package glmmTMB, numFactor(x, y), have levels such as "(1.5,2)"; `NULL` of others.
factor_places <- function(x) {
  parts <- strsplit(gsub("[()]", "", levels(x)), ",")
  if (length(unique(lengths(parts))) != 1L) return(NULL)
  at <- suppressWarnings(do.call(rbind, lapply(parts, as.numeric)))
  if (anyNA(at)) return(NULL)
  lapply(stats::setNames(seq_len(ncol(at)), paste("coordinate", seq_len(ncol(at)))), function(j) {
    at[as.integer(x), j]
  })
}

check_degrees <- function(at, names) {
  if (nrow(at) == 2L && all(abs(at[1L, ]) <= 360) && all(abs(at[2L, ]) <= 90)) return(invisible())
  range <- apply(at, 1L, function(x) paste(signif(range(x), 4L), collapse = " to "))
  abort("place", "Places on the earth must be longitude and latitude, in degrees, in this order.",
    given = paste(code(names), "from", range),
    hint = "Longitudes are at most 360 in size, latitudes 90."
  )
}
