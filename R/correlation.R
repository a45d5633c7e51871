# Working correlations: specification objects, and the names under which users know them.

#' Working correlations for gee()
#'
#' @description
#' ```
#' gee(outcome ~ treat, respiratory, id = patient, family = binomial(), corstr = "exchangeable")
#' gee(outcome ~ treat, respiratory, id = patient, waves = visit, family = binomial(),
#'   corstr = cor_mdependent(2)
#' )
#' # gee(y ~ x, data, id = hospital, inner = ward, corstr = cor_nested())
#' ```
#'
#' @details
#' A working correlation says how rows of one `id` are correlated. It affects the efficiency of the
#' coefficients, not their meaning, and robust standard errors do not rely on it.
#'
#' * `cor_independence()`: none.
#' * `cor_exchangeable()`: the same for all pairs.
#' * `cor_ar1()`: rho^|t_j - t_k|, where t are the `waves`: whole numbers, with or without gaps, or
#'   real times. `rho` is the correlation over one time unit, even if no two rows are 1 apart (for
#'   waves 0, 2, 4 it is the root of the correlation of neighbours; for date-times the unit is a
#'   second: days are easier to read). It can be negative only if consecutive rows differ by whole
#'   numbers, 1 among them; otherwise a negative estimate is set to 0, with a note.
#' * `cor_mdependent(m)`: one correlation for each lag up to m, zero beyond; with
#'   `stationary = FALSE`, one for each pair of visits up to m apart.
#' * `cor_toeplitz()`: one for each lag.
#' * `cor_unstructured()`: one for each pair of visits; clusters may be incomplete.
#' * `cor_fixed(R)`: the matrix R, with rows in the order of the sorted `waves`, or named after them
#'   (in rows, columns or both).
#' * `cor_nested()`: nested exchangeable, for cluster-randomised trials with a level inside the
#'   cluster: one correlation within an `inner` unit, another between inner units of the same `id`.
#'   `id` is the independent unit in all standard errors and degrees of freedom.
#' * `cor_decay()`: alpha r^|t_j - t_k| for two different rows, which is alpha in the same period;
#'   alpha and r are not negative. A period may hold several rows (Kasza and others 2019).
#'
#' Without `waves`, the rows of a cluster are visits 1, 2, ... in the order of the data (with a note
#' if they are not adjacent). For lags (m-dependent, Toeplitz), times must be whole multiples of the
#' smallest gap. A lag is 1, or that gap if no gap is 1: for waves 0, 2, 4, rows at lag 1 are 2
#' apart, and the output says so.
#'
#' A correlation that no two rows of a cluster have (nobody made both visits, or clusters have one
#' row) is `NA`: it can't be estimated, and is not needed.
#'
#' With few clusters and many correlations, or if variances differ between visits, the estimates
#' often form no valid correlation matrix, since one scale phi serves all rows. They are then
#' replaced, with a warning, by the correlations of the residuals of an independence fit, each
#' scaled by the variances of its own visits. If these have an eigenvalue below 0.01 (incomplete
#' clusters, or fewer clusters than visits), they are also shrunk towards 0. Unless `alpha_method`
#' is the default ([gee_control()]), invalid estimates are an error.
#'
#' `corstr` also accepts names: `"independence"`, `"exchangeable"`, `"ar1"`, `"toeplitz"`,
#' `"unstructured"`, `"nested"`, `"decay"`, and the spellings of packages \pkg{geepack} and
#' \pkg{gee}, with M = 1 (`"ex"`, `"AR-M"`, `"stat_M_dep"`, `"non_stat_M_dep"`).
#'
#' Time is proportional to the rows of a cluster, except for Toeplitz, unstructured and fixed
#' matrices, whose factor is shared by clusters with the same visits.
#'
#' @param m Largest lag with a correlation.
#' @param stationary Does a correlation depend only on the lag?
#' @param R A correlation matrix.
#' @return A list of class `margmix_correlation`.
#' @references
#' Kasza, J., Hemming, K., Hooper, R., Matthews, J. N. S. and Forbes, A. B. (2019). Impact of
#' non-uniform correlation structure on sample size and power in multiple-period cluster randomised
#' trials. *Statistical Methods in Medical Research* **28**, 703-716.
#' @examples
#' cor_mdependent(2)
#' gee(outcome ~ treat + visit, respiratory, ~center:id,
#'   waves = visit, family = binomial(), corstr = cor_unstructured()
#' )
#' @name correlations
NULL

#' @rdname correlations
#' @export
cor_independence <- function() new_correlation("independence")

#' @rdname correlations
#' @export
cor_exchangeable <- function() new_correlation("exchangeable")

#' @rdname correlations
#' @export
cor_ar1 <- function() new_correlation("ar1")

#' @rdname correlations
#' @export
cor_mdependent <- function(m = 1, stationary = TRUE) {
  if (!is_count(m) || m < 1) {
    abort("corstr", "`m` must be a whole number, at least 1.", given = deparse(m)[1L])
  }
  check_switch(stationary, "stationary", "corstr")
  m <- min(m, .Machine$integer.max)
  label <- paste0(format(m, scientific = FALSE), "-dependent")
  if (stationary) {
    return(new_correlation("mdependent", label, lag = as.integer(m)))
  }
  new_correlation("unstructured", paste("non-stationary", label), lag = as.integer(m))
}

