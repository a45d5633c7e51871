# Random terms whose levels are related: kind(lhs | group, ...) in a formula.

#' Related levels of random effects
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment + base + ar1(period + 0 | subject), epilepsy, poisson())
#' VarCorr(fit)
#' ```
#'
#' Terms of [glmm()] whose random effects are correlated between the levels of their grouping
#' factor. A model may have several such terms, beside other ones.
#'
#' @details
#' They are written as `ar1(time + 0 | id)`, `ou(time + 0 | id)`, `rw1(time + 0 | id)` and
#' `rw2(time + 0 | id)` (series), `phylo(1 | species, tree)` (relatives), `known(1 | animal,
#' precision = Q)` (any known relation), `car(1 | area, W)` and `bym2(1 | area, W)` (neighbours),
#' and `exp(x + y | g)`, `gau(x + y | g)`, `mat(x + y | g)` (places, see [spatial_fields]). The
#' effects of a term have covariance Sigma (x) Q^-1, a Kronecker product, with Sigma between the
#' columns of the term, as in other terms, and Q^-1 between levels. The precision Q is sparse, and
#' its inverse is never formed; for series and trees, time is linear in the number of levels. The
#' likelihood is the Laplace approximation (exact for a linear model). If Q has a parameter rho, the
#' fit holds it on an unbounded scale, `component(fit, "rho")`.
#'
#' * `ar1(time + 0 | id)`: a series for each `id` with correlation r^d between times d steps apart,
#'   r = tanh(rho). A step is the shortest gap between times, and all other gaps must be multiples
#'   of it. Times that were not observed leave gaps. `time` may be a factor, whose levels are the
#'   steps; then rows at the same time share an effect, whereas tied numbers are an error.
#' * `ou(time + 0 | id)`: an Ornstein-Uhlenbeck process, with correlation exp(-rate d) between times
#'   d apart, any numbers; rate = exp(rho).
#' * `rw1(time + 0 | id)`: a random walk for each `id`, whose increment over d steps has variance d;
#'   `rw2(time + 0 | id)`: one of second order, whose second differences over steps have variance 1.
#'   Steps are those of `ar1()`, and rows at the same time share an effect. These precisions are
#'   singular: a walk adds up to zero over the times of its series, and one of second order has no
#'   linear trend either (Rue and Held 2005). Level and trend come from other terms, as in `y ~
#'   time + rw2(time + 0 | 1)`; with several series, from `(1 | id)`, `(time | id)` or fixed effects
#'   of `id`. The standard deviation is that of one step. At most 100 series.
#' * `phylo(1 | species, tree)`: Brownian motion along a rooted `phylo` tree of package \pkg{ape}.
#'   Its height is scaled to one, so the variance is that of the tips furthest from the root. Inner
#'   nodes have effects of their own (Hadfield and Nakagawa 2010), so that Q is sparse.
#' * `known(1 | id, precision = Q)`: a known precision matrix, dense or of package \pkg{Matrix},
#'   such as the inverse of a pedigree's relationship matrix. Or `covariance = K`, a covariance
#'   matrix, dense or sparse, which is inverted once, in blocks of related levels: any number of
#'   blocks of up to 10,000 levels. It may be singular by up to 100 dimensions, as with identical
#'   twins or variants centred at their means; this is exact, and noted.
#' * `car(1 | area, W)`: a proper conditional autoregression, Q = D - alpha W for a symmetric matrix
#'   W of neighbours or weights with row sums D; alpha = 1 / (1 + exp(-rho)).
#' * `bym2(1 | area, W)`: the model of Besag, York and Mollie for areas as Riebler et al. (2016)
#'   write it, sqrt(1 - phi) v + sqrt(phi) u with independent v and a spatial part u, whose
#'   precision D - W is intrinsic. u adds up to zero over each connected part of the map and is
#'   scaled there so that the geometric mean of its variances is one: phi = 1 / (1 + exp(-rho)) is
#'   the spatial share of the variance, and the standard deviation is that of an area. Effects of
#'   areas without neighbours are independent, with the same variance (Freni-Sterrantino, Ventrucci
#'   and Rue 2018); a note names them. [ranef()] has the spatial parts too, after the areas.
#'
#' `| 1` instead of `| id` makes one series.
#'
#' The constraints are exact: solutions of the sparse equations are corrected for them (Rue and Held
#' 2005, 2.3), so the likelihood is that of the generalized inverse of the precision.
#'
#' Tests and standard errors of coefficients are by default those of Kenward and Roger, as with
#' other random effects; rho counts as estimated, unless it is at an end of its range. The
#' covariance of the responses is not linear in rho. Of the two ways to allow for that, the package
#' takes the first-order correction of Kackar and Harville (1984) and Harville and Jeske (1992),
#' SAS's `KENWARDROGER(FIRSTORDER)`: it needs no second derivatives, does not depend on the scale of
#' rho (that of Kenward and Roger (1997) does, which Kenward and Roger (2009) mend with a further
#' term), and can't make a variance smaller. If V is linear in its parameters, all of them are the
#' same.
#'
#' The method needs no independent blocks, which a single phylogeny or map does not have, but
#' variances and rho estimated well enough for a normal approximation: many levels, and places far
#' apart compared with the range. In simulated data without effects, tests at 5% rejected a
#' covariate that varies as slowly as the random effects in 6.2% (Poisson, `ar1()`, 12 series of 8,
#' a treatment of series), 6.0% (logit, a tree of 50 tips), 6.0% (Poisson, `mat()`, 60 places), 3.8%
#' (linear, a tree of 30 tips) and 5.1% (linear, `exp()`, 40 places). Tests by the normal
#' distribution rejected in 11.8, 20.0, 12.5, 10.5 and 8.8%, and Satterthwaite's in 6.8 and 7.1% of
#' the linear ones (300 to 400 data sets each, standard error 1.1). A covariate without such a
#' pattern was rejected in 2.8 to 5.5%. More than 1,000 related levels in one block, counting all in
#' the tree or matrix, or as much work in several (1,000 blocks of 100), are too much for the dense
#' matrices of this method. Linear models with `REML = TRUE` then have Satterthwaite degrees of
#' freedom, by the derivatives of the covariance of the coefficients in all variances and in rho;
#' other models have normal intervals.
#'
#' Two or more terms that relate the same rows in different ways, such as a tree and a field of tens
#' of thousands of cells, leave a matrix that is too large to factor. Maximum likelihood with a
#' logit, probit, cloglog, Poisson or linear model then goes by stochastic gradients, which takes
#' terms of one effect for each level, and not `rw1()`, `rw2()` or `bym2()`: the print shows the
#' Monte Carlo error of the log-likelihood. Estimates have one too, of some hundredths of their
#' standard errors.
#'
#' Levels are matched by name with the tips of the tree or the `dimnames` of the matrix, in any
#' order. Levels found only in the tree or matrix have effects too, which [ranef()] and [predict()]
#' estimate.
#'
#' @section Errors: `margmix_error_relation`: a level that the tree or matrix lacks, a duplicate
#'   name, a matrix that is not symmetric or not positive definite, an area of `car()` without
#'   neighbours, more than 100 random walks, a tree that is not rooted or has zero or no lengths;
#'   `margmix_error_time`: times that are tied, missing, not numbers, or not whole steps, or too few
#'   for a random walk or for a correlation; `margmix_error_not_identified`: two terms that relate
#'   the same levels in the same way; `margmix_error_related`: something that isn't available with
#'   related levels. A note, `margmix_note_relation`, names levels that a relation has and the data
#'   don't, areas that are islands, two terms of the same levels that differ only by the shapes of
#'   their correlations, and the level or trend of a random walk that the fixed effects lack;
#'   `margmix_note_boundary`, that a linear model with one row in each level has a residual variance
#'   of zero. A warning, `margmix_warning_not_identified`: it has lost the relation, so that the two
#'   variances can't be told apart.
#' @references
#' Freni-Sterrantino, A., Ventrucci, M. and Rue, H. (2018). A note on intrinsic conditional
#' autoregressive models for disconnected graphs. *Spatial and Spatio-temporal Epidemiology* **26**,
#' 25-34.
#'
#' Hadfield, J. D. and Nakagawa, S. (2010). General quantitative genetic methods for comparative
#' biology. *Journal of Evolutionary Biology* **23**, 494-508.
#'
#' Harville, D. A. and Jeske, D. R. (1992). Mean squared error of estimation or prediction under a
#' general linear model. *Journal of the American Statistical Association* **87**, 724-731.
#'
#' Kackar, R. N. and Harville, D. A. (1984). Approximations for standard errors of estimators of
#' fixed and random effects in mixed linear models. *Journal of the American Statistical
#' Association* **79**, 853-862.
#'
#' Kenward, M. G. and Roger, J. H. (1997). Small sample inference for fixed effects from restricted
#' maximum likelihood. *Biometrics* **53**, 983-997.
#'
#' Kenward, M. G. and Roger, J. H. (2009). An improved approximation to the precision of fixed
#' effects from restricted maximum likelihood. *Computational Statistics and Data Analysis* **53**,
#' 2583-2595.
#'
#' Riebler, A., Sorbye, S. H., Simpson, D. and Rue, H. (2016). An intuitive Bayesian spatial model
#' for disease mapping that accounts for scaling. *Statistical Methods in Medical Research* **25**,
#' 1145-1165.
#'
#' Rue, H. and Held, L. (2005). *Gaussian Markov random fields*. Chapman and Hall/CRC.
#'
#' Sorbye, S. H. and Rue, H. (2014). Scaling intrinsic Gaussian Markov random field priors in
#' spatial modelling. *Spatial Statistics* **8**, 39-51.
#' @examples
#' # four patients, twenty weeks each: the correlation falls with the time between weeks
#' set.seed(1)
#' d <- expand.grid(week = 1:20, patient = 1:4)
#' level <- replicate(4, stats::arima.sim(list(ar = 0.8), 20, sd = 0.6))
#' d$y <- rpois(80, exp(1 + as.vector(level)))
#' fit <- glmm(y ~ 1 + ar1(week + 0 | patient), d, poisson())
#' VarCorr(fit)
#'
#' # one random walk of all patients together
#' walk <- glmm(y ~ 1 + (1 | patient) + rw1(week + 0 | 1), d, poisson())
#' ranef(walk)[["rw1(week)"]][1:3, ]
#'
#' # areas on a line, each with its neighbours
#' areas <- letters[1:12]
#' W <- 1 * (abs(outer(1:12, 1:12, "-")) == 1)
#' dimnames(W) <- list(areas, areas)
#' map <- data.frame(area = rep(areas, 3), y = rpois(36, exp(1 + rep(sin(1:12 / 2), 3))))
#' glmm(y ~ 1 + bym2(1 | area, W), map, poisson())
#' @seealso `vignette("series")` and `vignette("relatives")`; [spatial_fields], [smooth_terms()].
#' @name related_levels
#' @aliases ar1 ou rw1 rw2 phylo known car bym2
NULL

