# From a design to a fitted model. Stages: start GLM, checks, coarse rule, rule, boundary, result.

#' Fit a design
#'
#' @param design A `margmix_design`.
#' @param family A supported family object.
#' @param nAGQ,REML,start,control As in [glmm()].
#' @return The fields of a fit that do not depend on the data frame; see [new_fit()].
#' @noRd
fit_design <- function(design, family, nAGQ = "auto", REML = FALSE, start = NULL,
                       control = glmm_control()) {
  distinct <- pool_rows(design, family, control$collapse)
  rows <- compact_rows(distinct$design, c("trials", "weights"))
  found <- fit_without_effects(rows, family, REML, control)
  start_glm <- found$start_glm
  way <- way_of_integration(rows, family, REML)
  C <- centring(way, rows, nAGQ)
  inner <- searched_design(way, centred_design(rows, C))
  problem <- list(
    design = inner, family = family, way = way, map = parameter_map(inner, family, start_glm),
    control = rule_control(way, control), nAGQ = nAGQ, REML = REML
  )
  if (!found$separation$separated) problem$edge <- edge_glm(problem, start_glm)
  if (!is.null(problem$edge)) start_glm[c("beta", "value")] <- problem$edge[c("beta", "value")]
  x <- start_values(problem, start_glm, centred_start(rows, C, start))
  x <- feasible_start(problem, x, if (is.null(start)) start_glm$level)
  if (!is.null(start)) problem$start <- x
  check_rule(way, rows, nAGQ)
  search <- search_of(way)
  fitted <- search(problem, x)
  if (is.null(fitted$reml)) fitted$fit <- settle_boundary(problem, fitted, start_glm)
  if (!REML || !is.null(fitted$reml)) {
    fitted <- beyond_zero(problem, beyond_rho(way, problem, fitted))
  }
  check_edge(problem, fitted$fit)
  if (REML && is.null(fitted$reml)) fitted <- fit_restricted(problem, fitted, start_glm)
  estimate <- uncentred(rows, C, finish_fit(problem, fitted))
  problem$design <- rows
  estimate$modes <- final_modes(rows, problem, estimate)
  estimate <- with_covariance(rows, problem, estimate)
  report_fit(problem, estimate, found$separation)
  estimate$rule <- report_modes(problem, estimate)
  estimate <- c(estimate, list(
    REML = REML, nAGQ = nAGQ, start_glm = start_glm[c("beta", "converged", "max_abs_eta", "value")],
    separation = found$separation, control = control
  ))
  of_all_rows(estimate, design, family, distinct)
}

# What can be known before random effects are fitted: checks, the start GLM, separation.
fit_without_effects <- function(design, family, REML, control) {
  check_scale(design, control$threads)
  check_structured_fit(design, REML)
  check_dispersion_fit(design)
  check_constant_clusters(design, family)
  if (is_penalized(design)) {
    return(list(start_glm = soft_start_glm(design, family), separation = separation_found()))
  }
  check_cluster_separation(design, family)
  start_glm <- fit_start_glm(design, family, control$threads)
  separation <- check_separation(
    design, family, start_glm, control$separation, penalty_hint(design, family)
  )
  list(start_glm = start_glm, separation = separation)
}

# An estimate from distinct rows, told of the rows they stand for.
of_all_rows <- function(estimate, design, family, distinct) {
  estimate$phi <- aux_phi(design, family, fit_aux(c(estimate, list(family = family))))
  estimate$logLik <- estimate$logLik + distinct$constant
  estimate$start_glm$value <- estimate$start_glm$value + distinct$constant
  estimate["patterns"] <- list(distinct$patterns)
  estimate
}

fit_start_glm <- function(design, family, threads = 1L) {
  level <- start_predictor(design, family)
  c(engine_glm_start(design, family, level, threads), level = level)
}

# Start of the optimiser: the GLM, a random-effect sd of 0.7 on the predictor's scale for each
# random column, and a rough dispersion; or what the user gives.
start_values <- function(problem, start_glm, start) {
  design <- problem$design
  unit <- diag(problem$map$M)[theta_in_psi(design)]
  sd <- if (eta_unit(design, problem$family, start_glm) == 1) 0.7 else 0.3
  theta <- sd * on_diagonal(design) * unit
  log_phi <- if (has_phi(problem$family)) {
    log(max(start_dispersion(design, problem$family, start_glm$beta), 1e-300))
  }
  rho <- rho_start(design)
  theta <- theta * predictor_unit(problem$family, log_phi)
  psi <- reduced_start(problem, c(start_glm$beta, theta, rho, aux_start(design, log_phi)))
  if (!is.null(start)) psi <- user_start(psi, start_list(start), design, problem$family)
  problem$map$x(psi)
}

start_dispersion <- function(design, family, beta) UseMethod("start_dispersion")

