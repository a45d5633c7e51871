# Tests and intervals of the fixed effects: one covariance matrix, one rule for the degrees of
# freedom, and the words that say which they were.

#' Tests and intervals of the fixed effects
#'
#' @param fit A fit.
#' @param vcov One of `vcov_types()`, or a matrix.
#' @param df `"default"`, a rule of [chosen_df()], or numbers (`Inf` for the normal distribution).
#' @param level Confidence level.
#' @param rows Names of the coefficients that are reported.
#' @return A list: `table`, a data frame with a row for each of them (aliased ones `NA`) and the
#'   columns `estimate`, `std.error`, `df`, `statistic`, `p.value`, `conf.low`, `conf.high`;
#'   `vcov` and `df` of all estimated coefficients; `type`; `words`, a line of text that names the
#'   choices; `notes`, what a reader should know about them; `level`.
#' @section Conditions: errors `argument`, `vcov`, `df`; warnings `few_clusters`, `leverage`.
#' @noRd
coef_inference <- function(fit, vcov = default_vcov(fit), df = "default", level = 0.95,
                           rows = names(fit$coefficients)) {
  check_level(level)
  covariance <- chosen_vcov(fit, vcov)
  degrees <- chosen_df(fit, df, covariance)
  estimate <- estimated_coefficients(fit)
  se <- sqrt(diag(covariance$vcov))
  se[is.nan(se)] <- NA
  table <- wald_table(estimate, se, degrees$df, level)
  reported <- degrees
  reported$df <- degrees$df[names(degrees$df) %in% rows]
  list(
    table = complete_table(table, rows), vcov = covariance$vcov, type = covariance$type,
    df = degrees$df, words = inference_words(fit, covariance, reported),
    notes = c(few_clusters_notes(reported), leverage_notes(fit, covariance)), level = level
  )
}

wald_table <- function(estimate, se, df, level) {
  statistic <- estimate / se
  half <- stats::qt((1 + level) / 2, df) * se
  data.frame(
    estimate = unname(estimate), std.error = unname(se), df = unname(df),
    statistic = unname(statistic), p.value = unname(2 * stats::pt(-abs(statistic), df)),
    conf.low = unname(estimate - half), conf.high = unname(estimate + half),
    row.names = names(estimate)
  )
}

# The rows asked for; aliased ones are not in the table.
complete_table <- function(table, rows) {
  out <- table[match(rows, rownames(table)), ]
  rownames(out) <- rows
  out
}

check_level <- function(level, name = "level") {
  if (is.numeric(level) && length(level) == 1L && is.finite(level) && level > 0 && level < 1) {
    return(invisible())
  }
  abort("argument", paste0(code(name), " must be one number between 0 and 1."),
    given = if (is.numeric(level)) some_of(level) else class(level)[1L]
  )
}

# Covariance ------------------------------------------------------------------------------------

# The first is the default.
vcov_types <- function(fit) UseMethod("vcov_types")

#' @export
vcov_types.margmix_glmm <- function(fit) glmm_vcov_types

#' @export
vcov_types.margmix_gee <- function(fit) gee_vcov_types

default_vcov <- function(fit) vcov_types(fit)[1L]

#' The covariance matrix asked for
#'
#' @return A list: `type`, `vcov` (p x p); of a cluster-robust one also `leverage`, if it is known;
#'   of `"KR"` the `working` model that its degrees of freedom come from; of the default that is not
#'   `"KR"` the `reason`.
#' @noRd
chosen_vcov <- function(fit, vcov) {
  if (is.matrix(vcov) || inherits(vcov, "Matrix")) return(given_vcov(fit, as.matrix(vcov)))
  type <- one_of(vcov, vcov_types(fit), "vcov")
  if (type == "default") return(default_covariance(fit))
  type <- covariance_of(fit$design, type)
  c(list(type = type), beta_vcov(fit, type))
}

given_vcov <- function(fit, V) {
  estimated <- names(fit$beta)
  known <- !is.null(rownames(V)) && all(estimated %in% rownames(V)) &&
    identical(rownames(V), colnames(V))
  if (known) V <- V[estimated, estimated, drop = FALSE]
  p <- length(estimated)
  if (!is.numeric(V) || !identical(dim(V), c(p, p)) || !isTRUE(all(diag(V) >= 0))) {
    abort("vcov", "`vcov` must be a covariance matrix of the fixed effects.",
      given = paste0("a matrix with ", nrow(V), " rows and ", ncol(V), " columns"),
      hint = paste0("Its rows and columns must be ", some_of(estimated, 8L), ".")
    )
  }
  list(type = "given", vcov = named_square(V, estimated))
}

# Degrees of freedom ----------------------------------------------------------------------------