# The arguments of each kind; those without a default must be given.
relation_arguments <- list(
  ar1 = function(bar) NULL, ou = function(bar) NULL, rw1 = function(bar) NULL,
  rw2 = function(bar) NULL, phylo = function(bar, tree) NULL,
  known = function(bar, precision = NULL, covariance = NULL) NULL, car = function(bar, W) NULL,
  bym2 = function(bar, W) NULL,
  exp = function(bar, distance, dense, neighbours) NULL,
  gau = function(bar, distance, dense, neighbours) NULL,
  mat = function(bar, nu, distance, dense, neighbours) NULL
)

# Arguments that are no tree or matrix.
relation_settings <- c("nu", "distance", "dense", "neighbours")

is_relation <- function(expr) {
  is_call_to(expr, names(relation_arguments)) && length(expr) > 1L && is_bar(expr[[2L]])
}

#' The random term of a call such as phylo(1 | species, tree)
#'
#' Where levels are points in time they are those of the interaction id:time.
#'
#' @return A list with one term, as from [random_terms()], and its `relation`: `kind`, expressions
#'   `time` or `matrix` and `series`, and `given`, the name of the argument that `matrix` is.
#' @section Errors: `formula`.
#' @noRd
related_terms <- function(expr, env) {
  kind <- as.character(expr[[1L]])
  arguments <- tryCatch(
    as.list(match.call(relation_arguments[[kind]], expr))[-1L],
    error = function(e) refuse_relation(expr, conditionMessage(e))
  )
  known <- names(formals(relation_arguments[[kind]]))
  needed <- length(setdiff(known, c("bar", relation_settings))) > 0L
  everywhere <- !needed && identical(arguments$bar[[3L]], 1)
  # a group that is not there yet: the places themselves are
  if (everywhere) arguments$bar[[3L]] <- quote(everywhere)
  terms <- random_terms(arguments$bar, env)
  if (length(terms) != 1L) refuse_relation(expr, "a nested group")
  term <- terms[[1L]]
  if (everywhere) term$group <- 1
  matrix <- arguments[!names(arguments) %in% c("bar", relation_settings)]
  check_matrix_given(expr, setdiff(known, c("bar", relation_settings)), names(matrix))
  term$relation <- list(
    kind = kind, matrix = if (needed) matrix[[1L]], given = names(matrix), series = term$group,
    settings = arguments[names(arguments) %in% relation_settings]
  )
  if ("distance" %in% known) {
    term <- point_in_space(term, expr)
  } else if (!needed) {
    term <- point_in_time(term, expr)
  }
  within <- if (!everywhere) {
    list(term$relation$series)
  } else {
    term$relation$places %||% list(term$relation$time)
  }
  within <- paste(vapply(within, expression_text, ""), collapse = ", ")
  term$group_label <- paste0(kind, "(", within, ")")
  term$label <- expression_text(expr)
  list(term)
}

