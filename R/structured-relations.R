# Relations between levels, by kind. A relation is what the engine needs (`kind` and its arrays),
# and what the house wants to know of it.

#' The relation of a random term
#'
#' @param term A random term with a `relation` of the formula.
#' @param frame The model frame.
#' @param index From [cluster_index()], of the levels in the data.
#' @param env Where trees and matrices are looked for.
#' @return A list of class `margmix_<kind>` under `margmix_relation`: `kind` for the engine and its
#'   arrays; `names` of all levels; `together`, the component that each belongs to; `variance`, the
#'   diagonal of Q^-1 at the start, or 1.
#' @section Errors: `relation`, `time`.
#' @noRd
relation_of <- function(term, frame, index, env) {
  relation <- switch(term$relation$kind,
    ar1 = , ou = series_relation(term, frame, index),
    exp = , gau = , mat = field_relation(term, frame, index, env),
    rw1 = , rw2 = walk_relation(term, frame, index),
    phylo = tree_relation(evaluate_matrix(term, env), term),
    car = neighbour_relation(evaluate_matrix(term, env), term),
    bym2 = areas_relation(evaluate_matrix(term, env), term),
    known = matrix_relation(evaluate_matrix(term, env), term)
  )
  if (!is.null(term$relation$matrix)) check_level_names(relation, index$levels, term)
  kind <- if (relation$kind == "field") "field" else term$relation$kind
  class(relation) <- c(paste0("margmix_", kind), "margmix_relation")
  relation
}

evaluate_matrix <- function(term, env) {
  expr <- term$relation$matrix
  tryCatch(eval(expr, env), error = function(e) {
    abort("relation", "The tree or matrix of a random term can't be evaluated.",
      given = paste0(term$label, ": ", conditionMessage(e))
    )
  })
}

# Every level of the data is known; what only the relation knows is said.
check_level_names <- function(relation, levels, term) {
  what <- code(expression_text(term$relation$matrix))
  absent <- setdiff(levels, relation$names)
  if (length(absent)) {
    abort("relation", paste0("Every level must be known to ", what, "."),
      given = paste0(
        count_of(length(absent), "level"), " of ", code(expression_text(term$group)),
        " that it lacks: ", some_of(absent)
      ),
      hint = c(
        paste0("It knows ", some_of(relation$names[relation$own]), "."),
        spelling_hint(absent, relation$names[relation$own])
      ), levels = absent
    )
  }
  extra <- setdiff(relation$names[relation$own], levels)
  if (!length(extra)) return(invisible())
  note("relation", paste0(
    what, " knows ", count_of(length(extra), "level"), " that the data do not have."
  ), given = some_of(extra), hint = "They have random effects, and predictions.", levels = extra)
}

# Names that differ in case, spaces and the like: "Ursus arctos" for "Ursus_arctos".
spelling_hint <- function(absent, known) {
  plain <- function(x) tolower(gsub("[^[:alnum:]]", "", x))
  at <- match(plain(absent), plain(known))
  if (all(is.na(at))) return(NULL)
  first <- which(!is.na(at))[1L]
  paste0(
    "Are they spelled differently? ", dQuote(absent[first], FALSE), " and ",
    dQuote(known[at[first]], FALSE), "."
  )
}

# Series ------------------------------------------------------------------------------------------

series_relation <- function(term, frame, index) {
  label <- expression_text(term$relation$time)
  time <- frame[[label]]
  first <- index$start[-length(index$start)] + 1L
  count <- diff(index$start)
  if (!is.null(index$order)) first <- index$order[first]
  own <- series_codes(term, frame)
  series <- own$code[first]
  kind <- term$relation$kind
  stepped <- kind != "ou"
  if (!is.factor(time) && kind %in% c("ar1", "ou")) check_ties(index, count, term)
  at <- time_values(time, label, kind)[first]
  if (kind %in% c("ar1", "ou")) check_repeated_series(series, own$levels, term)
  gap <- c(0, diff(at))
  gap[!duplicated(series)] <- 0
  unit <- if (stepped) step_of_time(gap, label, kind) else 1
  list(
    kind = kind, gap = if (unit == 1) gap else round(gap / unit), unit = unit,
    names = index$levels, own = TRUE, together = series, at = at, series = own$levels,
    steps = if (is.factor(time) && stepped) levels(time), variance = 1
  )
}

