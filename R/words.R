# Lines of text that several print methods share.

# What was fitted: heading, formula, data, family, criterion and rule.
fit_heading <- function(fit, error = fit$rule$error) {
  formula <- paste(deparse(stats::formula(fit), width.cutoff = 80L), collapse = "\n         ")
  c(
    paste("Generalized linear mixed model, fitted by", criterion_words(fit)),
    paste("Formula:", formula),
    if (has_text(fit$frame$data_name)) paste("Data:   ", fit$frame$data_name),
    paste0("Family:  ", family_label(fit$family)),
    distribution_words(fit$design, fit),
    paste("Rule:   ", rule_words(fit$rule, error))
  )
}

criterion_words <- function(fit) {
  if (length(pseudo_words(fit$design))) {
    "weighted pseudo-maximum likelihood"
  } else if (is_penalized(fit$design)) {
    "softly penalized maximum likelihood"
  } else if (!isTRUE(fit$REML)) {
    "maximum likelihood"
  } else if (is_linear(fit$family)) {
    "restricted maximum likelihood (REML)"
  } else {
    "restricted maximum likelihood (Cox-Reid adjusted)"
  }
}

# Is the text the name of an object, not the data themselves (as under do.call())?
has_text <- function(x) {
  length(x) == 1L && !x %in% c("", "NULL") && !grepl("^(structure|list)\\(", x)
}

#' The integration rule in words
#'
#' @param rule As stored on a fit.
#' @param error Bound for the error of the log-likelihood; `NA` if not known.
#' @noRd
rule_words <- function(rule, error = rule$error) {
  if (identical(rule$method, "exact")) return("exact likelihood (no numerical integration)")
  nodes <- if (length(rule$K) > 1L) {
    paste0(", level by level (", rule$nodes, " in all)")
  } else if (rule$nodes > rule$K) {
    paste0(" per random effect (", rule$nodes, " in all)")
  }
  words <- if (identical(rule$method, "trapezoid")) {
    paste0("trapezoidal rule, K = ", rule$K, " points in the range of each cluster")
  } else if (max(rule$K) == 1) {
    nodes_words(rule$K)
  } else {
    paste0("adaptive Gauss-Hermite quadrature, ", nodes_words(rule$K), nodes)
  }
  paste0(
    words, if (isTRUE(rule$auto)) ", chosen automatically",
    if (!is.null(rule$mc_sd)) {
      paste0(
        "\n         log-likelihood estimated, Monte Carlo sd ", format(signif(rule$mc_sd, 1L)),
        " (", rule$probes, " probes, seed ", rule$seed, ")"
      )
    },
    if (length(error) == 1L && !is.na(error)) {
      paste0("\n         estimated error of the log-likelihood: ", format_error(error))
    }
  )
}

# The rule that K nodes are, for each level of nested groups.
nodes_words <- function(K) {
  if (all(K == 1)) "Laplace approximation" else paste("K =", format_nodes(K), "nodes")
}

# A bound: one digit, rounded up.
format_error <- function(error) {
  if (!is.finite(error)) return("not bounded")
  unit <- 10^floor(log10(max(error, 1e-8)))
  paste("at most", format(signif(ceiling(max(error, 1e-8) / unit - 1e-9) * unit, 1L)))
}

format_logLik <- function(fit) {
  value <- stats::logLik(fit)
  pseudo <- pseudo_words(fit$design)
  if (length(pseudo)) {
    return(paste0("Log pseudo-likelihood ", sprintf("%.4f", value), ", ", pseudo))
  }
  if (is_penalized(fit$design)) {
    return(paste0(
      "Penalized log-likelihood ", sprintf("%.4f", value), ", factor of the penalty ",
      sprintf("%.4f", penalty_factor(fit$design))
    ))
  }
  paste0(
    if (isTRUE(fit$REML)) "Restricted log-likelihood " else "Log-likelihood ",
    sprintf("%.4f", value), " on ", count_of(attr(value, "df"), "parameter"), ", AIC ",
    sprintf("%.2f", stats::AIC(value)), ", BIC ", sprintf("%.2f", stats::BIC(value))
  )
}

coefficient_heading <- function() "Coefficients, conditional on the cluster (subject-specific)"

# What model-based standard errors rest on.
assumption_words <- function(fit) UseMethod("assumption_words")

#' @export
assumption_words.margmix_glmm <- function(fit) {
  "These SEs assume that the response and random-effects distributions are correct."
}

#' @export
assumption_words.margmix_gee <- function(fit) {
  "These SEs assume that the working correlation and the variance function are correct."
}

# Lines no wider than the console.
wrap_words <- function(text, indent = 0L, exdent = 0L, width = getOption("width")) {
  strwrap(text, width + 1L, indent, exdent)
}