# One matrix or tree; where it may be either of two, by its name.
check_matrix_given <- function(expr, choices, given) {
  if (length(choices) > 1L && length(given) && !all(given %in% names(expr))) {
    refuse_relation(expr, paste("no name says which it is,", some_of(code(choices))))
  }
  if (!length(choices) || length(given) == 1L) return(invisible())
  refuse_relation(expr, if (length(given)) {
    paste("both", paste(code(given), collapse = " and "))
  } else {
    paste("without", paste(code(choices), collapse = " or "))
  })
}

refuse_relation <- function(expr, given) {
  abort("formula", "A term with related levels must be written as one of these.",
    given = paste0(expression_text(expr), if (length(given)) paste0(" (", given, ")")),
    hint = c(
      "ar1(time + 0 | id), ou(time + 0 | id), rw1(time + 0 | id), rw2(time + 0 | id),",
      "phylo(1 | species, tree), car(1 | area, W), bym2(1 | area, W),",
      "known(1 | id, precision = Q), known(1 | id, covariance = K),",
      "exp(x + y | g), gau(x + y | g), mat(x + y | g, nu = 1.5)."
    )
  )
}

# ar1(time + 0 | id) as (1 | id:time); without the 0 likewise.
point_in_time <- function(term, expr) {
  time <- term$lhs[[2L]]
  is_zero <- function(x) identical(x, 0) || identical(x, 0L)
  if (is_call_to(time, "+") && length(time) == 3L) {
    if (is_zero(time[[3L]])) time <- time[[2L]] else if (is_zero(time[[2L]])) time <- time[[3L]]
  }
  if (is_call_to(time, "-") && length(time) == 3L && identical(time[[3L]], 1)) time <- time[[2L]]
  variable <- is.name(time) || is.call(time) && !is_call_to(time, formula_operators)
  if (!variable || !term$correlated) refuse_relation(expr, "the left side is one time variable")
  term$lhs[[2L]] <- 1
  term$relation$time <- time
  term$group <- if (identical(term$group, 1)) time else call(":", term$group, time)
  term
}