# Codes of the series of rows; that of `| 1` is one.
series_codes <- function(term, frame) {
  series <- term$relation$series
  if (!identical(series, 1)) return(value_codes_of(frame, series))
  list(code = rep(1L, nrow(frame)), levels = "1")
}

# Codes of the values of a group, which may be an interaction.
value_codes_of <- function(frame, group) {
  index <- cluster_index(frame, group)
  list(code = row_codes(index), levels = index$levels)
}

# A correlation of times shows only within a series.
check_repeated_series <- function(series, labels, term) {
  if (anyDuplicated(series)) return(invisible())
  abort("time", paste0(
    "A series of ", term$relation$kind, "() must have two times at least in one of its groups."
  ),
  given = paste0("one time in each of ", length(series), " series of ",
    code(expression_text(term$relation$series)), ": ", some_of(labels[series])
  ), hint = paste0("(1 | ", expression_text(term$relation$series), ") has independent effects."))
}

check_ties <- function(index, count, term) {
  tied <- which(count > 1L)
  if (!length(tied)) return(invisible())
  abort("time", "The times of a series must differ.",
    given = paste0(
      expression_text(term$group), " = ", some_of(index$levels[tied]), " in several rows"
    ),
    hint = paste0(
      "Where rows of one time share an effect, make it a factor: ", term$relation$kind, "(factor(",
      expression_text(term$relation$time), ") + 0 | ", expression_text(term$relation$series), ")."
    ), levels = index$levels[tied]
  )
}

# Steps of a factor are its levels in order; for ou() they must read as numbers.
time_values <- function(time, label, kind) {
  if (is.factor(time) && kind != "ou") return(as.numeric(time))
  given <- class(time)[1L]
  if (is.factor(time)) {
    time <- suppressWarnings(as.numeric(gsub("[()]", "", levels(time))))[as.integer(time)]
  }
  time <- if (inherits(time, c("Date", "POSIXt", "difftime"))) as.numeric(time) else time
  if (is.numeric(time) && all(is.finite(time))) return(as.numeric(time))
  abort("time", paste0("The time of ", kind, "() must be finite numbers."),
    given = paste0(code(label), " of class ", given)
  )
}

# The shortest gap, which all others are multiples of.
step_of_time <- function(gap, label, kind) {
  gaps <- unique(gap[gap > 0])
  if (!length(gaps)) return(1)
  unit <- min(gaps)
  odd <- gaps[abs(gaps / unit - round(gaps / unit)) > 1e-6 * gaps / unit]
  if (!length(odd)) return(unit)
  if (all(gaps == round(gaps))) return(1)
  abort("time", paste0("The times of ", kind, "() must be whole steps apart."),
    given = paste0(
      code(label), " with gaps of ", signif(unit, 4L), " and ", some_of(signif(odd, 4L))
    ),
    hint = "ou() takes times at any distance."
  )
}

# Matrices ----------------------------------------------------------------------------------------

# The lower triangle of a symmetric matrix with names, by column.
sparse_lower <- function(x, what) {
  if (is.data.frame(x)) x <- as.matrix(x)
  is_matrix <- is.matrix(x) && is.numeric(x) || inherits(x, "Matrix")
  if (!is_matrix || nrow(x) != ncol(x)) {
    refuse_matrix(what, "must be a square numeric matrix.", matrix_words(x),
      if (inherits(x, "nb")) {
        "spdep::nb2mat(nb, style = \"B\", zero.policy = TRUE) makes one of a list of neighbours."
      }
    )
  }
  names <- matrix_names(x, what)
  if (inherits(x, "denseMatrix")) x <- as.matrix(x)
  c(if (is.matrix(x)) lower_of_dense(x, what) else lower_of_sparse(x, what), list(
    names = names, own = TRUE
  ))
}

lower_of_dense <- function(x, what) {
  if (!is.double(x)) storage.mode(x) <- "double"
  lower <- engine_lower_triangle(x)
  if (is.nan(lower$largest)) refuse_matrix(what, "must have finite values.", "NA or Inf")
  check_symmetric(lower$asymmetry, lower$largest, what)
  n <- ncol(x)
  lower$together <- together_of(lower$start, lower$row, n)
  lower[c("start", "row", "diagonal", "below", "together")]
}

