# Does one installed version of margmix do more work than another?
#
#   Rscript bench/instructions.R OLD NEW [IDS]   libraries of the two; ids of run.R, all by default
#
# Instructions of the processor for one fit, counted by valgrind: those of a process with more fits
# less those of one with two. They do not depend on other work on the machine, nor on where memory
# lies, which moves times of versions.R by 5 to 10%. One collection of garbage more or less moves
# those of small fits, so these are repeated more often. Writes instructions.md.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
for (file in c("simulate.R", "measure.R", "compare.R")) source(file.path(here, file))
arguments <- commandArgs(TRUE)

# In a process of its own: so many fits of one id.
if (arguments[[1L]] == "fits") {
  case <- read_cases(here)[[arguments[[2L]]]]
  data <- case$data(1L)
  for (i in seq_len(as.integer(arguments[[3L]]))) invisible(case$fits[[1L]](data))
  quit()
}

if (!nzchar(Sys.which("valgrind"))) stop("Install valgrind, which counts the instructions.")

counted <- function(library, id, fits) {
  said <- suppressWarnings(system2("R",
    c(
      "-d", shQuote("valgrind --tool=callgrind --callgrind-out-file=/dev/null"), "--vanilla",
      "--no-echo", paste0("--file=", file.path(here, "instructions.R")), "--args", "fits", id, fits
    ),
    stdout = TRUE, stderr = TRUE, env = paste0("R_LIBS=", normalizePath(library))
  ))
  line <- grep("Collected", said, value = TRUE)
  if (length(line)) as.numeric(sub(".*: ", "", line)) else NA_real_
}

million_of_one <- function(library, id) {
  two <- counted(library, id, 2L)
  of <- function(fits) (counted(library, id, fits) - two) / (fits - 2) / 1e6
  million <- of(5L)
  if (isTRUE(million < 500)) million <- of(27L)
  round(million, 1)
}

rows <- compare_versions(here, arguments[1:2], arguments[-(1:2)], function(libraries, id) {
  vapply(libraries, million_of_one, 0, id = id)
})
writeLines(c(
  "# Work of the version of before and of this one", "",
  "Written by `bench/instructions.R`: million instructions of the processor for one fit, counted",
  "by valgrind.", "", markdown_table(rows)
), file.path(here, "instructions.md"))