#' @rdname correlations
#' @export
cor_toeplitz <- function() new_correlation("toeplitz")

#' @rdname correlations
#' @export
cor_unstructured <- function() new_correlation("unstructured")

#' @rdname correlations
#' @export
cor_fixed <- function(R) {
  if (is.data.frame(R) || inherits(R, "Matrix")) R <- as.matrix(R)
  if (!is_square(R) || !isSymmetric(unname(R)) || any(abs(diag(R) - 1) >= 1e-8)) {
    abort("corstr", "`R` must be a correlation matrix: symmetric, with ones on its diagonal.",
      given = if (is.matrix(R)) paste0("a matrix of ", nrow(R), " x ", ncol(R)) else class(R)[1L]
    )
  }
  rownames(R) <- visit_names(R)
  smallest <- min(eigen(R, symmetric = TRUE, only.values = TRUE)$values)
  if (smallest < 1e-8) {
    abort("corstr", "`R` must be positive definite.",
      given = paste("smallest eigenvalue", format(signif(smallest, 2L)))
    )
  }
  storage.mode(R) <- "double"
  new_correlation("fixed", R = R)
}

# A square matrix of numbers, none missing?
is_square <- function(R) {
  is.matrix(R) && is.numeric(R) && nrow(R) == ncol(R) && nrow(R) > 0L && all(is.finite(R))
}

# The waves that the rows of a matrix are named after, or NULL.
visit_names <- function(R) {
  names <- rownames(R) %||% colnames(R)
  same <- is.null(colnames(R)) || identical(names, colnames(R))
  if (same && !anyDuplicated(names)) return(names)
  abort("corstr", "Rows and columns of `R` must be named after the same waves, each once.",
    given = c(paste("rows", some_of(names)), if (!same) paste("columns", some_of(colnames(R))))
  )
}

#' @rdname correlations
#' @export
cor_nested <- function() new_correlation("nested")

#' @rdname correlations
#' @export
cor_decay <- function() new_correlation("decay")

# With what else the type needs: `lag`, the largest one; the matrix `R`.
new_correlation <- function(type, label = fact$label, ...) {
  fact <- correlation_types[[type]]
  structure(
    list(type = type, label = label, needs = fact$needs, repeats = fact$repeats, ...),
    class = "margmix_correlation"
  )
}

#' @rdname correlations
#' @param x A working correlation.
#' @param ... Not used.
#' @export
print.margmix_correlation <- function(x, ...) {
  say("Working correlation: ", x$label, "\n", sep = "")
  invisible(x)
}

# What makes the correlation of each spelling.
correlation_names <- function() {
  spellings <- lapply(correlation_types, `[[`, "spellings")
  makers <- lapply(paste0("cor_", names(spellings)), get, envir = topenv(), mode = "function")
  c(
    stats::setNames(rep(makers, lengths(spellings)), unlist(spellings)),
    nonstatmdep = function() cor_mdependent(stationary = FALSE)
  )
}

#' Read the `corstr` argument
#'
#' @param corstr A specification, a function that makes one, or a name, which may be abbreviated.
#' @return A specification.
#' @section Errors: `corstr`.
#' @noRd
as_correlation <- function(corstr) {
  if (inherits(corstr, "margmix_correlation")) return(corstr)
  if (is.function(corstr)) {
    made <- tryCatch(corstr(), error = function(e) NULL)
    if (inherits(made, "margmix_correlation")) return(made)
  }
  if (is.character(corstr) && length(corstr) == 1L) {
    known <- correlation_names()
    key <- pmatch(gsub("[^a-z0-9]", "", tolower(corstr)), names(known))
    if (!is.na(key)) return(known[[key]]())
  }
  matrix_like <- is.matrix(corstr) ||
    is.character(corstr) && tolower(corstr)[1L] %in% c("fixed", "userdefined")
  abort("corstr", "`corstr` must name a working correlation, or be one, such as cor_mdependent(2).",
    given = if (is.character(corstr)) some_of(dQuote(corstr, FALSE)) else class(corstr)[1L],
    hint = if (matrix_like) "Write cor_fixed(R) for a matrix of your own." else paste0(
      "Names: ", paste(setdiff(names(correlation_types), "fixed"), collapse = ", "), "."
    )
  )
}

# Of a working correlation that is moved into its range.
least_eigenvalue <- 1e-3

#' Names of the correlation parameters
#' @noRd
correlation_labels <- function(correlation, design, fit) {
  correlation_fact(correlation, "names")(design, fit)
}

# (1, 2), (1, 3), (2, 3), ...: the order of the engine.
pair_labels <- function(design) {
  waves <- visit_labels(design)
  pairs <- lapply(seq_along(waves)[-1L], function(b) paste0(waves[seq_len(b - 1L)], ":", waves[b]))
  unlist(pairs) %||% character()
}

# How many visits apart they are.
pair_gaps <- function(design) {
  unlist(lapply(seq_along(visit_labels(design))[-1L], function(b) b - seq_len(b - 1L)))
}

visit_labels <- function(design) design$wave_levels %||% seq_len(largest_cluster(design))

largest_cluster <- function(design) cluster_size_range(design)[2L]

# Rows of the smallest and of the largest one.
cluster_size_range <- function(design) UseMethod("cluster_size_range")

#' @export
cluster_size_range.default <- function(design) range(diff(design$start))
