# The grid, and the cases beside it.

simulation_cells <- function() {
  grid <- expand.grid(
    icc = c(0.01, 0.05, 0.1), cv = c(0, 0.9), K = c(6, 10, 20, 40),
    outcome = c("binary", "count"), stringsAsFactors = FALSE
  )
  cell <- function(part, case, outcome, K, cv, icc, ...) {
    defaults <- list(
      part = part, case = case, outcome = outcome, K = K, cv = cv, icc = icc,
      corstr = "exchangeable", prevalence = 0.3, size = 20, dominating = 0
    )
    utils::modifyList(defaults, list(...))
  }
  cells <- lapply(seq_len(nrow(grid)), function(i) {
    with(grid[i, ], cell("grid", "grid", outcome, K, cv, icc))
  })
  stress <- list()
  for (K in c(20, 40)) {
    for (outcome in c("binary", "count")) {
      stress <- c(stress, list(
        cell("stress", "dominating cluster", outcome, K, 0, 0.05, dominating = 0.38)
      ))
    }
  }
  for (K in c(6, 10, 20, 40)) {
    for (cv in c(0, 0.9)) {
      stress <- c(stress, list(
        cell("stress", "prevalence .05", "binary", K, cv, 0.05, prevalence = 0.05)
      ))
    }
  }
  for (corstr in c("ar1", "unstructured")) {
    for (K in c(10, 20, 40)) {
      stress <- c(stress, list(
        cell("stress", "5 visits AR(1)", "binary", K, 0, NA, size = 5, ar1 = 0.6, corstr = corstr)
      ))
    }
  }
  cells <- c(cells, stress)
  Map(function(cell, i) c(cell, list(seed = 1000L + i)), cells, seq_along(cells))
}
