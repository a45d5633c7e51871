# What the arguments of scans and relationship matrices must be.

check_scan_arguments <- function(saddlepoint, n_ratio, file, resume, progress, seed) {
  check_switch(saddlepoint, "saddlepoint")
  check_switch(resume, "resume")
  check_switch(progress, "progress")
  check_whole(n_ratio, "n_ratio", 2, Inf)
  check_seed(seed)
  if (!is.null(file)) return(check_scan_file(file))
  if (resume) abort("argument", "`resume = TRUE` requires `file`, the file to continue.")
}

check_scan_file <- function(file) {
  if (!is.character(file) || length(file) != 1L || is.na(file)) {
    abort("argument", "`file` must be the name of a file.", given = deparse(file)[1L])
  }
  folder <- dirname(file)
  if (dir.exists(folder) && !dir.exists(file)) return(invisible())
  abort("argument", "`file` must be a file in an existing folder.",
    given = if (dir.exists(file)) paste("the folder", file) else paste("no folder", folder)
  )
}

check_kinship_arguments <- function(min_frequency, threshold) {
  is_number <- function(x) is.numeric(x) && length(x) == 1L && is.finite(x)
  if (!is_number(min_frequency) || min_frequency < 0 || min_frequency > 0.5) {
    abort("argument", "`min_frequency` must be a number from 0 to 0.5.",
      given = deparse(min_frequency)[1L]
    )
  }
  if (!is.null(threshold) && !is_number(threshold)) {
    abort("argument", "`threshold` must be NULL or a number.", given = deparse(threshold)[1L])
  }
}