lower_of_sparse <- function(x, what) {
  for (class in c("dMatrix", "generalMatrix", "CsparseMatrix")) x <- methods::as(x, class)
  if (!all(is.finite(x@x))) refuse_matrix(what, "must have finite values.", "NA or Inf")
  check_symmetric(max(0, abs((x - Matrix::t(x))@x)), max(abs(x@x), 0), what)
  x <- Matrix::drop0(x)
  column <- rep.int(seq_len(ncol(x)), diff(x@p))
  row <- x@i + 1L
  below <- row > column
  diagonal <- numeric(ncol(x))
  diagonal[row[row == column]] <- x@x[row == column]
  lower_entries(diagonal, row[below], column[below], x@x[below])
}

check_symmetric <- function(worst, largest, what) {
  if (worst <= 1e-8 * largest) return(invisible())
  refuse_matrix(what, "must be symmetric.", paste("entries that differ by", signif(worst, 3L)))
}

# Entries below the diagonal, by column.
lower_entries <- function(diagonal, row, column, below) {
  n <- length(diagonal)
  start <- as.integer(c(0, cumsum(tabulate(column, n))))
  list(
    start = start, row = row - 1L, diagonal = as.double(diagonal), below = below,
    together = together_of(start, row - 1L, n)
  )
}

# The component of each of n levels; where the first has entries with all others, there is one.
together_of <- function(start, row, n) {
  count <- diff(start)
  if (count[1L] == n - 1L) return(rep.int(1L, n))
  graph_components(n, row + 1L, rep.int(seq_len(n), count))
}

matrix_words <- function(x) {
  size <- dim(x)
  if (length(size) != 2L) return(paste("class", class(x)[1L]))
  paste0(
    "class ", class(x)[1L], " ", paste(size, collapse = " x "),
    if (is.matrix(x) && !is.numeric(x)) paste0(" (", typeof(x), ")")
  )
}

matrix_names <- function(x, what) {
  names <- rownames(x)
  if (is.null(names)) names <- colnames(x)
  if (is.null(names)) {
    refuse_matrix(what, "must have row names: levels are matched by name.", "no dimnames")
  }
  if (!is.null(colnames(x)) && !identical(names, colnames(x))) {
    refuse_matrix(what, "must have equal row and column names.", some_of(
      paste(names, colnames(x), sep = " / ")[names != colnames(x)]
    ))
  }
  empty <- which(is.na(names) | !nzchar(names))
  if (length(empty)) {
    refuse_matrix(what, "must have row names that are not missing or empty.", some_rows(empty))
  }
  if (anyDuplicated(names)) {
    refuse_matrix(what, "must have distinct row names.", some_of(unique(names[duplicated(names)])))
  }
  if (length(names) < 2L) refuse_matrix(what, "must have at least two levels.", names)
  names
}

refuse_matrix <- function(what, must, given, hint = NULL) {
  abort("relation", paste(code(what), must), given = given, hint = hint)
}

matrix_relation <- function(x, term) {
  what <- expression_text(term$relation$matrix)
  lower <- sparse_lower(x, what)
  covariance <- term$relation$given == "covariance"
  relation <- if (covariance) inverse_covariance(lower, what) else known_precision(lower, what)
  one <- diff(range(relation$diagonal)) <= 1e-8 * max(relation$diagonal)
  c(
    list(
      kind = "precision", identity = one && !length(relation$row), covariance = covariance,
      K = if (covariance) connected_covariance(x, lower)
    ),
    relation
  )
}

# The matrix itself, where no level is independent of the others: searches of linear models use it.
connected_covariance <- function(x, lower) {
  if (any(lower$together != 1L)) return(NULL)
  x <- as.matrix(x)
  if (!is.double(x)) storage.mode(x) <- "double"
  x
}

known_precision <- function(lower, what) {
  facts <- engine_relation_facts(c(list(kind = "precision", log_det = 0), lower))
  if (!facts$definite) {
    refuse_indefinite(lower, what)
  }
  c(lower, facts[c("log_det", "variance")])
}

