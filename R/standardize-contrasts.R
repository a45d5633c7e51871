# Contrasts of standardized means: differences, and ratios on the log scale.

contrast_words <- function(family) {
  switch(mean_kind(family),
    probability = c(
      difference = "Risk difference", ratio = "Risk ratio", odds_ratio = "Odds ratio"
    ),
    proportion = c(
      difference = "Difference of mean proportions", ratio = "Ratio of mean proportions",
      odds_ratio = "Ratio of odds of mean proportions"
    ),
    mean = c(difference = "Difference of means", ratio = "Ratio of means")
  )
}

#' The contrasts asked for
#'
#' @param contrast Words; `NULL` for those that are usual for the family.
#' @section Errors: `argument`, `contrast`.
#' @noRd
chosen_contrasts <- function(contrast, family) {
  known <- c("difference", "ratio", "odds_ratio")
  kind <- mean_kind(family)
  if (is.null(contrast)) {
    if (kind == "probability") return(known)
    return(if (has_identity_link(family)) known[1L] else known[1:2])
  }
  contrast <- several_of(contrast, known, "contrast")
  if ("odds_ratio" %in% contrast && kind == "mean") {
    abort("contrast", "Odds are defined for probabilities and proportions only.",
      given = paste("odds_ratio for", family_label(family)),
      hint = "Use contrast = c(\"difference\", \"ratio\")."
    )
  }
  contrast
}

check_ratio_means <- function(estimate, contrast) {
  upper <- if (contrast == "odds_ratio") 1 else Inf
  outside <- estimate <= 0 | estimate >= upper
  if (contrast == "difference" || !any(outside)) return(invisible())
  abort("contrast", paste0("A ratio needs positive means",
    if (upper == 1) " below 1", "."),
    given = paste0(contrast, " of means ", some_of(signif(estimate[outside], 4L))),
    hint = "Use contrast = \"difference\"."
  )
}

#' Contrasts as linear maps of the means
#'
#' A difference is linear; the logarithm of a ratio is linearized at the estimates.
#'
#' @return A list: `rows`, a data frame: `contrast`, `subgroup`, `setting` (compared with the
#'   reference), `estimate` (log scale for ratios); `map` (L x T).
#' @noRd
contrast_maps <- function(contrasts, means, cells, settings) {
  index <- cells$index
  others <- setdiff(seq_along(settings$labels), settings$reference)
  pairs <- expand.grid(setting = others, subgroup = unique(index$subgroup))
  find <- function(setting) {
    match(
      paste(pairs$subgroup, cells$set_of[pairs$setting], setting),
      paste(index$subgroup, index$set, index$setting)
    )
  }
  at <- find(pairs$setting)
  from <- find(settings$reference)
  parts <- lapply(contrasts, function(contrast) {
    check_ratio_means(means$estimate, contrast)
    mu <- means$estimate
    scale <- switch(contrast, difference = mu, ratio = log(mu), odds_ratio = stats::qlogis(mu))
    slope <- switch(contrast, difference = rep(1, length(mu)), ratio = 1 / mu,
      odds_ratio = 1 / (mu * (1 - mu))
    )
    map <- matrix(0, nrow(pairs), length(mu))
    map[cbind(seq_len(nrow(pairs)), at)] <- slope[at]
    map[cbind(seq_len(nrow(pairs)), from)] <- -slope[from]
    rows <- data.frame(contrast = contrast, pairs, estimate = scale[at] - scale[from])
    list(rows = rows, map = map)
  })
  list(
    rows = do.call(rbind, lapply(parts, `[[`, "rows")),
    map = do.call(rbind, lapply(parts, `[[`, "map"))
  )
}

# The tables --------------------------------------------------------------------------------------

#' Tables of means and contrasts
#'
#' @param maps,variance From [contrast_maps()] and [standardization_variance()].
#' @return A list: `means`, `contrasts` (data frames), `vcov_means`, `vcov_contrasts`, and
#'   `vcov_means_fixed`, which leaves out the sampling of covariates.
#' @noRd
standardization_tables <- function(means, maps, variance, settings, cells, subgroups, options) {
  V <- variance[[options$covariates]]
  df_means <- chosen_degrees(variance$df[[paste0("means_", options$covariates)]], options$df)
  df_contrasts <- chosen_degrees(variance$df$contrasts, options$df)
  vcov_contrasts <- maps$map %*% V %*% t(maps$map)
  means_table <- as_table(c(
    cell_columns(cells$index$subgroup, subgroups),
    if (length(cells$sets) > 1L) list(rows = cells$sets[cells$index$set]),
    list(level = settings$labels[cells$index$setting], weight = means$weight),
    estimate_table(means$estimate, V, df_means, options$level, FALSE)
  ))
  means_table$statistic <- means_table$p.value <- NULL # a mean of zero is no hypothesis
  contrasts_table <- as_table(c(
    cell_columns(maps$rows$subgroup, subgroups),
    list(
      contrast = maps$rows$contrast, level = settings$labels[maps$rows$setting],
      reference = settings$labels[settings$reference]
    ),
    estimate_table(maps$rows$estimate, vcov_contrasts, df_contrasts, options$level,
      maps$rows$contrast != "difference")
  ))
  names <- mean_labels(cells, settings, subgroups)
  list(
    means = means_table, contrasts = contrasts_table, vcov_means = named_square(V, names),
    vcov_contrasts = named_square(vcov_contrasts, contrast_labels(maps$rows, settings, subgroups)),
    vcov_means_fixed = named_square(variance$fixed, names), map = maps$map
  )
}

# NaN where one cluster alone determines an estimate, whatever the rule.
chosen_degrees <- function(df, given) {
  if (is.numeric(given)) ifelse(is.nan(df), NaN, given) else df
}

cell_columns <- function(subgroup, subgroups) {
  lapply(unclass(subgroups$table)[names(subgroups$table)], `[`, subgroup)
}

# A data frame of a list of columns; constants are repeated.
as_table <- function(columns) {
  count <- max(lengths(columns))
  structure(lapply(columns, rep_len, count),
    class = "data.frame", row.names = .set_row_names(count)
  )
}

# Columns that means and contrasts share; ratios are exponentiated, their SE is of the logarithm.
estimate_table <- function(estimate, V, df, level, ratio) {
  variance <- diag(V)
  se <- sqrt(ifelse(is.finite(variance) & !is.nan(df), pmax(variance, 0), NA))
  df[is.nan(df)] <- NA
  half <- stats::qt((1 + level) / 2, df) * se
  ratio <- rep_len(ratio, length(estimate))
  back <- function(x) ifelse(ratio, exp(x), x)
  statistic <- estimate / se
  data.frame(
    estimate = back(estimate), std.error = se, df = df, statistic = statistic,
    p.value = 2 * stats::pt(-abs(statistic), df), conf.low = back(estimate - half),
    conf.high = back(estimate + half)
  )
}

mean_labels <- function(cells, settings, subgroups) {
  index <- cells$index
  label <- settings$labels[index$setting]
  if (length(cells$sets) > 1L) label <- paste0(label, " [", cells$sets[index$set], "]")
  with_subgroup(label, index$subgroup, subgroups)
}

contrast_labels <- function(rows, settings, subgroups) {
  label <- paste0(
    rows$contrast, ": ", settings$labels[rows$setting], " vs ", settings$labels[settings$reference]
  )
  with_subgroup(label, rows$subgroup, subgroups)
}

with_subgroup <- function(label, subgroup, subgroups) {
  if (is.null(subgroups$table)) return(label)
  paste0(label, " | ", subgroups$labels[subgroup])
}
