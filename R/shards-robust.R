# Covariances that correct the scores of clusters, from shards: B, the information of all clusters,
# comes first; then each shard corrects its own scores and gives sums over its clusters.

#' @export
sandwich_of.margmix_shards <- function(design, fit, type, contrasts = diag(length(fit$beta)),
                                       rule = "satterthwaite", rows = NA) {
  # these are no functions of sums
  if (!rule %in% c("satterthwaite", "none")) return(NextMethod())
  plan <- design$plan_of_shards
  ask <- sandwich_request(type, contrasts, rule, rows)
  B <- total_information(design, fit)
  parts <- ask_shards(plan, shard_sandwich, estimates_of(fit), B, ask)
  out <- engine_sandwich_total(
    add_sums(parts, c("meat", "lost_rows", "lost"), "satterthwaite"), B, length(design$levels), ask
  )
  out$leverage <- high_leverage(parts)
  out
}

shard_information <- function(design, estimates) {
  information <- joint_pieces(fit_of_shard(design, estimates))$information
  p <- nrow(information)
  engine_exact_sums(t(matrix(information, p^2)), shape = c(p, p))
}

shard_sandwich <- function(design, estimates, B, ask) {
  sums <- engine_sandwich_sums(joint_pieces(fit_of_shard(design, estimates)), B, ask)
  with_high_leverage(sums, design$levels)
}

# Lists of sums of which some, `inside`, are lists again.
add_sums <- function(parts, names, inside = NULL) {
  add <- function(parts, names) {
    lapply(stats::setNames(names, names), function(name) add_up(lapply(parts, `[[`, name)))
  }
  c(add(parts, names), lapply(stats::setNames(inside, inside), function(name) {
    some <- lapply(parts, `[[`, name)
    add(some, names(some[[1L]]))
  }))
}

# Only clusters that are reported travel: see leverage_notes().
with_high_leverage <- function(sums, levels) {
  high <- which(sums$leverage > 0.9)
  sums$leverage <- stats::setNames(sums$leverage[high], levels[high])
  sums
}

high_leverage <- function(parts) {
  leverage <- unlist(lapply(parts, function(part) as.list(part$leverage)))
  leverage[order_of_labels(names(leverage))]
}
