# The scale the optimiser works on: psi = M x, chosen so that x is well conditioned whatever the
# units of the covariates. X itself is never copied or changed.
#   beta  = R^-1 x, R'R the mean information of a row in the start GLM: x moves eta by about x
#   theta = x / rms(Z) by the row of Lambda, times the size of eta where it has units
#   rho, log phi = x; gamma = R^-1 x, R'R = D'D / n

#' The map from the optimiser's x to psi
#'
#' @return A list: `free`, is it linear? `M`, of beta and free entries of Lambda; functions `psi(x)`
#'   and `x(psi)`; `gradient(x, g)` and `hessian(x, g, H)`, the derivatives in x from those in psi;
#'   `resize(x, factor)`, x with random effects of another size; `active(x, theta)`, which of x are
#'   not at the boundary; `signs(Lambda)`, those that columns of Lambda are to have;
#'   `covariance(x, curvature, active, names)`, see [invert_information()].
#' @noRd
parameter_map <- function(design, family, start_glm) {
  p <- ncol(design$X)
  theta_scale <- eta_unit(design, family, start_glm) / theta_rms(design)
  n_theta <- length(theta_scale)
  aux <- aux_count(design, family)
  P <- p + n_theta + length(rho_names(design)) + aux
  M <- diag(P)
  if (p > 0L) M[seq_len(p), seq_len(p)] <- beta_scale(design, start_glm)
  M[cbind(p + seq_len(n_theta), p + seq_len(n_theta))] <- theta_scale
  if (aux > 0L) M[P - aux + seq_len(aux), P - aux + seq_len(aux)] <- aux_scale(design, family)
  if (has_free_entries(design)) free_map(design, M) else structured_map(design, M, theta_scale)
}

free_map <- function(design, M) {
  theta <- ncol(design$X) + seq_along(design$theta_col)
  list(
    free = TRUE, M = M,
    psi = function(x) drop(M %*% x),
    x = function(psi) backsolve(M, psi),
    gradient = function(x, g) drop(crossprod(M, g)),
    hessian = function(x, g, H) crossprod(M, H %*% M),
    resize = function(x, factor) replace(x, theta, factor * x[theta]),
    active = function(x, values) {
      !replace(logical(length(x)), theta, theta_columns(design) %in% zero_columns(design, values))
    },
    signs = canonical_signs,
    covariance = function(x, curvature, active, names) {
      invert_information(M, curvature, active, names)
    }
  )
}

# Change of the predictor that counts as one: a reciprocal mean may be of any size.
eta_unit <- function(design, family, start_glm) {
  if (!restricts_mean(family) || !has_phi(family)) return(1)
  size <- predictor_rms(design, start_glm$beta)
  if (is.finite(size) && size > 0) size else 1
}

predictor_rms <- function(design, beta) UseMethod("predictor_rms")

#' @export
predictor_rms.default <- function(design, beta) {
  eta <- drop(design$X %*% beta) + row_offset(design)
  sqrt(mean(eta^2))
}

column_rms <- function(Z) UseMethod("column_rms")

#' @export
column_rms.default <- function(Z) {
  facts <- engine_column_facts(Z)
  rms <- unname(sqrt(facts$about / nrow(Z) + facts$mean^2))
  ifelse(rms > 0, rms, 1)
}

beta_scale <- function(design, start_glm) {
  R <- if (isTRUE(start_glm$info_pd)) {
    tryCatch(chol(start_glm$information / nrow(design$X)), error = function(e) NULL)
  }
  if (!is.null(R) && all(is.finite(R))) return(backsolve(R, diag(ncol(R))))
  diag(1 / column_rms(design$X), ncol(design$X))
}

# Labels of psi: coefficients, theta_<group>.<row>.<column>, rho_<group>, log_phi or
# log_phi_<column of D>.
psi_names <- function(design, family) {
  columns <- column_names(design)
  row <- columns[design$theta_row + 1L]
  col <- columns[design$theta_col + 1L]
  entry <- ifelse(row == col, row, paste(row, col, sep = "."))
  group <- group_labels(design)[column_groups(design)[design$theta_row + 1L]]
  c(
    colnames(design$X), paste0("theta_", group, ".", entry), rho_names(design),
    aux_names(design, family)
  )
}

# Lambda (q x q) from its free entries.
lambda_matrix <- function(design, theta) {
  columns <- colnames(design$Z)
  Lambda <- matrix(0, length(columns), length(columns), dimnames = list(columns, columns))
  Lambda[theta_entries(design)] <- rep(theta, times = design$theta_span %||% 1L)
  Lambda
}

# Rows and columns of Lambda that the entries of theta stand for.
theta_entries <- function(design) {
  span <- design$theta_span %||% rep(1L, length(design$theta_row))
  further <- sequence(span)
  cbind(rep(design$theta_row, span), rep(design$theta_col, span)) + further
}

# The size of the change of the predictor by one unit of each entry.
theta_rms <- function(design) {
  rms <- column_rms(design$Z) * column_units(design)
  if (is.null(design$theta_span)) return(rms[design$theta_row + 1L])
  span <- design$theta_span
  squares <- rowsum(rms[theta_entries(design)[, 1L]]^2, rep(seq_along(span), span))
  sqrt(drop(unname(squares)))
}

# Flipping the sign of a column of Lambda leaves the likelihood unchanged: make diagonals positive.
# Returns the signs of the columns.
canonical_signs <- function(Lambda) {
  vapply(seq_len(ncol(Lambda)), function(c) {
    entries <- Lambda[c:nrow(Lambda), c]
    first <- entries[entries != 0][1L]
    if (!is.na(first) && first < 0) -1 else 1
  }, 0)
}

# Split psi into its named parts.
split_parameters <- function(design, family, psi) {
  p <- ncol(design$X)
  t <- length(design$theta_row)
  names(psi) <- psi_names(design, family)
  r <- length(rho_names(design))
  aux <- psi[p + t + r + seq_len(aux_count(design, family))]
  list(
    beta = psi[seq_len(p)], theta = psi[p + seq_len(t)], rho = psi[p + t + seq_len(r)],
    phi = aux_phi(design, family, aux),
    gamma = if (has_dispersion_formula(design)) stats::setNames(aux, colnames(design$D))
  )
}
