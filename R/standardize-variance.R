# Covariance and degrees of freedom of standardized means.
#
# The influence of cluster i on a mean mu is phi_i = c'V u~_i + E~_i: c = dmu / d(beta, theta), V
# the inverse information, u~_i the corrected score, and E~_i = E_i (1 - n_i / N)^(-1/2) with E_i =
# (sum of w (m - mu) over the rows of the cluster) / sum of w, and n_i / N its share of the weight.
# The second part is the sampling of covariates; for given covariates it is left out.

#' Covariance of standardized means and degrees of freedom of what is computed from them
#'
#' For a mixed model u_i is the score of the marginal likelihood in (beta, theta). The correction
#' for few clusters and the degrees of freedom concern beta; theta enters as it is. Parameters on
#' the boundary are left out. In directions in which a cluster's information is negative its score
#' is not corrected.
#'
#' @param type `"KC"`, `"MD"`, `"FG"`, `"robust"`, `"model"`, or a matrix over (beta, theta).
#' @param means From [standardized_means()], T of them.
#' @param map L x T, the contrasts as linear maps of the means.
#' @return A list: `type`; `fixed`, `sampled` (T x T; the latter `NULL` where the target has no
#'   clusters); `df`: a list of `means_fixed`, `means_sampled` (T), `contrasts` (L), NaN where one
#'   cluster alone determines the estimate; `leverage` (m, or `NULL`).
#' @noRd
standardization_variance <- function(fit, type, means, map, target, random_effects) {
  J <- means$jacobian
  E <- if (!is.null(target$cluster)) means$between / sqrt(pmax(1 - means$share, 0))
  given <- is.matrix(type) || inherits(type, "Matrix")
  if (!given) type <- one_of(type, covariances_for("means"), "vcov")
  pieces <- if (!given && type != "model") joint_pieces(fit)
  V <- if (given) {
    given_joint_vcov(fit, as.matrix(type), random_effects)
  } else {
    joint_vcov(fit, pieces, ncol(J))
  }
  if (is.null(pieces)) {
    between <- if (!is.null(E)) crossprod(E)
    return(model_variance(fit, if (given) "given" else type, V, means, between, map))
  }
  B <- rowSums(pieces$information, dims = 2L)
  between <- list(E = E, share = means$share, known = target$known)
  variance <- influence_variance(type, influence_sums(pieces, B, type, V %*% t(J), map, between))
  with_means_df(fit$design, variance)
}

#' The covariance of standardized means that is asked for, or the default
#' @noRd
means_vcov <- function(design, vcov, eb, assigned) UseMethod("means_vcov")

#' @export
means_vcov.default <- function(design, vcov, eb, assigned) {
  modelled <- eb || !supports(design, "clusters") && !assigned
  vcov %||% if (modelled) "model" else "KC"
}

# Degrees of freedom that the sums over clusters can't tell.
with_means_df <- function(design, variance) UseMethod("with_means_df")

#' @export
with_means_df.default <- function(design, variance) variance

#' What the covariance is made of: sums over some or all of the clusters
#'
#' @param B The information of all clusters in beta.
#' @param direction V J' (P x T).
#' @param between A list: `E` (m x T, or `NULL`), `share` (m x T), `known`, positions of the
#'   clusters of the target among those of the pieces.
#' @param over How products of rows, cross-products and sums are made.
#' @return A list of numbers that add up over parts of the clusters, and `leverage`, of each.
#' @noRd
influence_sums <- function(pieces, B, type, direction, map, between, over = sums_of_influence) {
  contrasts <- cbind(diag(ncol(direction)), t(map))
  influence <- engine_corrected_influence(
    pieces, B, type, direction[seq_len(ncol(B)), , drop = FALSE] %*% contrasts, over$exact
  )
  phi <- over$products(cbind(influence$scores, pieces$scores_theta), direction)
  E <- between$E
  c(
    list(leverage = influence$leverage, lost = influence$lost, fixed = over$gram(phi)),
    influence$sums,
    if (!is.null(E)) {
      list(
        sampled = over$gram(joined_influence(phi, E, between$known)), v_x = over$sums(E^2),
        share_2 = over$sums(between$share^2), share_4 = over$sums(between$share^4)
      )
    }
  )
}

