# Phylogenetic trees as relations between levels.

#' The precision of Brownian motion along a tree, over its tips and inner nodes but the root
#'
#' A node is its parent plus N(0, length of its edge). The height, the largest distance of a tip
#' from the root, is scaled to one.
#'
#' @param tree A `phylo` of package ape.
#' @noRd
tree_relation <- function(tree, term) {
  what <- expression_text(term$relation$matrix)
  check_tree(tree, what)
  tips <- length(tree$tip.label)
  parent <- tree$edge[, 1L]
  child <- tree$edge[, 2L]
  root <- tips + 1L
  depth <- node_depths(tree, root)
  apart <- setdiff(which(depth == 0), root)
  if (length(apart)) refuse_nodes(function(...) refuse_matrix(what, ...), apart)
  length <- tree$edge.length / max(depth[seq_len(tips)])
  if (any(length < 1e-10)) refuse_lengths(tree, length < 1e-10, what)
  # nodes without the root
  at <- function(node) ifelse(node > root, node - 1L, node)
  m <- length(parent)
  inner <- parent != root
  diagonal <- tabulate_sums(at(child), 1 / length, m) +
    tabulate_sums(at(parent[inner]), 1 / length[inner], m)
  a <- pmin(at(parent[inner]), at(child[inner]))
  b <- pmax(at(parent[inner]), at(child[inner]))
  by <- order(a, b)
  list(
    kind = "precision", log_det = -sum(log(length)),
    variance = depth[-root] / max(depth[seq_len(tips)]),
    start = c(0L, as.integer(cumsum(tabulate(a, m)))), row = as.integer(b[by] - 1L),
    diagonal = diagonal, below = -1 / length[inner][by], names = node_names(tree),
    own = seq_len(m) <= tips, together = rep(1L, m)
  )
}

tabulate_sums <- function(at, x, m) {
  out <- numeric(m)
  sums <- rowsum(x, at)
  out[as.integer(rownames(sums))] <- sums
  out
}

# Distances from the root, generation by generation.
node_depths <- function(tree, root) {
  parent <- tree$edge[, 1L]
  by <- order(parent)
  first <- match(seq_len(root + tree$Nnode - 1L), parent[by])
  count <- tabulate(parent, root + tree$Nnode - 1L)
  depth <- numeric(root + tree$Nnode - 1L)
  now <- root
  while (length(now)) {
    now <- now[count[now] > 0L]
    edges <- by[sequence(count[now], first[now])]
    depth[tree$edge[edges, 2L]] <- depth[parent[edges]] + tree$edge.length[edges]
    now <- tree$edge[edges, 2L]
  }
  depth
}

# Tips by their labels; inner nodes by theirs where these are distinct.
node_names <- function(tree) {
  numbers <- length(tree$tip.label) + seq_len(tree$Nnode)
  labels <- tree$node.label
  usable <- !is.null(labels) && all(nzchar(labels)) && !anyNA(labels) &&
    !anyDuplicated(c(tree$tip.label, labels))
  c(tree$tip.label, (if (usable) labels else paste("node", numbers))[-1L])
}

check_tree <- function(tree, what) {
  refuse <- function(must, given, hint = NULL) refuse_matrix(what, must, given, hint)
  if (!inherits(tree, "phylo")) {
    refuse("must be a tree of class phylo.", paste("class", class(tree)[1L]),
      "ape::read.tree() reads one."
    )
  }
  check_edges(tree, refuse)
  names <- tree$tip.label
  if (anyDuplicated(names)) {
    refuse("must have distinct tip labels.", some_of(unique(names[duplicated(names)])))
  }
  if (length(names) < 2L) refuse("must have at least two tips.", some_of(names))
  length <- tree$edge.length
  if (length(length) != nrow(tree$edge) || !is.numeric(length) || !all(is.finite(length))) {
    refuse("must have a length for every edge.",
      if (is.null(length)) "no edge.length" else "missing or non-finite lengths"
    )
  }
  if (any(length <= 0)) refuse_lengths(tree, length <= 0, what)
  rooted <- !is.null(tree$root.edge) || sum(tree$edge[, 1L] == length(names) + 1L) == 2L
  if (!rooted) {
    refuse("must be rooted: covariances are lengths shared since the root.",
      paste(count_of(sum(tree$edge[, 1L] == length(names) + 1L), "edge"), "at the root"),
      "ape::root() roots a tree; tree$root.edge <- 0 says that it is."
    )
  }
}

# `which`: the edges that are too short.
refuse_lengths <- function(tree, which, what) {
  labels <- c(tree$tip.label, paste("node", length(tree$tip.label) + seq_len(tree$Nnode)))
  refuse_matrix(what, "must have positive edge lengths, above 1e-10 of its height.",
    paste("not so at", some_of(labels[tree$edge[which, 2L]])),
    "ape::di2multi() collapses inner edges of length zero."
  )
}

# Every node but the root is the child of one inner node.
check_edges <- function(tree, refuse) {
  edge <- tree$edge
  if (!is_readable(tree)) {
    refuse("must have tip labels, and edges between numbered nodes.", "no such tree")
  }
  tips <- length(tree$tip.label)
  nodes <- seq_len(tips + tree$Nnode)
  wrong <- c(
    setdiff(edge, nodes), setdiff(nodes[-(tips + 1L)], edge[, 2L]),
    edge[duplicated(edge[, 2L]), 2L], edge[edge[, 1L] <= tips | edge[, 2L] == tips + 1L, ]
  )
  if (length(wrong)) refuse_nodes(refuse, wrong)
}

is_readable <- function(tree) {
  edges <- is.matrix(tree$edge) && ncol(tree$edge) == 2L && is.numeric(tree$edge)
  labels <- is.character(tree$tip.label) && is.numeric(tree$Nnode)
  edges && labels && !anyNA(tree$edge) && !anyNA(tree$tip.label)
}

refuse_nodes <- function(refuse, nodes) {
  refuse("must join each node but the root to one parent.",
    paste("not so at node", some_of(sort(unique(nodes)))), "ape::checkValidPhylo() says more."
  )
}
