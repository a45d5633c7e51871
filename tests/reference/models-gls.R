# Linear models with related levels that package nlme can fit too, stated once for compute-gls.R and
# the tests: phylogenies, and processes in time with a residual.
#
# A list of list(formula, peer, structure, data), with `tree` or `time`: `peer` is the fixed part,
# `structure` the name of a correlation of nlme or ape; `random`, of lme(), is `NULL` for gls().
# `with_times()` is `process_data()` of models-related.R.

# Carnivores with Grafen's (1989) lengths for a tree of taxonomic ranks, and a simulated trait.
gls_phylogenies <- function() {
  carnivores <- package_data("carnivora", "ape")
  ranked <- ape::as.phylo(~ SuperFamily / Family / Genus / Species, data = carnivores)
  set.seed(31)
  simulated <- ape::rcoal(80)
  height <- max(ape::node.depth.edgelength(simulated))
  b <- ape::rTraitCont(simulated, sigma = sqrt(2 / height))
  d <- data.frame(species = names(b), x = rnorm(80))
  d$y <- 1 + 0.5 * d$x + b + rnorm(80)
  carnivores$species <- as.character(carnivores$Species)
  list(
    carnivora_brain = list(
      formula = log(SB) ~ log(SW) + phylo(1 | species, tree), peer = log(SB) ~ log(SW),
      structure = "corPagel", data = carnivores, tree = ape::compute.brlen(ranked)
    ),
    carnivora_litter = list(
      formula = LS ~ log(SW) + phylo(1 | species, tree), peer = LS ~ log(SW),
      structure = "corPagel", data = carnivores[!is.na(carnivores$LS), ],
      tree = ape::compute.brlen(ranked)
    ),
    coalescent = list(
      formula = y ~ x + phylo(1 | species, tree), peer = y ~ x, structure = "corPagel", data = d,
      tree = simulated
    )
  )
}

package_data <- function(name, package) {
  found <- new.env()
  utils::data(list = name, package = package, envir = found)
  found[[name]]
}

gls_processes <- function(with_times) {
  ovary <- as.data.frame(nlme::Ovary)
  ovary$Mare <- as.character(ovary$Mare)
  rats <- as.data.frame(nlme::BodyWeight)
  rats$Rat <- as.character(rats$Rat)
  process <- with_times(9, 20, 15, 0.5, 1, function(d) 2 + d$x + d$b + rnorm(nrow(d), 0, 0.5))
  process$time <- process$t
  waves <- follicles ~ sin(2 * pi * Time) + cos(2 * pi * Time)
  list(
    ovary = list(
      formula = update(waves, . ~ . + ou(Time + 0 | Mare)), peer = waves, time = ~ Time | Mare,
      structure = "corExp", data = ovary
    ),
    ovary_level = list(
      formula = update(waves, . ~ . + (1 | Mare) + ou(Time + 0 | Mare)), peer = waves,
      time = ~ Time | Mare, structure = "corExp", random = ~ 1 | Mare, data = ovary
    ),
    body_weight = list(
      formula = weight ~ Time * Diet + (Time | Rat) + ou(Time + 0 | Rat),
      peer = weight ~ Time * Diet, time = ~ Time | Rat, structure = "corExp", random = ~ Time | Rat,
      data = rats
    ),
    process = list(
      formula = y ~ x + ou(time + 0 | id), peer = y ~ x, time = ~ time | id, structure = "corExp",
      data = process
    ),
    process_car1 = list(
      formula = y ~ x + ou(time + 0 | id), peer = y ~ x, time = ~ time | id,
      structure = "corCAR1", data = process
    )
  )
}