#' Lines no wider than the console, below each other after "Label: " or "* "
#'
#' `name = "value"` stays in one line.
#'
#' @param lines Character; those that fit are returned as they are, spaces and all.
#' @noRd
wrap_lines <- function(lines, width = getOption("width")) {
  wrap_line <- function(line) {
    label <- regmatches(line, regexpr("^ *(\\* |[A-Z][A-Za-z ]{0,20}: +)?", line))
    size <- nchar(label)
    rest <- gsub(" = \"", "\u00a0=\u00a0\"", substring(line, size + 1L), fixed = TRUE)
    rest <- wrap_words(rest, width = max(20L, width - size))
    paste0(c(label, rep(strrep(" ", size), length(rest) - 1L)), chartr("\u00a0", " ", rest))
  }
  unlist(lapply(lines, function(line) if (nchar(line) > width) wrap_line(line) else line))
}

# cat() of words, in lines no wider than the console.
say <- function(..., sep = " ") {
  words <- c(...)
  if (!length(words)) return(invisible())
  ends <- if (grepl("\n", sep, fixed = TRUE)) sep
  text <- paste0(paste(words, collapse = sep), ends)
  lines <- wrap_lines(strsplit(text, "\n", fixed = TRUE)[[1L]])
  cat(paste(lines, collapse = "\n"), if (grepl("\n$", text)) "\n", sep = "")
}

# Rows, clusters and their sizes, dropped rows.
size_words <- function(fit) {
  counted <- has_counted_rows(fit$design)
  rows <- if (counted) stats::nobs(fit) else row_count(fit$design)
  distinct <- fit$patterns %||% if (counted) row_count(fit$design)
  unweighted <- fit$frame$n_unweighted %||% 0L
  none <- row_count(fit$design) - count_used(fit$design)$rows + unweighted
  dropped <- fit$frame$n_dropped - unweighted
  lost <- max(0L, fit$frame$n_ids - cluster_count(fit$design))
  clusters <- groups_words(fit$design)
  paste0(
    count_of(rows, "row"), if (length(distinct)) paste0(" (", distinct, " distinct)"),
    " in ", clusters,
    if (none > 0L) paste0("; ", count_of(none, "row"), " without weight"),
    if (dropped > 0L) paste0("; ", count_of(dropped, "row"), " dropped by na.action"),
    if (lost > 0L) paste0("; ", count_of(lost, "cluster"), " dropped entirely")
  )
}

# The clusters and their sizes; of several grouping factors the number of levels of each, such as
# "24 plates, ...", and how they lie.
groups_words <- function(design) UseMethod("groups_words")

#' @export
groups_words.default <- function(design) {
  clusters_words(length(design$levels), design$group, cluster_spread(design))
}

cluster_spread <- function(design) UseMethod("cluster_spread")

#' @export
cluster_spread.default <- function(design) {
  sizes <- diff(design$start)
  # A frequency counts rows.
  if (design$weights_type == "frequency") {
    sizes <- as.vector(rowsum(row_weights(design), rep.int(seq_along(sizes), sizes)))
  }
  c(min = min(sizes), median = stats::median(sizes), max = max(sizes))
}

clusters_words <- function(clusters, group, spread) {
  paste0(
    count_of(clusters, "cluster"), " of ", code(group), " (",
    if (length(unique(spread)) == 1L) {
      paste(spread[1L], "in each")
    } else {
      paste(names(spread), vapply(spread, format, ""), collapse = ", ")
    }, ")"
  )
}

#' @export
groups_words.margmix_several_factors <- function(design) {
  sizes <- vapply(design$groups, function(group) length(group$levels), 1L)
  each <- paste(format(sizes, big.mark = ",", trim = TRUE), "of", code(group_labels(design)))
  if (design$structure == "nested") {
    paste0(paste(each, collapse = ", "), " (nested)")
  } else {
    paste0(paste(each, collapse = " and "), " (crossed)")
  }
}

count_of <- function(n, what) {
  number <- format(n, big.mark = ",", scientific = FALSE, trim = TRUE)
  paste0(number, " ", what, ifelse(n == 1, "", "s"))
}

#' What a reader of the fit should know
#'
#' @return Character, named by cause: the warnings and notes of the fit, and its boundary.
#' @noRd
fit_remarks <- function(fit) {
  remarks <- c(fit$warnings, fit$notes)
  boundary <- fit$boundary
  if (length(boundary) && !"boundary" %in% names(remarks)) {
    remarks <- c(remarks, boundary = paste("On the boundary:", some_of(boundary, 10L)))
  }
  remarks
}

print_remarks <- function(remarks) {
  if (!length(remarks)) return(invisible())
  cat("\n")
  for (text in remarks) {
    lines <- strsplit(text, "\n", fixed = TRUE)[[1L]]
    say("Note: ", lines[1L], "\n", sep = "")
    for (line in trimws(lines[-1L])) say("      ", line, "\n", sep = "")
  }
}
