# Timing, one row per fit, and the tables.

#' Time a call
#'
#' @param run A function without arguments.
#' @param runs How often; with several runs one more goes first, to warm up.
#' @return A list: `value` of the last run; `seconds` (median) and `fastest`, elapsed; `cpu`, median
#'   processor seconds, which other work on the machine disturbs less.
timed <- function(run, runs = 1L) {
  if (runs > 1L) run()
  value <- NULL
  times <- vapply(seq_len(runs), function(i) {
    time <- system.time(value <<- run())
    c(time[["elapsed"]], time[["user.self"]] + time[["sys.self"]])
  }, numeric(2L))
  list(
    value = value, seconds = median(times[1, ]), fastest = min(times[1, ]),
    cpu = median(times[2, ])
  )
}

package_label <- function(package) paste(package, packageVersion(package))

#' A data frame as a markdown table
#' @param numbers Significant digits of numeric columns.
markdown_table <- function(table, numbers = 3L) {
  cells <- lapply(table, function(x) {
    if (is.numeric(x)) x <- ifelse(is.na(x), "", vapply(x, short, "", digits = numbers))
    gsub("|", "\\|", as.character(x), fixed = TRUE)
  })
  right <- ifelse(vapply(table, is.numeric, NA), "---:", "---")
  line <- function(x) paste0("| ", paste(x, collapse = " | "), " |")
  rows <- do.call(mapply, c(list(function(...) line(c(...))), unname(cells)))
  c(line(names(table)), line(right), rows)
}

short <- function(x, digits) {
  if (is.na(x)) return("")
  if (abs(x) < 1e4) return(format(signif(x, digits)))
  formatC(x, format = "f", digits = 0L, big.mark = ",")
}

machine <- function() {
  cpu <- tryCatch(
    sub(".*: *", "", grep("^model name", readLines("/proc/cpuinfo"), value = TRUE)[1]),
    error = function(e) "unknown processor"
  )
  paste0(R.version.string, ", ", parallel::detectCores(), " cores, ", cpu)
}