# In memory, over clusters in their order.
sums_of_influence <- list(
  exact = NULL, products = `%*%`, gram = crossprod, sums = colSums
)

influence_variance <- function(type, sums) {
  df <- replace(engine_satterthwaite_df(sums), sums$lost > 0, NaN)
  means <- seq_len(nrow(sums$fixed))
  list(
    type = type, leverage = sums$leverage, fixed = sums$fixed, sampled = sums$sampled,
    df = list(
      means_fixed = df[means], contrasts = df[-means],
      means_sampled = if (!is.null(sums$sampled)) welch_df(df[means], sums)
    )
  )
}

# From a covariance of the parameters: the sampling of covariates is independent of it.
model_variance <- function(fit, type, V, means, between, map) {
  J <- means$jacobian
  fixed <- J %*% V %*% t(J)
  if (!is.null(means$posterior)) fixed <- fixed + means$posterior
  means <- model_df(fit$design, J, V)
  list(
    type = type, fixed = fixed, sampled = if (!is.null(between)) fixed + between,
    df = list(
      means_fixed = means, means_sampled = means, contrasts = model_df(fit$design, map %*% J, V)
    )
  )
}

#' Degrees of freedom of functions of the parameters with a model-based covariance
#'
#' Those between the clusters. With crossed factors, the harmonic mean of those of the coefficients,
#' each with its share of the variance J V J': a treatment within batches has as many as its own
#' coefficient, but for what the intercept and the variances add.
#'
#' @param J A row for each function (T x P).
#' @return T numbers.
#' @noRd
model_df <- function(design, J, V) UseMethod("model_df")

#' @export
model_df.default <- function(design, J, V) rep(between_df(design), nrow(J))

#' @export
model_df.margmix_crossed <- function(design, J, V) {
  df <- between_within_df(design)
  least <- min(df)
  df <- c(df, rep(least, ncol(J) - length(df))) # those of variances
  shares <- abs(J * (J %*% V))
  found <- rowSums(shares) / drop(shares %*% (1 / df))
  ifelse(is.nan(found), least, found)
}

# Model-based covariance of the first P of (beta, theta, log phi).
joint_vcov <- function(fit, pieces, P) UseMethod("joint_vcov")

#' @export
joint_vcov.margmix_glmm <- function(fit, pieces, P) {
  usable_vcov(fit, bread_of(fit))[seq_len(P), seq_len(P), drop = FALSE]
}

#' @export
joint_vcov.margmix_gee <- function(fit, pieces, P) {
  B <- if (is.null(pieces)) {
    total_information(fit$design, fit)
  } else {
    rowSums(pieces$information, dims = 2L)
  }
  tryCatch(chol2inv(chol(B)), error = function(e) B * NA_real_)
}

joint_pieces <- function(fit) UseMethod("joint_pieces")

#' @export
joint_pieces.margmix_gee <- function(fit) cluster_pieces(fit)

#' @export
joint_pieces.margmix_glmm <- function(fit) {
  pieces <- engine_scores(model_of(fit), information = TRUE)
  beta <- seq_along(fit$beta)
  theta <- length(beta) + seq_len(length(fit$theta) - length(fit$moved))
  list(
    scores = pieces$scores[, beta, drop = FALSE], information = pieces$information,
    scores_theta = pieces$scores[, c(theta, max(beta, theta) + fit$moved), drop = FALSE]
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
  P <- length(beta) + length(theta)
  out <- matrix(0, P, P)
  out[seq_along(wanted), seq_along(wanted)] <- V
  out
}

# Clusters of the target by those of the fit; new ones are further rows.
joined_influence <- function(phi, E, known) {
  old <- !is.na(known)
  phi[known[old], ] <- phi[known[old], ] + E[old, ]
  rbind(phi, E[!old, , drop = FALSE])
}

#' Welch's degrees of freedom: of a mean, whose variance has a part from sampling covariates
#'
#' v_b has the degrees of freedom df; v_x = sum of E~_i^2 has (sum n_i^2)^2 / sum n_i^4 - 1, at
#' least 1.
#' @noRd
welch_df <- function(df, sums) {
  v_b <- diag(sums$fixed)
  df_x <- pmax(1, sums$share_2^2 / sums$share_4 - 1)
  (v_b + sums$v_x)^2 / (v_b^2 / df + sums$v_x^2 / df_x)
}
