# Is one installed version of margmix slower than another?
#
#   Rscript bench/versions.R OLD NEW [IDS]   libraries of the two; ids of run.R, all by default
#
# The first fit of each case, in fresh processes of the two versions by turns, so that other work on
# the machine meets both. Writes versions.md: the fastest processor times and their ratio.
#
# The C library is told to keep freed memory. By default it gives the end of the heap back to the
# system between two fits, or not, as one small object happens to lie there; getting 20 MB again
# takes 10 ms, which says nothing of a version.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
for (file in c("simulate.R", "measure.R", "compare.R")) source(file.path(here, file))
arguments <- commandArgs(TRUE)
rounds <- 4L
keep_memory <- paste0("MALLOC_", c("TRIM", "MMAP"), "_THRESHOLD_=1000000000")

# In a process of its own: the fastest processor seconds of one id.
if (arguments[[1L]] == "one") {
  case <- read_cases(here)[[arguments[[2L]]]]
  data <- case$data(1L)
  run <- function() case$fits[[1L]](data)
  first <- system.time(run())
  again <- max(2L, min(30L, ceiling(2 / first[["elapsed"]])))
  times <- replicate(again, sum(system.time(run())[c("user.self", "sys.self")]))
  cat(as.character(packageVersion("margmix")), min(times), "\n")
  quit()
}

seconds <- function(library, id) {
  said <- suppressWarnings(system2("Rscript", c(file.path(here, "versions.R"), "one", id),
    stdout = TRUE, stderr = FALSE, env = c(paste0("R_LIBS=", normalizePath(library)), keep_memory)
  ))
  # A version that cannot run a case has no time.
  if (!is.null(attr(said, "status"))) return(NA_real_)
  as.numeric(strsplit(said[length(said)], " ")[[1L]][2L])
}

rows <- compare_versions(here, arguments[1:2], arguments[-(1:2)], function(libraries, id) {
  times <- replicate(rounds, vapply(libraries, seconds, 0, id = id))
  apply(times, 1L, min)
})
writeLines(c(
  "# The version of before and this one", "",
  paste0(machine(), ". Processor seconds of the whole call, one thread, the fastest of ", rounds),
  "processes that took turns; the C library keeps freed memory, see versions.R.", "",
  markdown_table(rows)
), file.path(here, "versions.md"))
