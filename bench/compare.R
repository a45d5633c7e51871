# Runs the cases of cases-*.R and keeps the table of results. README.md says what a case is.

# Each file evaluates to a list of cases, named by their ids.
read_cases <- function(folder) {
  files <- sort(list.files(folder, "^cases-.*[.]R$", full.names = TRUE))
  cases <- do.call(c, lapply(files, function(file) source(file, local = new.env())$value))
  stopifnot(!anyDuplicated(names(cases)))
  cases
}

# The ids that `wanted` names; P1 also stands for P1-a, P1-b, ...
select_cases <- function(cases, wanted) {
  ids <- names(cases)
  ids[ids %in% wanted | sub("-.*", "", ids) %in% wanted]
}

#' Two installed versions of margmix, case by case
#' @param libraries Of the version before and of this one.
#' @param wanted Ids; all cases where none is given.
#' @param measure A function of `libraries` and an id: what one fit costs in each.
compare_versions <- function(folder, libraries, wanted, measure) {
  cases <- read_cases(folder)
  ids <- select_cases(cases, if (length(wanted)) wanted else names(cases))
  do.call(rbind, lapply(ids, function(id) {
    cost <- measure(libraries, id)
    row <- data.frame(
      id = id, work = cases[[id]]$work, old = cost[[1L]], new = cost[[2L]],
      ratio = cost[[2L]] / cost[[1L]]
    )
    print(row[-2L], row.names = FALSE)
    row
  }))
}

# `package`, or `package, what is special about this fit`.
package_of <- function(fit) sub(",.*", "", fit)

#' One row of the table
#' @param own What the ratios refer to: the row of the first fit, with `estimate` and `se`.
run_fit <- function(id, case, data, fit, shrink, own = NULL) {
  runs <- if (is.null(own)) case$runs else case$peer_runs
  if (is.null(runs)) runs <- if (is.null(own)) 7L else 1L
  time <- timed(function() case$fits[[fit]](data), runs)
  read <- case$read(time$value, package_of(fit))
  missing <- function(x, otherwise) if (is.null(x)) otherwise else x
  row <- data.frame(
    id = id, work = case$work, shrink = shrink,
    package = sub(package_of(fit), package_label(package_of(fit)), fit), seconds = time$seconds,
    fastest = time$fastest, cpu = time$cpu, ratio = NA_real_, cpu_ratio = NA_real_,
    target = NA_character_, logLik = missing(read$logLik, NA_real_), distance = NA_real_,
    detail = missing(read$detail, ""), machine = machine()
  )
  if (!is.null(own)) {
    row$ratio <- time$seconds / own$row$seconds
    row$cpu_ratio <- time$cpu / own$row$cpu
    target <- case$targets[[fit]]
    if (!is.na(target)) row$target <- paste(if (isTRUE(case$at_most)) "<=" else ">=", target)
    row$distance <- max(abs(read$estimate - own$estimate) / own$se)
  }
  print(row[setdiff(names(row), c("work", "shrink", "fastest", "detail", "machine"))])
  list(row = row, estimate = read$estimate, se = read$se)
}

#' @param peers Fits to compare with; all of the case by default.
run_case <- function(id, case, shrink, peers = names(case$targets)) {
  data <- case$data(shrink)
  own <- run_fit(id, case, data, names(case$fits)[1L], shrink)
  rows <- own$row
  for (peer in intersect(names(case$targets), peers)) {
    if (!requireNamespace(package_of(peer), quietly = TRUE)) {
      message(peer, " is not installed: left out")
      next
    }
    rows <- rbind(rows, run_fit(id, case, data, peer, shrink, own)$row)
  }
  rows
}

# All rows of an id are replaced together: ratios belong to one run.
keep_rows <- function(rows, file) {
  if (file.exists(file)) {
    before <- utils::read.csv(file, colClasses = c(target = "character", detail = "character"))
    rows <- rbind(before[!before$id %in% rows$id, ], rows)
  }
  rows <- rows[order(rows$id), ]
  utils::write.csv(rows, file, row.names = FALSE)
  rows
}

# Rows of different ids may come from different machines.
machines_text <- function(rows) {
  ids <- tapply(rows$id, rows$machine, function(id) toString(unique(id)))
  if (length(ids) == 1L) paste0(names(ids), ".") else paste0("* ", ids, ": ", names(ids))
}

comparison_text <- function(rows) {
  own <- is.na(rows$ratio)
  table <- data.frame(
    id = rows$id, work = rows$work, package = rows$package, seconds = rows$seconds,
    fastest = ifelse(own, rows$fastest, NA), `CPU s` = rows$cpu, ratio = rows$ratio,
    `CPU ratio` = rows$cpu_ratio, target = ifelse(is.na(rows$target), "", rows$target),
    logLik = ifelse(is.na(rows$logLik), "", sprintf("%.4f", rows$logLik)),
    distance = ifelse(is.na(rows$distance), "", formatC(rows$distance, format = "g", digits = 2)),
    detail = rows$detail, check.names = FALSE
  )
  c(
    machines_text(rows), "",
    "Elapsed seconds of the whole call, one thread: for the first fit of each id the median (and",
    "fastest) of several runs after one to warm up, for the others one run. `ratio` is the fit's",
    "time over that of the first, in the same run; `target` is the ratio to reach. `CPU ratio` is",
    "the same of processor time, which other work on the machine disturbs less. `distance` is the",
    "largest difference of an estimate from that of the first fit, in standard errors.", "",
    markdown_table(table)
  )
}
