# Inverse-probability weights for visits that are missing at random.

#' Inverse-probability weights in gee()
#'
#' @description
#' ```
#' seen <- transform(ohio, w = 1 / 0.9^(age + 2)) # 1 / P(row observed)
#' gee(resp ~ age, seen, id, waves = age, family = binomial(), ipw = w)
#' ```
#'
#' @details
#' If visits are missing completely at random, estimating equations with the observed rows are
#' unbiased. If the chance of being observed depends on earlier responses (missing at random), they
#' are biased, and weights 1 / P(row observed | the past) correct this (Robins, Rotnitzky and Zhao
#' 1995). These are not prior weights: they don't say how precise a row is. What can be done with
#' them depends on how they vary:
#'
#' * **One weight for each `id`** (the same in all its rows, as for a sampled id, or one whose last
#'   visit is the outcome): the equations of clusters are weighted, sum w_i D_i'V_i^-1 e_i, with any
#'   working correlation.
#' * **Weights by row, `corstr = "independence"`**: rows are weighted, sum D_i'A_i^-1 W_i e_i.
#' * **Weights by row, another correlation**: sum D_i'V_i^-1 W_i e_i with V_i over the full schedule
#'   of visits. `data` must then have a row for every visit of every id, with the covariates; missed
#'   visits have a missing response (their weight is not used). Correlation and scale are estimated
#'   from the observed rows without weights and held fixed, which at most costs efficiency. The
#'   weights must be 1 / probability, since stabilised weights would change the equations.
#'
#' Anything else is refused. In particular, W_i^(1/2) V_i^-1 W_i^(1/2) on the observed visits, which
#' is how other software uses weights with a working correlation, is biased.
#'
#' Over the full schedule, standard errors are from the sandwich with the derivative of the
#' equations solved, sum D_i'V_i^-1 W_i D_i. Corrections for few clusters use the information of the
#' schedule, sum D_i'V_i^-1 D_i.
#'
#' Weights of the first two kinds are divided by their mean, which changes no estimate. Standard
#' errors treat the weights as known. If they were estimated, this usually makes standard errors too
#' large rather than too small (Robins, Rotnitzky and Zhao 1995). The printed fit says so.
#'
#' In simulated trials with visits missing at random (`bench/simulation/ipw.md` of the source, 250
#' data sets per setting), 95% intervals over the full schedule missed in 5 to 8% with 400 ids, but
#' in 5 to 13% with 100 ids: if few ids have large weights, standard errors are too small by up to a
#' fifth. Without weights, under independence, intervals missed in 11 to 73%.
#'
#' @section Errors: `margmix_error_ipw`: weights that are not positive numbers; a schedule with
#'   gaps; a working correlation not between visits; `bias_reduce`. Warning `margmix_warning_ipw`:
#'   weights over the full schedule that do not average about 1 at each visit.
#' @references
#' Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1995). Analysis of semiparametric regression models
#' for repeated outcomes in the presence of missing data. *Journal of the American Statistical
#' Association* **90**, 106-121.
#' @examples
#' # Two arms, four visits; whoever does badly at one visit may not come to the next.
#' set.seed(1)
#' trial <- expand.grid(visit = 0:3, id = 1:200)
#' trial$arm <- trial$id %% 2
#' trial$y <- with(trial, 1 + 0.3 * visit * arm + rnorm(200)[id]) + rnorm(800)
#' here <- rep(TRUE, 200)
#' trial$seen <- TRUE
#' for (t in 1:3) {
#'   before <- trial$y[trial$visit == t - 1]
#'   here <- here & runif(200) < plogis(1 + before)
#'   trial$seen[trial$visit == t] <- here
#' }
#'
#' # A model for staying, among those who were there the last time; weights are 1 over the product
#' # of the probabilities so far.
#' trial$last <- ave(trial$y, trial$id, FUN = function(y) c(NA, y[-4]))
#' trial$was <- ave(trial$seen, trial$id, FUN = function(s) c(TRUE, s[-4]))
#' stay <- glm(seen ~ last, binomial(), trial, subset = visit > 0 & was)
#' p <- ifelse(trial$visit == 0, 1, predict(stay, trial, type = "response"))
#' trial$w <- 1 / ave(p, trial$id, FUN = cumprod)
#' trial$y[!trial$seen] <- NA
#'
#' naive <- gee(y ~ visit * arm, trial, id, waves = visit)
#' weighted <- update(naive, ipw = w)
#' ar1 <- update(weighted, corstr = "ar1") # V over all four visits
#' rbind(
#'   truth = c(1, 0, 0, 0.3), naive = coef(naive), weighted = coef(weighted), ar1 = coef(ar1)
#' )
#' ar1
#' @name ipw
NULL

