#' Settings of glmm()
#'
#' @description
#' ```
#' glmm(severe ~ month + (1 | patient), toenail, binomial(), control = glmm_control(threads = 2))
#' ```
#'
#' @param threads Number of threads that share the clusters, or the matrix of 2,500 and more related
#'   levels. Results don't depend on it, to the last bit. The default is the option
#'   `margmix.threads`, or 1; a known covariance is always inverted with as many as the option says.
#'   A forked process, as in `parallel::mclapply()`, uses one.
#' @param verbose Report each step of the optimiser?
#' @param seed Seed for the methods that draw random numbers, or `NULL` for R's current state. It
#'   also determines the random signs used for large designs with crossed factors (see [glmm()]);
#'   with `NULL` these come from a fixed seed of the package.
#' @param separation What to do if the fixed effects separate the responses: `"warn"`, `"error"`, or
#'   `"none"` (don't check).
#' @param weights_type `"prior"`: weights multiply a row's log-likelihood (binomial, Poisson) or are
#'   precisions (Gaussian); `"frequency"`: a weight of 2 is a duplicated row.
#' @param tolerance A fit has converged when the scaled gradient g'H^-1 g (about twice the
#'   log-likelihood still to be gained) is below this.
#' @param max_iterations Largest number of iterations of the optimiser.
#' @param auto_tolerance With `nAGQ = "auto"`, the largest acceptable change of the log-likelihood
#'   from K to 2K + 1 nodes.
#' @param max_nodes Largest number of nodes per cluster, K^q, that `nAGQ = "auto"` uses.
#' @param collapse Fit rows that share covariates, levels and offset as one, if that changes no
#'   result (binomial, Poisson; negative and beta binomial if responses are equal too)? `"auto"`:
#'   from 10,000 rows on, if a sample suggests that at most half of them are distinct. `TRUE` or
#'   `FALSE`: always or never. The log-likelihood is that of the single rows.
#' @param ... Not used; anything here is an error.
#' @return A list of class `glmm_control`.
#' @examples
#' glmm_control(threads = 2)
#' @export
glmm_control <- function(threads = getOption("margmix.threads", 1L), verbose = FALSE, seed = NULL,
                         separation = c("warn", "error", "none"),
                         weights_type = c("prior", "frequency"), tolerance = 1e-10,
                         max_iterations = 150L, auto_tolerance = 1e-4, max_nodes = 10000L,
                         collapse = "auto", ...) {
  check_dots(..., known = names(formals(glmm_control)))
  check_switch(verbose, "verbose", "control")
  check_seed(seed)
  structure(list(
    threads = as.integer(max(1, positive_number(threads, "threads"))), verbose = verbose,
    seed = seed, separation = control_choice(separation, c("warn", "error", "none"), "separation"),
    weights_type = control_choice(weights_type, c("prior", "frequency"), "weights_type"),
    tolerance = positive_number(tolerance, "tolerance"),
    max_iterations = as.integer(positive_number(max_iterations, "max_iterations")),
    auto_tolerance = positive_number(auto_tolerance, "auto_tolerance"),
    max_nodes = positive_number(max_nodes, "max_nodes"), collapse = control_collapse(collapse)
  ), class = "glmm_control")
}

control_collapse <- function(given) {
  if (isTRUE(given) || isFALSE(given) || identical(given, "auto")) return(given)
  abort("control", "`collapse` must be \"auto\", TRUE or FALSE.", given = deparse(given)[1L])
}

control_choice <- function(given, choices, name) {
  if (identical(given, choices)) return(choices[1L])
  if (is.character(given) && length(given) == 1L && given %in% choices) return(given)
  abort("control", paste0("`", name, "` must be one of ", some_of(dQuote(choices, FALSE)), "."),
    given = deparse(given)[1L]
  )
}
