# The .bim file beside a .bed file, a line for each variant: millions, read a part at a time.

#' The variants of a .bim file
#'
#' @param lines Of a part.
#' @return A list: `count`, how many; `rows(from)`, a data frame of those at some positions:
#'   `variant`, `chromosome`, `position`, `counted` and `other`, the alleles; `names()` of all.
#' @section Errors: `genotypes`. Note: `genotypes`, where both alleles have one name.
#' @noRd
bim_variants <- function(path, lines = 50000L) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  starts <- 0 # of the parts, in bytes
  count <- 0L
  same <- character()
  repeat {
    part <- read_bim(connection, path, lines, count)
    if (!nrow(part)) break
    alike <- part$counted == part$other & !part$counted %in% c("0", ".")
    same <- c(same, part$variant[alike])
    count <- count + nrow(part)
    starts <- c(starts, seek(connection))
    last <- part
  }
  if (length(same)) {
    note("genotypes", paste0(
      "Both alleles have one name in the .bim file: ", count_of(length(same), "variant"), ", ",
      some_of(same), "."
    ))
  }
  parts <- length(starts) - 1L
  at <- parts # the part that is held
  part_of <- function(k) {
    if (k == at) return(last)
    last <<- read_bim_part(path, starts[k], lines, (k - 1L) * lines)
    at <<- k
    last
  }
  rows <- function(from) {
    k <- (from - 1L) %/% lines + 1L
    tables <- lapply(unique(k), function(one) {
      part_of(one)[(from[k == one] - 1L) %% lines + 1L, , drop = FALSE]
    })
    table <- do.call(rbind, tables)[order(order(match(k, unique(k)))), , drop = FALSE]
    row.names(table) <- NULL
    table
  }
  names <- function() unlist(lapply(seq_len(parts), function(k) part_of(k)$variant))
  list(count = count, rows = rows, names = names)
}

read_bim_part <- function(path, start, lines, before) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  seek(connection, start)
  read_bim(connection, path, lines, before)
}

# The next lines of an open file, after `before` others.
read_bim <- function(connection, path, lines, before) {
  fields <- read_columns(connection, path, 6L, lines, before)
  data.frame(
    variant = fields[[2L]], chromosome = fields[[1L]],
    position = positions_of(fields[[4L]], path, before), counted = fields[[5L]],
    other = fields[[6L]]
  )
}

positions_of <- function(text, file, before) {
  position <- suppressWarnings(as.numeric(text))
  if (!anyNA(position)) return(position)
  bad <- which(is.na(position)) + before
  abort("genotypes", "Positions in a .bim file must be numbers.",
    given = paste0("none in ", basename(file), ", lines ", some_of(bad))
  )
}

#' Text columns between white space
#'
#' @param connection A path, or an open file after `before` lines of which `lines` are read.
#' @noRd
read_columns <- function(connection, file, count, lines = 0L, before = 0L) {
  fields <- scan(connection, rep(list(""), count), nlines = lines, quiet = TRUE, quote = "",
    comment.char = "", multi.line = FALSE, fill = TRUE, flush = TRUE
  )
  short <- which(!nzchar(fields[[count]]))
  if (!length(short)) return(fields)
  abort("genotypes", paste0("Each line of a .fam or .bim file must have ", count, " columns."),
    given = paste0("fewer in ", basename(file), ", lines ", some_of(short + before))
  )
}