#' Put the weights into the design
#'
#' @param design The design of the observed rows.
#' @return `design`; with weights also `ipw`, a list of `kind` ("cluster", "row", "schedule") and
#'   `weights` (by row of the design), and `cluster_weight` (m) or other `weights` (n).
#' @section Errors: `ipw`.
#' @noRd
with_ipw <- function(design, frame, correlation, bias_reduce, control) {
  w <- frame$frame[["(ipw)"]]
  if (is.null(w)) return(design)
  w <- take_rows(w, design$order)
  if (bias_reduce) abort("ipw", "`ipw` can't come with `bias_reduce`.")
  if (control$alpha_method == "maee") {
    abort("ipw", "`ipw` can't come with alpha_method = \"maee\".",
      hint = "The other methods of gee_control() take weights."
    )
  }
  if (!is.numeric(w) || !all(is.finite(w) & w > 0)) {
    abort("ipw", "`ipw` must be positive numbers in all rows with a response.",
      given = if (is.numeric(w)) some_of(w[!(is.finite(w) & w > 0)]) else class(w)[1L]
    )
  }
  w <- as.double(w)
  first <- w[design$start[-length(design$start)] + 1L]
  constant <- all(abs(w - rep.int(first, diff(design$start))) <= 1e-8 * w)
  independent <- identical(correlation, cor_independence())
  kind <- if (constant) "cluster" else if (independent) "row" else "schedule"
  if (kind == "schedule" && !correlation_fact(correlation, "of_visits")) {
    abort("ipw", "Weights by row require a working correlation of visits.",
      given = paste("working correlation", correlation$label),
      hint = "Use corstr = \"independence\", or one weight for each id."
    )
  }
  if (kind == "cluster") design$cluster_weight <- first / mean(first)
  if (kind == "row") design$weights <- row_weights(design) * w / mean(w)
  design$ipw <- list(kind = kind, weights = w)
  design
}

ipw_note <- function(design) {
  if (is.null(design$ipw)) return(NULL)
  what <- switch(design$ipw$kind,
    cluster = "one for each cluster", row = "by row, under independence",
    schedule = "by row, with the working correlation of the full schedule of visits"
  )
  c(ipw = paste0(
    "Inverse-probability weights, ", what,
    ".\nSEs treat them as known, even if they were estimated."
  ))
}

# The full schedule -----------------------------------------------------------------------------

#' The design of all visits, observed or not
#'
#' @param frame,design Of the observed rows.
#' @return A design whose `y` is `NA` at missed visits, with `score_weight` (n, 0 there) and `wave`
#'   (n, the position of the visit).
#' @section Conditions: error `ipw`; warning `ipw`.
#' @noRd
schedule_design <- function(call, env, frame, expressions, design, family, correlation) {
  full <- schedule_frame(call, env, frame, expressions)
  seen <- match(attr(frame$frame, "row.names"), attr(full$frame, "row.names"))
  n <- nrow(full$frame)
  observed <- function(x, otherwise) replace(rep(otherwise, n), seen, caller_order(x, design))
  response <- list(
    y = observed(design$y, NA_real_), trials = observed(row_trials(design), 1),
    weights = observed(row_weights(design), 1)
  )
  out <- build_gee_design(full, family, design$contrasts, correlation, response)
  check_schedule(out, design)
  visits <- max(diff(out$start))
  out$score_weight <- take_rows(observed(design$ipw$weights, 0), out$order)
  out$wave <- rep.int(seq_len(visits) - 1L, length(out$levels))
  check_average_weight(out)
  out
}