# exp(x + y | g) as (1 | g:x:y), in 1 to 3 dimensions; also written with 0.
point_in_space <- function(term, expr) {
  parts <- summands(term$lhs[[2L]])
  is <- function(part, sign, number) part$sign == sign && identical(part$expr, number)
  none <- vapply(parts, function(part) is(part, "+", 0) || is(part, "-", 1), NA)
  places <- lapply(parts[!none], `[[`, "expr")
  signs <- vapply(parts[!none], `[[`, "", "sign")
  variable <- vapply(places, function(x) {
    is.name(x) || is.call(x) && !is_call_to(x, formula_operators)
  }, NA)
  if (!term$correlated || !length(places) %in% 1:3 || !all(variable) || any(signs != "+")) {
    refuse_relation(expr, "the left side is a sum of one to three coordinates")
  }
  term$lhs[[2L]] <- 1
  term$relation$places <- places
  all <- c(if (!identical(term$group, 1)) list(term$group), places)
  term$group <- Reduce(function(a, b) call(":", a, b), all)
  term
}

# Has a model, by its random terms, related levels?
has_relations <- function(random) any(!vapply(lapply(random, `[[`, "relation"), is.null, NA))

# Expressions of trees and matrices, which a fit keeps the variables of.
relation_expressions <- function(parsed) {
  unlist(lapply(parsed$random, function(term) {
    c(list(term$relation$matrix), term$relation$settings)
  }), recursive = FALSE)
}
