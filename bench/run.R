# Speed and accuracy beside other packages, and how time and memory grow.
#
#   Rscript bench/run.R          everything at full size; the slowest peer alone takes over ten minutes
#   Rscript bench/run.R quick    a tenth of the rows (or BENCH_QUICK=1)
#   Rscript bench/run.R scaling  only the growth of time and memory
#   Rscript bench/run.R peers    only the comparison
#   Rscript bench/run.R targets  the comparison with the peers that have a ratio to reach
#
# Writes results.csv and results.md beside this file (quick: results-quick.*). Every time is that of
# the whole call, formula and model frame included, with one thread.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
for (file in c("simulate.R", "measure.R", "fits.R", "scaling.R")) source(file.path(here, file))

arguments <- commandArgs(TRUE)
quick <- "quick" %in% arguments || nzchar(Sys.getenv("BENCH_QUICK"))
shrink <- if (quick) 10L else 1L
results <- file.path(here, if (quick) "results-quick" else "results")

# Cases: the data, the rule, and the ratio to reach for each peer (NA: shown only). Slow ones last.
cases <- list(
  P3 = list(
    work = "Poisson, (t | id), 2,000 x 10, Laplace", m = 2000L, random = "t", family = poisson(), K = 1L,
    peers = c(glmmTMB = 40, lme4 = NA)
  ),
  P2L = list(
    work = "logit, (t | id), 2,000 x 10, Laplace", m = 2000L, random = "t", family = binomial(), K = 1L,
    peers = c(glmmTMB = 40, lme4 = NA)
  ),
  P1L = list(
    work = "logit, (1 | id), 10,000 x 10, Laplace", m = 10000L, random = "1", family = binomial(), K = 1L,
    peers = c(glmmTMB = 60, lme4 = NA)
  ),
  P2 = list(
    work = "logit, (t | id), 2,000 x 10, K = 11 per dimension", m = 2000L, random = "t",
    family = binomial(), K = 11L, peers = c(GLMMadaptive = 200)
  ),
  P1 = list(
    work = "logit, (1 | id), 10,000 x 10, K = 25", m = 10000L, random = "1", family = binomial(), K = 25L,
    peers = c(GLMMadaptive = 200, lme4 = 1000)
  )
)

case_data <- function(case) {
  set.seed(20240501)
  slope <- if (case$random == "t") 0.8 else 0
  simclus(case$m %/% shrink, 10L, slope, case$family$family)
}

run_one <- function(id, case, data, package, runs, own = NULL) {
  call <- get(paste0("fit_", package))
  time <- timed(function() call(sim_formula(case$random), data, case$family, case$K), runs)
  read <- read_fit(time$value, package)
  se <- if (is.null(own)) sqrt(diag(vcov(time$value))) else own$se
  row <- data.frame(
    id = id, work = case$work, rows = nrow(data), package = package_label(package),
    seconds = time$seconds, fastest = time$fastest, cpu = time$cpu,
    ratio = if (is.null(own)) 1 else time$seconds / own$seconds,
    cpu_ratio = if (is.null(own)) 1 else time$cpu / own$cpu,
    target = if (is.null(own)) NA_real_ else case$peers[[package]], logLik = read$logLik,
    beta_distance = if (is.null(own)) 0 else max(abs(read$beta - own$beta) / se),
    sd = paste(format(read$sd, digits = 5), collapse = " ")
  )
  print(row[c("id", "package", "seconds", "cpu", "ratio", "target", "logLik", "beta_distance", "sd")])
  append_csv(row, paste0(results, ".csv"))
  list(row = row, own = c(time[c("seconds", "cpu")], list(beta = read$beta, se = se)))
}

run_case <- function(id) {
  case <- cases[[id]]
  data <- case_data(case)
  mine <- run_one(id, case, data, "margmix", runs = 7L)
  rows <- list(mine$row)
  peers <- if ("targets" %in% arguments) case$peers[!is.na(case$peers)] else case$peers
  for (peer in names(peers)) {
    if (!requireNamespace(peer, quietly = TRUE)) {
      message(peer, " is not installed: left out")
      next
    }
    rows <- c(rows, list(run_one(id, case, data, peer, 1L, mine$own)$row))
  }
  do.call(rbind, rows)
}

comparison_text <- function(rows) {
  rows <- rows[order(match(rows$id, c("P1", "P1L", "P2", "P2L", "P3"))), ]
  own <- rows$ratio == 1
  table <- data.frame(
    id = rows$id, work = rows$work, package = rows$package, seconds = rows$seconds,
    fastest = ifelse(own, rows$fastest, NA), `CPU s` = rows$cpu, ratio = ifelse(own, NA, rows$ratio),
    `CPU ratio` = ifelse(own, NA, rows$cpu_ratio),
    target = rows$target, logLik = sprintf("%.4f", rows$logLik),
    `distance` = ifelse(own, "", formatC(rows$beta_distance, format = "g", digits = 2)), `random sd` = rows$sd,
    check.names = FALSE
  )
  c(
    "## Beside other packages", "",
    "Elapsed seconds of the whole call, one thread: for margmix the median (and fastest) of seven",
    "runs after one to warm up, for the others one run. `ratio` is the peer's time over margmix's",
    "in the same run; `target` is the ratio to reach. `CPU ratio` is the same of processor time, which",
    "other work on the machine disturbs less. `distance` is the largest difference of a coefficient",
    "from margmix's, in standard errors.", "", markdown_table(table), ""
  )
}

unlink(paste0(results, ".csv"))
text <- c(
  "# Benchmarks", "", paste0(machine(), ". Written by `bench/run.R", if (quick) " quick", "`."),
  if (quick) "Quick run: a tenth of the rows that the work column states.", ""
)
started <- proc.time()[["elapsed"]]
if (!any(c("peers", "targets") %in% arguments)) {
  scaling <- scaling_text(shrink, file.path(here, "fresh.R"))
  writeLines(c(text, scaling), paste0(results, ".md"))
} else {
  scaling <- NULL
}
if (!"scaling" %in% arguments) {
  rows <- do.call(rbind, lapply(names(cases), run_case))
  writeLines(c(text, comparison_text(rows), scaling), paste0(results, ".md"))
}
message("done in ", round(proc.time()[["elapsed"]] - started), " s: ", results, ".md")