# The frame of the covariates, whatever became of the response: `id` stands in its place.
schedule_frame <- function(call, env, frame, expressions) {
  parsed <- frame$parsed
  parsed$fixed[[2L]] <- parsed$frame[[2L]] <- expressions$id[[1L]]
  call$weights <- NULL
  full <- build_frame(call, env, parsed, expressions[setdiff(names(expressions), "ipw")])
  full$id_label <- frame$id_label
  known <- value_labels(full$frame[["(id)"]]) %in% value_labels(frame$frame[["(id)"]])
  terms <- attr(full$frame, "terms")
  full$frame <- full$frame[known, , drop = FALSE]
  attr(full$frame, "terms") <- terms
  full
}

check_schedule <- function(full, design) {
  sizes <- diff(full$start)
  visits <- length(full$wave_levels %||% seq_len(max(sizes)))
  short <- which(sizes < visits)
  if (length(short)) {
    abort("ipw", paste(
      "Weights by row with a working correlation need a row for every scheduled visit of every id."
    ), given = paste0("id ", full$levels[short[1L]], " has ", sizes[short[1L]], " of ", visits,
      " visits", if (length(short) > 1L) paste0(" (", length(short), " such ids)")
    ), hint = c(
      "Add rows for the missed visits, with covariates and a missing response.",
      "Or use corstr = \"independence\", or one weight for each id."
    ))
  }
  if (identical(colnames(full$X), colnames(design$X))) return(invisible())
  other <- setdiff(colnames(full$X), colnames(design$X))
  abort("ipw", "Some coefficients can't be estimated from the observed visits.",
    given = some_of(if (length(other)) other else setdiff(colnames(design$X), colnames(full$X)))
  )
}

# 1 / P(observed) averages 1 over all who should have come, those who did not with weight 0.
check_average_weight <- function(full) {
  average <- tapply(full$score_weight, full$wave, mean)
  error <- tapply(full$score_weight, full$wave, stats::sd) / sqrt(length(full$levels))
  off <- which(abs(average - 1) > pmax(0.3, 4 * error))
  if (!length(off)) return(invisible())
  labels <- full$wave_levels %||% seq_along(average)
  warn("ipw", "Inverse-probability weights don't average about 1 over the ids at every visit.",
    given = paste0("visit ", labels[off], ": ", sprintf("%.2f", average[off])),
    hint = "Are they stabilised, or truncated? The equations need 1 / P(observed)."
  )
}

#' Solve sum D_i'V_i^-1 W_i e_i = 0 over the full schedule
#'
#' @param first The fit to `design`, the observed rows, without weights: its correlation and scale
#'   are kept.
#' @return The fields of `first` with other `beta` and `convergence`, and `schedule`, a list of
#'   `design` and `correlation`, from which [cluster_pieces()] come.
#' @noRd
fit_schedule <- function(first, design, full, family) {
  R <- schedule_correlation(first, design, full)
  correlation <- cor_fixed((R + t(R)) / 2)
  missed <- full$score_weight == 0
  filled <- full
  mu <- family$linkinv(row_offset(full) + drop(full$X %*% first$beta))
  filled$y[missed] <- mu[missed]
  control <- first$control
  control$separation <- "none"
  second <- fit_gee_design(filled, family, correlation, first$phi, start = first$beta,
    control = control
  )
  first[c("beta", "convergence")] <- second[c("beta", "convergence")]
  first$schedule <- list(design = compact_rows(full), correlation = correlation)
  first
}

# The working correlation of all visits. Where every lag or pair of visits has a parameter of its
# own, it is that of an id that was there every time.
schedule_correlation <- function(first, design, full) {
  R <- first$correlation$R
  if (!is.null(R)) {
    row <- match(full$wave_levels, rownames(R))
    if (is.null(rownames(R))) row <- seq_len(max(diff(full$start)))
    return(unname(R[row, row]))
  }
  if (correlation_fact(first$correlation, "any_schedule")) {
    return(engine_gee_correlation(full, first$correlation, first$alpha_engine))
  }
  complete <- which(diff(design$start) == max(diff(full$start)))
  if (!length(complete)) {
    abort("ipw", "At least one id must have responses at all visits, to estimate all correlations.",
      given = paste("working correlation", first$correlation$label),
      hint = "Use corstr = \"exchangeable\", \"ar1\" or \"independence\"."
    )
  }
  engine_gee_correlation(design, first$correlation, first$alpha_engine, complete[1L])
}