#' @export
start_dispersion.default <- function(design, family, beta) {
  mu <- family$linkinv(drop(design$X %*% beta) + row_offset(design))
  family_tools(family)$start_phi(design$y, mu, row_trials(design), row_weights(design))
}

# psi with what the user gives of it.
user_start <- function(psi, start, design, family) {
  p <- ncol(design$X)
  n_theta <- length(design$theta_row)
  n_rho <- length(rho_names(design))
  n_gamma <- if (has_dispersion_formula(design)) ncol(design$D)
  check_user_start(start, c(
    beta = p, rho = if (n_rho) n_rho, phi = if (is.null(n_gamma)) 1L, gamma = n_gamma,
    theta = n_theta
  ))
  end <- p + n_theta + n_rho
  if (!is.null(start$phi)) start$phi <- if (length(psi) > end) log(start$phi)
  at <- list(
    beta = seq_len(p), theta = p + seq_len(n_theta), rho = p + n_theta + seq_len(n_rho),
    phi = end + 1L, gamma = end + seq_len(aux_count(design, family))
  )
  for (name in intersect(names(at), names(start))) psi[at[[name]]] <- start[[name]]
  psi
}

# sizes: how many values each part of psi has, by name.
check_user_start <- function(start, sizes) {
  if (!is_start_of(start, sizes)) {
    last <- intersect(c("phi", "gamma"), names(sizes))
    each <- paste(names(sizes), "has", sizes)[names(sizes) != "phi"]
    abort("start", paste0("`start` must be a fit, or a list of `beta`, `theta` and `", last, "`."),
      given = if (is.list(start)) {
        paste0(names(start), " of length ", lengths(start))
      } else {
        class(start)[1L]
      },
      hint = paste0(
        paste(utils::head(each, -1L), collapse = ", "), " and ", utils::tail(each, 1L),
        " finite values here."
      )
    )
  }
  if (isTRUE(start$phi <= 0)) {
    abort("start", "`phi` of `start` must be positive.", given = paste("phi =", format(start$phi)))
  }
}

is_start_of <- function(start, sizes) {
  if (!is.list(start) || !all(vapply(start, is.numeric, NA))) return(FALSE)
  parts <- names(start)
  length(parts) > 0L && all(parts %in% names(sizes)) && !anyDuplicated(parts) &&
    all(lengths(start) == sizes[parts]) && all(is.finite(unlist(start)))
}

# A linear model: a profile has one residual variance, and is a start or, of the restricted
# likelihood, the fit.
fit_lmm <- function(problem, x) {
  REML <- problem$REML && !has_dispersion_formula(problem$design)
  fit <- if (!REML && suits_stochastic(problem)) maximise_stochastic(problem, x)
  started <- has_dispersion_formula(problem$design) && !is.null(problem$start)
  profiled <- problem$map$free && !supports(problem$design, "shards") && !started
  if (is.null(fit) && !profiled) fit <- maximise(problem, 1L, x, NULL)
  if (!is.null(fit)) return(list(fit = fit, rule = rule_record(problem, 1L), reml = NULL))
  design <- problem$design
  psi <- problem$map$psi(x)
  parts <- split_parameters(design, problem$family, psi)
  unit <- predictor_unit(problem$family, mean_log_phi(design, psi))
  profile <- maximise_lmm(
    design, REML, c(parts$theta / unit, parts$rho), problem$control, !is.null(problem$start),
    problem$held
  )
  scale <- profile_power(design)
  aux <- aux_start(design, log(profile$phi))
  psi <- c(profile$beta, profile$theta * sqrt(profile$phi)^scale, aux)
  # ML: the profile is a start for the same steps as any other model. REML: it is the fit.
  x <- problem$map$x(psi)
  fit <- if (REML) {
    result <- engine_evaluate(design, problem$family, psi, 1L, 2L, NULL, problem$control)
    at <- list(x = x, modes = result$modes, result = result, value = result$value)
    snap_to_zero(problem, 1L, at)
  } else {
    maximise(problem, 1L, x, NULL)
  }
  fit$iterations <- profile$iterations
  fit$evaluations <- profile$evaluations
  fit$message <- profile$message
  reml <- if (REML) list(value = profile$value, curvature = reml_curvature(problem, profile))
  list(fit = fit, rule = rule_record(problem, 1L), reml = reml)
}

# Signs of the columns of Lambda, carried over to the modes.
flip_modes <- function(design, modes, signs) UseMethod("flip_modes")

#' @export
flip_modes.default <- function(design, modes, signs) {
  from_factors(design, Map(function(u, group) {
    u * rep(signs[group$columns], each = nrow(u))
  }, by_factor(design, modes), design$groups))
}

