# Covariance and degrees of freedom of standardized means.
#
# The influence of cluster i on a mean mu is phi_i = c'V u~_i + E~_i: c = dmu / d(beta, theta), V
# the inverse information, u~_i the corrected score, and E~_i = E_i (1 - n_i / N)^(-1/2) with E_i =
# (sum of w (m - mu) over the rows of the cluster) / sum of w, and n_i / N its share of the weight.
# The second part is the sampling of covariates; for given covariates it is left out.

#' What the variance of a mean takes from the fit
#'
#' For a mixed model u_i is the score of the marginal likelihood in (beta, theta). The correction
#' for few clusters applies to beta; theta enters as it is. Parameters on the boundary are left out.
#'
#' @param type `"KC"`, `"MD"`, `"FG"`, `"robust"`, `"model"`, or a matrix over (beta, theta).
#' @return A list: `type`; `V` (P x P over the columns of the Jacobian, zero on the boundary);
#'   `scores` (m x P), corrected (not for `"model"` or a matrix); `pieces`, `bread`, for degrees of
#'   freedom; `leverage`.
#' @noRd
variance_pieces <- function(fit, type, random_effects) {
  if (is.matrix(type) || inherits(type, "Matrix")) {
    return(list(type = "given", V = given_joint_vcov(fit, as.matrix(type), random_effects)))
  }
  type <- one_of(type, c("KC", "MD", "FG", "robust", "model"), "vcov")
  V <- joint_vcov(fit)
  if (type == "model") return(list(type = type, V = V))
  pieces <- joint_pieces(fit)
  corrected <- engine_corrected_scores(pieces[c("scores", "information")], type)
  list(
    type = type, V = V, scores = cbind(corrected$scores, pieces$scores_theta),
    pieces = pieces, bread = corrected$bread, leverage = corrected$leverage
  )
}

# Model-based covariance of (beta, theta).
joint_vcov <- function(fit) {
  if (!inherits(fit, "margmix_glmm")) return(stats::vcov(fit, type = "model", complete = FALSE))
  keep <- seq_len(length(fit$beta) + length(fit$theta))
  usable_vcov(fit)[keep, keep, drop = FALSE]
}

joint_pieces <- function(fit) {
  if (!inherits(fit, "margmix_glmm")) return(cluster_pieces(fit))
  pieces <- engine_scores(fit, information = TRUE)
  beta <- seq_along(fit$beta)
  list(
    scores = pieces$scores[, beta, drop = FALSE], information = pieces$information,
    scores_theta = pieces$scores[, length(beta) + seq_along(fit$theta), drop = FALSE]
  )
}

given_joint_vcov <- function(fit, V, random_effects) {
  beta <- names(fit$beta)
  theta <- names(fit$theta)
  integrated <- length(theta) > 0L && random_effects == "integrate"
  wanted <- c(beta, if (integrated) theta)
  if (!is.null(rownames(V)) && all(wanted %in% rownames(V))) V <- V[wanted, wanted, drop = FALSE]
  fits <- is.numeric(V) && identical(dim(V), rep(length(wanted), 2L))
  if (!fits || !all(diag(V) >= 0, na.rm = TRUE)) {
    abort("vcov", "`vcov` must be a covariance matrix of the parameters that the means depend on.",
      given = paste0("a matrix with ", nrow(V), " rows and ", ncol(V), " columns"),
      hint = c(
        paste0("Its rows and columns must be ", some_of(wanted, 8L), "."),
        if (integrated) "vcov(fit, full = TRUE) has this form."
      )
    )
  }
  V[is.na(V)] <- 0 # on the boundary
  if (!integrated && length(theta)) V <- pad_square(V, length(theta))
  V
}

pad_square <- function(V, extra) {
  P <- nrow(V) + extra
  out <- matrix(0, P, P)
  out[seq_len(nrow(V)), seq_len(nrow(V))] <- V
  out
}

#' Covariance of the means and the parts it is made of
#'
#' @param means From [standardized_means()].
#' @param covariates `"sampled"` or `"fixed"`.
#' @return A list: `vcov` (T x T); `parameter`, `sampling`: the diagonals of its two parts, the
#'   second `NULL` for fixed covariates.
#' @noRd
means_vcov <- function(means, pieces, target, covariates) {
  J <- means$jacobian
  direction <- pieces$V %*% t(J) # P x T
  from_scores <- if (!is.null(pieces$scores)) pieces$scores %*% direction
  parameter <- if (is.null(from_scores)) J %*% direction else crossprod(from_scores)
  if (covariates == "fixed") return(list(vcov = parameter, parameter = diag(parameter)))
  E <- inflated_between(means)
  sampling <- colSums(E^2)
  total <- if (is.null(from_scores)) {
    parameter + crossprod(E)
  } else {
    crossprod(joined_influence(from_scores, E, target$known))
  }
  list(vcov = total, parameter = diag(parameter), sampling = sampling)
}

inflated_between <- function(means) {
  means$between / sqrt(pmax(1 - means$share, 0))
}

# Clusters of the target by those of the fit; new ones are further rows.
joined_influence <- function(from_scores, E, known) {
  old <- !is.na(known)
  from_scores[known[old], ] <- from_scores[known[old], ] + E[old, ]
  rbind(from_scores, E[!old, , drop = FALSE])
}

# Degrees of freedom ------------------------------------------------------------------------------

#' Degrees of freedom of linear combinations of the means
#'
#' Satterthwaite, of the combination's part in beta (Bell and McCaffrey 2002).
#'
#' @param map L x T.
#' @noRd
satterthwaite_df <- function(fit, pieces, jacobian, map) {
  if (is.null(pieces$scores)) return(rep(between_df(fit$design), nrow(map)))
  p <- length(fit$beta)
  direction <- pieces$V %*% t(map %*% jacobian)
  contrasts <- solve(pieces$bread, direction[seq_len(p), , drop = FALSE])
  engine_sandwich(pieces$pieces, pieces$type, contrasts)$df
}

#' Welch's degrees of freedom: of a level, whose variance has a part from sampling covariates
#'
#' v_b has the degrees of freedom df_b; v_x = sum of E~_i^2 has (sum n_i^2)^2 / sum n_i^4 - 1, at
#' least 1.
#' @noRd
welch_df <- function(df, parameter, sampling, share) {
  if (is.null(sampling)) return(df)
  df_x <- pmax(1, colSums(share^2)^2 / colSums(share^4) - 1)
  (parameter + sampling)^2 / (parameter^2 / df + sampling^2 / df_x)
}