#' What tests and intervals are referred to
#'
#' K clusters, p coefficients, p_b of them of columns that are constant in every cluster.
#'
#' @param df Numbers; or `"kenward-roger"`; `"satterthwaite"` (under the working model),
#'   `"between-within"`, `"normal"` (Inf), `"K-pb"`, `"K-p"`, `"pan-wall"`, `"fay-graubard"`
#'   (estimated from the scores); or `"default"`, see [default_df()].
#' @return A list: `df`, p numbers; `rule`, a word for the heading; `given`, whether the user gave
#'   them; and what the degrees of freedom of other hypotheses follow from, for [hypothesis_df()]:
#'   `working` (from [working_model()]) or `robust`, a function of contrasts. With neither a
#'   hypothesis has the smallest of the degrees of freedom of its coefficients.
#' @noRd
chosen_df <- function(fit, df, covariance) {
  if (is.numeric(df)) return(list(df = given_df(fit, df), rule = "", given = TRUE))
  rule <- one_of(df, c("default", df_rules(fit)), "df")
  if (rule == "default") rule <- default_df(fit, covariance)
  out <- list(rule = df_words[[rule]], given = FALSE)
  if (rule %in% c("kenward-roger", "satterthwaite")) {
    out <- c(out, reference_model(fit, rule, covariance))
    df <- hypothesis_df(out, diag(length(fit$beta)))
  } else {
    df <- switch(rule,
      `between-within` = between_within_df(fit$design),
      normal = rep(Inf, length(fit$beta)),
      `K-pb` = rep(between_df(fit$design), length(fit$beta)),
      `K-p` = rep(max(cluster_count(fit$design) - length(fit$beta), 1), length(fit$beta)),
      empirical_df(fit, covariance$type, rule)
    )
  }
  c(list(df = stats::setNames(df, names(fit$beta))), out)
}

df_words <- c(
  `kenward-roger` = "Kenward-Roger ", satterthwaite = "Satterthwaite ",
  `between-within` = "between-within ", normal = "", `K-pb` = "K - p_b ", `K-p` = "K - p ",
  `pan-wall` = "Pan-Wall ", `fay-graubard` = "Fay-Graubard "
)

df_rules <- function(fit) UseMethod("df_rules")

#' @export
df_rules.margmix_glmm <- function(fit) rules_of(fit$design)

rules_of <- function(design) UseMethod("rules_of")

#' @export
rules_of.default <- function(design) names(df_words)

#' @export
df_rules.margmix_gee <- function(fit) setdiff(names(df_words), "kenward-roger")

# Satterthwaite with KC; Kenward and Roger with a model-based matrix, where there is a working
# model; between-within where there is none; otherwise K - p_b.
default_df <- function(fit, covariance) UseMethod("default_df")

#' @export
default_df.margmix_gee <- function(fit, covariance) {
  covariance_fact(covariance$type, "df") %||% "K-pb"
}

#' @export
default_df.margmix_glmm <- function(fit, covariance) {
  type <- covariance$type
  own <- covariance_fact(type, "df")
  if (!is.null(own)) return(own)
  if (!is_modelled(type)) return(robust_df_rule(fit$design))
  working <- covariance$working %||% working_model(fit)
  if (is.list(working)) return("kenward-roger")
  restricted <- working == "related" && isTRUE(fit$REML)
  if (restricted && is.list(model_satterthwaite(fit))) return("satterthwaite")
  switch(working,
    linear_large = "satterthwaite", related = , smooth = "normal",
    "between-within"
  )
}

robust_df_rule <- function(design) UseMethod("robust_df_rule")

#' @export
robust_df_rule.default <- function(design) "K-pb"

#' @export
robust_df_rule.margmix_several_factors <- function(design) "between-within"

#' What the degrees of freedom of any hypothesis follow from
#' @return A list: `working` or `robust`, as in [chosen_df()].
#' @noRd
reference_model <- function(fit, rule, covariance) UseMethod("reference_model")

#' @export
reference_model.margmix_gee <- function(fit, rule, covariance) {
  type <- covariance$type
  if (rule == "kenward-roger") {
    abort("df", "`df = \"kenward-roger\"` requires `vcov` \"KR\" or \"model\" of glmm().",
      given = paste("vcov", dQuote(type, FALSE))
    )
  }
  check_independent_clusters(fit$design, "KC")
  list(robust = function(C) contrast_df(fit, C, type))
}

#' @export
reference_model.margmix_glmm <- function(fit, rule, covariance) {
  # that of the clusters alone, as of a marginal model
  if (!is_modelled(covariance$type)) return(reference_model.margmix_gee(fit, rule, covariance))
  working <- covariance$working
  if (is.null(working)) {
    working <- if (rule == "satterthwaite") model_satterthwaite(fit) else working_model(fit)
  }
  list(working = check_working_model(working))
}