# Why a precision is none: a diagonal entry, rows that add up to zero, or all of it.
refuse_indefinite <- function(lower, what) {
  refuse <- function(...) refuse_matrix(what, "must be positive definite.", ...)
  wrong <- lower$names[lower$diagonal <= 0]
  if (length(wrong)) refuse(paste("a diagonal entry that is not positive, of", some_of(wrong)))
  column <- rep.int(seq_along(lower$names), diff(lower$start))
  sums <- lower$diagonal +
    tabulate_sums(c(lower$row + 1L, column), rep(lower$below, 2L), length(lower$names))
  if (all(abs(sums) <= 1e-8 * lower$diagonal)) {
    refuse("rows that add up to zero, as those of an intrinsic precision do",
      "rw1(), rw2() and bym2() have such precisions, under the constraints that they need."
    )
  }
  refuse(paste("a matrix of", length(lower$names), "levels without a Cholesky factor"),
    "Is it the precision, the inverse of a covariance? That is `covariance = `."
  )
}

largest_dense <- 10000L
most_dependent <- 100L

#' The precision of a known covariance matrix
#'
#' @param lower K, from [sparse_lower()].
#' @return As `lower`, of K^-1, with its `log_det` and the `variance` of the levels. Where K is
#'   singular, of its pseudo-inverse, and the `constraint`, `anchor` and `weight` of
#'   [intrinsic_relation()]; this is noted.
#' @section Errors: `relation`, `related`. Notes: `relation`.
#' @noRd
inverse_covariance <- function(lower, what) {
  largest <- max(tabulate(lower$together))
  if (largest > largest_dense) {
    abort("related", paste(
      "A covariance must relate at most", largest_dense, "levels with each other."
    ),
    given = paste(largest, "levels of", code(what)), hint = "Give a sparse `precision` instead."
    )
  }
  inverse <- engine_inverse_covariance(lower, most_dependent)
  if (length(inverse$indefinite)) {
    refuse_matrix(what, "must be positive definite.",
      paste(
        "an eigenvalue of", signif(inverse$least, 3L), "among",
        some_of(lower$names[inverse$indefinite + 1L])
      ),
      "Is it a covariance? Matrix::nearPD() has the nearest one that is."
    )
  }
  if (inverse$zeros > most_dependent) {
    refuse_matrix(what, paste(
      "must have a rank at most", most_dependent, "below its size."
    ), paste("below by", inverse$zeros),
    paste(
      "Levels with equal rows, as identical twins have, can share a level;",
      "or add a small number to the diagonal."
    ))
  }
  lower$variance <- lower$diagonal
  parts <- c("start", "row", "diagonal", "below", "log_det")
  lower[parts] <- inverse[parts]
  if (inverse$zeros == 0L) return(lower)
  note("relation", paste0(
    code(what), " is singular: ", count_of(inverse$zeros, "combination"),
    " of its levels' effects ", if (inverse$zeros == 1L) "is" else "are", " zero."
  ), given = some_of(lower$names[inverse$anchor + 1L]))
  c(lower, inverse[c("constraint", "anchor", "weight")])
}

neighbour_weights <- function(W, what) {
  lower <- sparse_lower(W, what)
  own <- lower$names[lower$diagonal != 0]
  if (length(own)) {
    refuse_matrix(what, "must have a zero diagonal: no area neighbours itself.", some_of(own))
  }
  column <- rep.int(seq_along(lower$names), diff(lower$start))
  negative <- which(lower$below < 0)
  if (!length(negative)) return(lower)
  refuse_matrix(what, "must have no negative weight.", some_of(paste(
    lower$names[column[negative]], "and", lower$names[lower$row[negative] + 1L]
  )))
}

neighbour_relation <- function(W, term) {
  what <- expression_text(term$relation$matrix)
  lower <- neighbour_weights(W, what)
  neighbours <- c(rep.int(seq_along(lower$names), diff(lower$start)), lower$row + 1L)
  alone <- lower$names[tabulate(neighbours, length(lower$names)) == 0L]
  if (length(alone)) {
    refuse_matrix(what, "must give every area a neighbour.", paste("none for", some_of(alone)),
      "Leave islands out, connect them with the nearest area, or use bym2(1 | area, W)."
    )
  }
  lower$diagonal <- NULL
  relation <- c(list(kind = "car"), lower)
  rho <- start_of_relation.margmix_car(relation)
  relation$variance <- engine_relation_facts(relation, rho)$variance
  relation
}
