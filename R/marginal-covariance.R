# The marginal covariance of the responses of one cluster, random effects integrated out.

#' Marginal means and covariances of the rows of a cluster
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' V <- marginal_covariance(fit)            # the first patient
#' attr(V, "correlation")
#' ```
#' Random effects make the responses of a cluster dependent. This function returns the covariance
#' matrix of the responses that the fitted model implies, which a working correlation of [gee()]
#' approximates.
#'
#' @details
#' For rows j and k of a cluster, Cov(y_j, y_k) = Cov(mu_j(b), mu_k(b)); variances also include the
#' expected variance given b. The random parts of two predictors are bivariate normal, whatever the
#' number of random effects, so the integral has at most two dimensions:
#'
#' * identity link: z_j'Sigma z_k;
#' * log link: m_j m_k (exp(z_j'Sigma z_k) - 1) with the population means m; for Poisson responses
#'   with a random intercept this is m_j m_k (exp(sigma^2) - 1);
#' * square root link: also in closed form; probit: a bivariate normal probability;
#' * otherwise: integrated over the random part of row j, given which the integral over row k is a
#'   population mean. The error is below 1e-12.
#'
#' @param object A fit of [glmm()].
#' @param cluster A cluster of the fit, by its label or number; by default the first. With several
#'   grouping factors, an independent unit: a level of the coarsest factor if they are nested.
#' @param newdata Rows of one (new) cluster instead: a data frame with the covariates.
#' @param trials Numbers of trials of the rows of `newdata` for a binomial response; the covariance
#'   is that of proportions.
#' @param x A result.
#' @param digits Significant digits to print.
#' @param rows Rows of the cluster to print.
#' @param ... Not used.
#' @return A matrix of class `margmix_marginal_covariance`, with a row and a column for each row of
#'   the cluster in the caller's order, and the attributes `mean` (population means), `correlation`
#'   and `between` (covariances of the conditional means). Prior weights of a Gaussian response are
#'   precisions.
#' @section Errors: `margmix_error_cluster`, `margmix_error_trials`, `margmix_error_argument`, and
#'   those of [predict.margmix_glmm()] for `newdata`.
#' @seealso [intraclass_correlation()]
#' @examples
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' marginal_covariance(fit)
#' marginal_covariance(fit, newdata = data.frame(treatment = c("placebo", "progabide")))
#' @export
marginal_covariance <- function(object, cluster = 1L, newdata = NULL, trials = 1, ...) {
  check_dots(..., known = names(formals(marginal_covariance)))
  check_glmm(object, "object")
  check_unrelated(object$design, "Marginal covariances are")
  rows <- if (is.null(newdata)) {
    cluster_rows(object, cluster)
  } else {
    covariance_newdata(object, newdata, trials)
  }
  n <- nrow(rows$X)
  if (n > 3000L) {
    abort("cluster", "The cluster must not have more than 3,000 rows: the matrix is dense.",
      given = count_of(n, "row"), hint = "Give some of its rows as `newdata`."
    )
  }
  eta <- fixed_predictor(object, rows)
  S <- random_covariance(object, rows)
  law <- population_law(object)
  between <- engine_between_covariance(eta, S, law)
  m <- engine_population_mean(eta, sqrt(diag(S)), law)$mean
  V <- between
  diag(V) <- diag(V) +
    within_variance(object, m, diag(between), rows$phi) *
      trials_factor(object, rows$trials, rows$phi) / rows$size
  names <- list(rows$labels, rows$labels)
  dimnames(V) <- dimnames(between) <- names
  structure(V, mean = stats::setNames(m, rows$labels), correlation = stats::cov2cor(V),
    between = between, from = rows$from,
    class = c("margmix_marginal_covariance", "matrix", "array")
  )
}

# Covariances of the random parts: rows share the random effects of the groups they have in common.
random_covariance <- function(fit, rows) {
  ZL <- rows$Z %*% fit$Lambda
  S <- 0
  for (k in seq_len(factor_count(fit$design))) {
    same <- outer(rows$levels[, k], rows$levels[, k], `==`)
    S <- S + same * tcrossprod(ZL[, random_factors(fit$design)[[k]]$columns, drop = FALSE])
  }
  S
}