#' Degrees of freedom of hypotheses: the one source for all that reports them
#'
#' @param degrees From [chosen_df()].
#' @param C k x p: c'beta = 0 for each row c.
#' @return k numbers, at least 1 and at most the residual ones where they follow from a model.
#' @noRd
hypothesis_df <- function(degrees, C) {
  if (!is.null(degrees$robust)) return(degrees$robust(C))
  working <- degrees$working
  if (!is.null(working)) {
    return(within_range(engine_kenward_roger_reference(working, C, FALSE)$df, working))
  }
  apply(abs(C) > 1e-10, 1L, function(involved) {
    if (any(involved)) min(degrees$df[involved]) else NA_real_
  })
}

#' What the Wald F of a joint hypothesis C beta = 0 is referred to
#'
#' @param C q x p, of full row rank.
#' @return A list: `df` of the denominator, and `scale`, the factor of the Wald F.
#' @noRd
joint_df <- function(degrees, C) {
  working <- degrees$working
  if (is.null(working)) return(list(df = min(hypothesis_df(degrees, C)), scale = 1))
  found <- engine_kenward_roger_reference(working, C, TRUE)
  found$df <- within_range(found$df, working)
  found
}

within_range <- function(df, working) pmin(pmax(df, 1), working$most)

empirical_df <- function(fit, type, rule) {
  sandwich_of(fit$design, fit, satterthwaite_type(type), rule = rule)$df
}

given_df <- function(fit, df) {
  p <- length(fit$beta)
  aliased <- aliased_coefficients(fit$design)
  if (length(df) > 1L && length(df) == length(aliased)) df <- df[!aliased]
  if (!length(df) %in% c(1L, p) || anyNA(df) || any(df <= 0)) {
    abort("df", "`df` must be one positive number, or one for each coefficient.",
      given = some_of(df)
    )
  }
  stats::setNames(rep_len(df, p), names(fit$beta))
}

#' Between-within degrees of freedom
#'
#' K - p_b for a column that is constant in clusters or varies mostly between them, p_b the number
#' of constant columns; N - K - p_w, at least 1, for a column that is balanced or randomised inside
#' clusters: the between-cluster share of its variance is below 0.1 (Li and Redden 2015). N counts
#' trials (and frequency weights), so that grouped and single 0/1 rows agree.
#'
#' @return p numbers.
#' @references
#' Li, P. and Redden, D. T. (2015). Comparing denominator degrees of freedom approximations for the
#' generalized linear mixed model in analyzing binary outcome in small sample cluster-randomized
#' trials. *BMC Medical Research Methodology* **15**, 38.
#' @noRd
between_within_df <- function(design) UseMethod("between_within_df")

#' @export
between_within_df.default <- function(design) {
  clusters <- cluster_shares(design)
  within <- clusters$N - clusters$K - sum(clusters$share != 1)
  ifelse(clusters$share < 0.1, max(within, 1), level_df(clusters))
}

between_df <- function(design) level_df(cluster_shares(design))

# Levels less the columns that are constant in them.
level_df <- function(levels) max(levels$K - sum(levels$share == 1), 1)

# Observations that a row stands for; 0 if it has no weight.
row_sizes <- function(design) {
  size <- stored_sizes(design)
  if (length(size) == 1L) rep.int(size, length(design$y)) else size
}

# One for all rows, or n.
stored_sizes <- function(design) {
  weights <- stored_values(design, "weights")
  size <- stored_values(design, "trials") * (weights > 0)
  if (design$weights_type == "frequency") size * weights else size
}

#' Between-cluster share of the variance of each column of X
#'
#' The one-way analysis of variance estimate of the intraclass correlation, at least 0: (MSB - MSW)
#' / (MSB + (n0 - 1) MSW) with n0 = (N - sum n_i^2 / N) / (K - 1). A column randomised inside small
#' clusters thus has a share near 0, not 1 / n_i.
#'
#' @return A list: `share`, p numbers, exactly 1 for a column that is constant in every cluster; `N`
#'   and `K`, the observations and the clusters that have some.
#' @noRd
cluster_shares <- function(design) UseMethod("cluster_shares")

#' @export
cluster_shares.default <- function(design) with_share(cluster_anova(design))

cluster_anova <- function(design) {
  cluster <- cluster_codes(design)
  anova_sums(design$X, row_sizes(design), cluster, function(x) sums_by_cluster(x, design))
}

with_share <- function(sums) c(sums[c("N", "K")], list(share = share_of(sums)))

