# Parameters of relations between levels: rho is unbounded; people read correlations and rates.

#' Relations of a design, for its factors with related levels
#' @noRd
relations <- function(design) {
  Filter(Negate(is.null), lapply(design$groups, `[[`, "relation"))
}

# "rho_ar1(id)": a name for each parameter, in the order of the factors.
rho_names <- function(design) {
  has <- vapply(design$groups, function(group) rho_count(group$relation) > 0L, NA)
  if (any(has)) paste0("rho_", group_labels(design)[has]) else character()
}

# The entries of rho of factor k.
rho_of <- function(design, rho, k) {
  counts <- vapply(design$groups, function(group) rho_count(group$relation), 0L)
  rho[sum(counts[seq_len(k - 1L)]) + seq_len(counts[k])]
}

# The factor of each entry of rho.
rho_groups <- function(design) {
  counts <- vapply(design$groups, function(group) rho_count(group$relation), 0L)
  rep(seq_along(counts), counts)
}

rho_count <- function(relation) {
  if (inherits(relation, c("margmix_ar1", "margmix_ou", "margmix_car"))) 1L else 0L
}

#' Where a search begins: half a correlation at the median gap, or between neighbours
#' @noRd
rho_start <- function(design) {
  as.numeric(unlist(lapply(relations(design), start_of_relation)))
}

start_of_relation <- function(relation) UseMethod("start_of_relation")

#' @export
start_of_relation.margmix_relation <- function(relation) NULL

#' @export
start_of_relation.margmix_ar1 <- function(relation) atanh(0.5^(1 / median_gap(relation)))

#' @export
start_of_relation.margmix_ou <- function(relation) log(log(2) / median_gap(relation))

#' @export
start_of_relation.margmix_car <- function(relation) stats::qlogis(0.8)

median_gap <- function(relation) {
  gaps <- relation$gap[relation$gap > 0]
  if (length(gaps)) stats::median(gaps) else 1
}

#' A parameter as people read it
#'
#' @return A list: `value` of rho, a monotone function; `name` of what that is.
#' @noRd
reading_of <- function(relation) UseMethod("reading_of")

#' @export
reading_of.margmix_ar1 <- function(relation) list(value = tanh, name = "correlation")

#' @export
reading_of.margmix_ou <- function(relation) list(value = exp, name = "rate")

#' @export
reading_of.margmix_car <- function(relation) list(value = stats::plogis, name = "alpha")

# Rows of confint(): "correlation_ar1(id)" and so on, and how rho reads there.
reading_names <- function(design) {
  vapply(rho_groups(design), function(k) {
    group <- design$groups[[k]]
    paste0(reading_of(group$relation)$name, "_", group$label)
  }, "")
}

reading_named <- function(design, name) {
  k <- rho_groups(design)[match(name, reading_names(design))]
  if (length(k) && !is.na(k)) reading_of(design$groups[[k]]$relation)$value
}

#' The relation in words, with its parameter
#' @noRd
relation_words <- function(relation, rho) UseMethod("relation_words")

#' @export
relation_words.margmix_ar1 <- function(relation, rho) {
  paste0(
    "AR(1), correlation ", format(tanh(rho), digits = 3L), " at ",
    if (relation$unit == 1) "one step" else paste("steps of", signif(relation$unit, 4L))
  )
}

#' @export
relation_words.margmix_ou <- function(relation, rho) {
  rate <- exp(rho)
  paste0(
    "Ornstein-Uhlenbeck, correlation exp(-", format(rate, digits = 3L), " d): one half at d = ",
    format(log(2) / rate, digits = 3L)
  )
}

#' @export
relation_words.margmix_phylo <- function(relation, rho) {
  paste(
    "Brownian motion on a tree of", count_of(sum(relation$own), "tip"), "and height 1"
  )
}

#' @export
relation_words.margmix_known <- function(relation, rho) {
  range <- format(range(relation$variance), digits = 3L)
  paste0(
    "known precision of ", count_of(length(relation$variance), "level"), ", unit variances ",
    if (range[1L] == range[2L]) range[1L] else paste(range, collapse = " to ")
  )
}

#' @export
relation_words.margmix_car <- function(relation, rho) {
  paste0("conditional autoregression, alpha ", format(stats::plogis(rho), digits = 3L))
}

# Of all factors with related levels, named by their labels.
all_relation_words <- function(fit) {
  groups <- fit$design$groups
  related <- which(!vapply(lapply(groups, `[[`, "relation"), is.null, NA))
  words <- vapply(related, function(k) {
    relation_words(groups[[k]]$relation, rho_of(fit$design, fit$rho, k))
  }, "")
  stats::setNames(words, vapply(groups[related], `[[`, "", "label"))
}

#' Variances (Q^-1)_ll of the levels of factor k at unit scale, one for all or one for each
#' @noRd
level_variance <- function(design, rho, k) {
  group <- design$groups[[k]]
  if (is.null(group$relation)) return(1)
  unit_variance(group$relation, rho_of(design, rho, k))
}

unit_variance <- function(relation, rho) UseMethod("unit_variance")

#' @export
unit_variance.margmix_relation <- function(relation, rho) relation$variance

#' @export
unit_variance.margmix_car <- function(relation, rho) {
  engine_relation_facts(relation, rho)$variance
}

# Where the variance of a factor is zero nothing depends on how its levels are related.
unidentified_rho <- function(design, Lambda) {
  vapply(rho_groups(design), function(k) {
    columns <- design$groups[[k]]$columns
    all(Lambda[columns, columns] == 0)
  }, NA)
}

# Words -------------------------------------------------------------------------------------------

#' @export
groups_words.margmix_related <- function(design) {
  each <- vapply(seq_along(design$groups), function(k) {
    group <- design$groups[[k]]
    used <- sum(tabulate(group$index + 1L, length(group$levels)) > 0L)
    more <- length(group$levels) - used
    paste0(
      format(used, big.mark = ","), " of ", code(group$label),
      if (more) paste0(" (", format(more, big.mark = ","), " more without rows)")
    )
  }, "")
  paste(each, collapse = " and ")
}