# E[Var(y | b)] of a row of one trial and weight 1.
within_variance <- function(fit, m, between, phi) {
  each <- unique(phi)
  v <- vapply(each, function(one) variance_coefficients(fit$family, one), numeric(3L))
  v <- v[, match(phi, each), drop = FALSE]
  scale <- if (scales_variance(fit$family)) phi else 1
  scale * (v[1L, ] + v[2L, ] * m + v[3L, ] * (m^2 + between))
}

# How much the variance of n trials, as a proportion, is above a n-th of that of one.
trials_factor <- function(fit, trials, phi) {
  variance <- family_tools(fit$family)$variance
  variance(0.5, phi, trials) / variance(0.5, phi, 1)
}

cluster_rows <- function(fit, cluster) {
  design <- fit$design
  i <- if (is.numeric(cluster)) cluster else if (is.atomic(cluster)) {
    match(as.character(cluster), cluster_levels(design))
  }
  known <- length(i) == 1L && !is.na(i) && i >= 1 && i <= cluster_count(design) && i == round(i)
  if (!known) {
    abort("cluster", "`cluster` must be a cluster of the fit, by its label or number.",
      given = some_of(cluster), hint = paste0("There are ", some_of(cluster_levels(design)), ".")
    )
  }
  take <- rows_in_cluster(design, i)
  at <- frame_rows(design)[take]
  take <- take[order(at)]
  trials <- row_trials(design)
  precision <- if (scales_variance(fit$family)) cdf_weights(design) else 1
  list(
    X = design_X(design)[take, , drop = FALSE], Z = design_Z(design)[take, , drop = FALSE],
    offset = row_offset(design)[take], labels = attr(fit$frame$frame, "row.names")[sort(at)],
    trials = trials[take], phi = rep_len(fit$phi, row_count(design))[take],
    size = trials[take] * rep_len(precision, row_count(design))[take],
    levels = row_clusters(design)[take, , drop = FALSE],
    from = if (supports(design, "clusters")) {
      paste0(code(cluster_group(design)), " ", cluster_levels(design)[i])
    } else {
      "all rows (crossed factors)"
    }
  )
}

covariance_newdata <- function(fit, newdata, trials) {
  if (length(group_labels(fit$design)) > 1L) {
    abort("argument", "`newdata` can be given only with one grouping factor.",
      given = some_of(code(group_labels(fit$design))),
      hint = "Give `cluster`: its rows say which groups they share."
    )
  }
  rows <- design_newdata(fit, newdata, "Z", stats::na.fail)
  trials <- newdata_trials(trials, nrow(rows$X))
  list(
    X = rows$X, Z = rows$Z, offset = rows$offset, labels = attr(newdata, "row.names"),
    levels = matrix(1L, nrow(rows$X)), phi = rep_len(phi_of_rows(fit, newdata), nrow(rows$X)),
    trials = trials, size = trials, from = paste0("a cluster of ", code(cluster_group(fit$design)))
  )
}

#' @rdname marginal_covariance
#' @export
print.margmix_marginal_covariance <- function(x, digits = max(3L, getOption("digits") - 3L),
                                              rows = 15L, ...) {
  digits <- known_digits(digits)
  check_whole(rows, "rows", 1, Inf)
  shown <- seq_len(min(nrow(x), rows))
  say("Marginal covariance of the responses of ", attr(x, "from"), ", ",
    "random effects integrated out\n\nMeans:\n",
    sep = ""
  )
  print(attr(x, "mean")[shown], digits = digits)
  say("\nVariances and covariances:\n")
  V <- matrix(x, nrow(x), dimnames = dimnames(x))
  print(V[shown, shown, drop = FALSE], digits = digits, ...)
  say("\nCorrelations:\n")
  print(attr(x, "correlation")[shown, shown, drop = FALSE], digits = digits, ...)
  if (nrow(x) > rows) say("... and", nrow(x) - rows, "more rows\n")
  invisible(x)
}