#' Sums of the one-way analysis of variance of each column
#'
#' @param size,level Of each row. `sums`: a function that sums over the rows of each level.
#' @return A list: `N`, `N2` and `K`, the sum of the sizes of levels, of their squares, and their
#'   number; by column the mean (`centre`) and the sums of squares `within` levels and `between`
#'   their means.
#' @noRd
anova_sums <- function(X, size, level, sums) {
  total <- sums(size)
  n <- total[total > 0]
  N <- sum(n)
  columns <- vapply(seq_len(ncol(X)), function(j) {
    centre <- sum(size * X[, j]) / N
    x <- X[, j] - centre
    means <- sums(size * x) / ifelse(total > 0, total, 1)
    c(centre, sum(size * (x - means[level])^2), sum(total * means^2))
  }, numeric(3L))
  list(
    N = N, N2 = sum(n^2), K = length(n), centre = columns[1L, ], within = columns[2L, ],
    between = columns[3L, ]
  )
}

share_of <- function(sums) {
  N <- sums$N
  K <- sums$K
  n0 <- (N - sums$N2 / N) / (K - 1)
  constant <- sums$within <= 1e-10 * (sums$within + sums$between)
  within <- sums$within / max(N - K, 1)
  between <- sums$between / (K - 1)
  ifelse(constant, 1, pmax(0, (between - within) / (between + (n0 - 1) * within)))
}

# Words -----------------------------------------------------------------------------------------

#' @return One line, such as "SE: model-based, 8 clusters; t intervals with between-within df 7 to
#'   264."
#' @noRd
inference_words <- function(fit, covariance, degrees) {
  df <- degrees$df
  known <- df[!is.na(df)]
  distribution <- if (!length(known)) {
    if (length(df)) "no degrees of freedom" else "no coefficients"
  } else if (all(known == Inf)) {
    "normal intervals"
  } else {
    paste0("t intervals with ", degrees$rule, "df ", df_range_words(known))
  }
  paste0("SE: ", covariance_words(fit, covariance), "; ", distribution, ".")
}

covariance_words <- function(fit, covariance) {
  reason <- if (!is.null(covariance$reason)) default_reasons[[covariance$reason]] else ""
  paste0(
    covariance_fact(covariance$type, "words"), if (nzchar(reason)) paste0(" (", reason, ")"), ", ",
    cluster_words(fit$design)
  )
}

# How much there is to learn from: independent clusters, or levels of crossed factors.
cluster_words <- function(design) {
  if (!supports(design, "clusters")) return(groups_words(design))
  paste(length(design$levels), "clusters")
}

# At least one decimal where it matters.
format_df <- function(df) {
  whole <- abs(df - round(df)) < 1e-6
  ifelse(is.finite(df) & !whole & df < 100, sprintf("%.1f", df), sprintf("%.0f", df))
}

# "3 to 17.2", of those that are known.
df_range_words <- function(df) {
  paste(unique(format_df(range(df, na.rm = TRUE))), collapse = " to ")
}

# Below 10 effective degrees of freedom a note, below 4 a warning.
few_clusters_notes <- function(degrees) {
  df <- degrees$df
  if (degrees$given) return(NULL)
  very_few <- which(df < 4 - 1e-6)
  if (length(very_few)) {
    warn("few_clusters", "No large-sample method is reliable with so few degrees of freedom.",
      given = df_list(df[very_few]),
      hint = c(
        "Treat these intervals as rough.",
        "Consider an exact permutation test of the assignment, or an analysis of cluster summaries."
      ), df = df[very_few]
    )
  }
  few <- which(df < 10 - 1e-6)
  if (length(few)) c(few_clusters = paste0("Few effective clusters for: ", df_list(df[few]), "."))
}

df_list <- function(df) some_of(paste0(names(df), " (df ", format_df(df), ")"), 10L)

# A cluster that determines a contrast almost alone leaves nothing to estimate its variance from.
leverage_notes <- function(fit, covariance) {
  leverage <- covariance$leverage
  high <- which(leverage > 0.9)
  if (!length(high)) return(NULL)
  labels <- names(leverage)[high] %||% cluster_levels(fit$design)[high]
  clusters <- some_of(paste0(labels, " (", sprintf("%.2f", leverage[high]), ")"))
  warn("leverage", "One cluster almost alone determines a coefficient.",
    given = paste0("leverage of ", code(cluster_group(fit$design)), " ", clusters),
    hint = "The cluster-robust SE can't be trusted; compare vcov = \"model\".",
    clusters = labels, leverage = unname(leverage[high])
  )
  c(leverage = paste0("High leverage of ", code(cluster_group(fit$design)), " ", clusters, "."))
}