# The maximum of the likelihood with clean zeros, and not below that without random effects.
settle_boundary <- function(problem, fitted, start_glm) {
  K <- fitted$rule$K
  if (is_penalized(problem$design)) return(fitted$fit)
  if (!problem$map$free) return(settle_structured(problem, K, fitted$fit))
  settle_zeros(problem, K, not_below_glm(problem, K, fitted$fit, start_glm))
}

# Signs, covariance, convergence, words for the boundary.
finish_fit <- function(problem, fitted) {
  fit <- fitted$fit
  design <- problem$design
  psi <- problem$map$psi(fit$x)
  parts <- split_parameters(design, problem$family, psi)
  signs <- problem$map$signs(lambda_matrix(design, parts$theta))
  flip <- rep(1, length(psi))
  flip[fixed_count(design) + seq_along(parts$theta)] <- signs[theta_columns(design)]
  parts$theta <- parts$theta * signs[theta_columns(design)]
  Lambda <- lambda_matrix(design, parts$theta)
  covariance <- covariance_of_search(problem, fitted, flip)
  modes <- flip_modes(design, searched_modes(design, problem, fit), signs)
  if (is_penalized(design)) {
    covariance$vcov <- soft_covariance(
      problem, c(parts$beta, parts$theta), fitted$rule$K, modes
    ) %||% covariance$vcov
  }
  list(
    beta = parts$beta, theta = parts$theta, rho = parts$rho, phi = parts$phi,
    gamma = parts$gamma, Lambda = Lambda,
    logLik = if (is.null(fitted$reml)) fit$value else fitted$reml$value,
    rule = fitted$rule, vcov_full = covariance$vcov,
    modes = modes,
    convergence = list(
      converged = covariance$definite && covariance$criterion < problem$control$tolerance,
      criterion = covariance$criterion, pd = covariance$definite, iterations = fit$iterations,
      evaluations = fit$evaluations, message = fit$message
    ),
    boundary = c(
      boundary_words(design, Lambda), rho_boundary_words(design, parts$rho),
      limit_words(design, problem$family, parts$phi)
    )
  )
}

#' Covariance of all parameters where a search has ended
#'
#' @param flip Signs of psi, which become those of a fit.
#' @return A list: `vcov`, `NA` for parameters at a boundary; `definite`; `criterion`; `active`, the
#'   parameters that are not at a boundary.
#' @noRd
covariance_of_search <- function(problem, fitted, flip = 1) {
  fit <- fitted$fit
  design <- problem$design
  parts <- split_parameters(design, problem$family, flip * problem$map$psi(fit$x))
  Lambda <- lambda_matrix(design, parts$theta)
  rho <- unidentified_rho(design, Lambda) | nzchar(rho_ends(design, parts$rho))
  limit <- at_dispersion_limit(list(design = design, family = problem$family, phi = parts$phi))
  last <- c(rho, rep(limit, aux_count(design, problem$family)))
  active <- problem$map$active(fit$x, parts$theta)
  active[length(active) - length(last) + seq_along(last)] <- !last
  curvature <- fitted$reml$curvature %||% fit$result[c("gradient", "hessian")]
  curvature$gradient <- flip * curvature$gradient
  curvature$hessian <- flip * t(flip * curvature$hessian)
  names <- psi_names(design, problem$family)
  c(problem$map$covariance(fit$x, curvature, active, names), list(active = active))
}

# Under REML beta is not a parameter of the criterion: its block is X'V^-1 X at the estimates.
reml_curvature <- function(problem, reml) {
  design <- problem$design
  p <- fixed_count(design)
  derivatives <- reml_derivatives(design, reml$theta, reml$phi, problem$control)
  list(
    gradient = c(numeric(p), derivatives$gradient),
    hessian = block_diagonal(-reml$B / reml$phi, derivatives$hessian)
  )
}

block_diagonal <- function(A, B) {
  out <- matrix(0, nrow(A) + nrow(B), ncol(A) + ncol(B))
  out[seq_len(nrow(A)), seq_len(ncol(A))] <- A
  out[nrow(A) + seq_len(nrow(B)), ncol(A) + seq_len(ncol(B))] <- B
  out
}

# Inverse of the observed information over the active parameters, computed on the optimiser's scale.
invert_information <- function(map, curvature, active, names) {
  P <- length(active)
  vcov <- matrix(NA_real_, P, P, dimnames = list(names, names))
  M <- map[active, active, drop = FALSE]
  information <- -crossprod(M, curvature$hessian[active, active, drop = FALSE] %*% M)
  gradient <- drop(crossprod(M, curvature$gradient[active]))
  direction <- newton_direction(gradient, information)
  if (is.null(direction)) return(list(vcov = vcov, definite = FALSE, criterion = NA_real_))
  half <- backsolve(chol((information + t(information)) / 2), t(M), transpose = TRUE)
  vcov[active, active] <- crossprod(half)
  list(vcov = vcov, definite = TRUE, criterion = direction$decrement)
}
