# PLINK .bed files: two bits a genotype, variant by variant, as the engine reads them.

#' @export
genotype_source.character <- function(genotypes, block) {
  stem <- sub("\\.bed$", "", genotypes[1L])
  files <- paste0(stem, c(".bed", ".fam", ".bim"))
  if (length(genotypes) != 1L || !all(file.exists(files))) {
    abort("genotypes", "A path must be that of one .bed file, beside its .fam and .bim files.",
      given = paste("not found:", some_of(files[!file.exists(files)]))
    )
  }
  fam <- read_columns(files[2L], 6L)
  bim <- read_columns(files[3L], 6L)
  about <- data.frame(
    variant = bim[[2L]], chromosome = bim[[1L]], position = positions_of(bim[[4L]], files[3L]),
    counted = bim[[5L]], other = bim[[6L]]
  )
  same <- about$counted == about$other & !about$counted %in% c("0", ".")
  if (any(same)) {
    note("genotypes", paste0(
      "Both alleles have one name in the .bim file: ", count_of(sum(same), "variant"), ", ",
      some_of(about$variant[same]), "."
    ))
  }
  bed_source(files[1L], fam[[2L]], about, block)
}

#' @export
genotype_source.BEDMatrix <- function(genotypes, block) {
  names <- dimnames(genotypes)
  bed_source(
    methods::slot(genotypes, "path"), names[[1L]], data.frame(variant = names[[2L]]), block
  )
}

#' The variants of a .bed file
#'
#' A packed block of them is a raw matrix, four people a byte x variants, with attributes `people`,
#' how many, and `about`, the rows of `about`.
#'
#' @param about A data frame with a row for each variant.
#' @section Errors: `genotypes`.
#' @noRd
bed_source <- function(path, people, about, block) {
  bytes <- (length(people) + 3L) %/% 4L
  check_bed(path, length(people), nrow(about), bytes)
  columns <- function(from) {
    G <- read_bed(path, bytes, from)
    rows <- about[from, , drop = FALSE]
    row.names(rows) <- NULL
    # structure() would copy the bytes
    attr(G, "people") <- length(people)
    attr(G, "about") <- rows
    G
  }
  blocks_of_columns(people, nrow(about), block_size(block, bytes), columns, about$variant)
}

# Numbers in place of bytes; a matrix of numbers as it is.
genotype_matrix <- function(G) {
  if (!is.raw(G)) return(G)
  engine_genotypes(G, seq_len(attr(G, "people")), seq_len(ncol(G)), impute = FALSE)
}

# Runs of neighbouring variants are read at once.
read_bed <- function(path, bytes, from) {
  connection <- file(path, "rb")
  on.exit(close(connection))
  runs <- split(from, cumsum(c(TRUE, diff(from) != 1L)))
  read <- function(run) {
    seek(connection, 3 + bytes * (run[1L] - 1))
    readBin(connection, "raw", bytes * length(run))
  }
  # a block is large: one run is not copied
  all <- if (length(runs) == 1L) read(from) else unlist(lapply(unname(runs), read))
  dim(all) <- c(bytes, length(from))
  all
}

check_bed <- function(path, people, variants, bytes) {
  size <- file.size(path)
  start <- readBin(path, "raw", 3L)
  if (!identical(start, as.raw(c(0x6c, 0x1b, 0x01)))) {
    abort("genotypes", "A .bed file must be one of PLINK, variant by variant.",
      given = paste("it begins with bytes", paste(start, collapse = " "))
    )
  }
  must <- 3 + as.numeric(bytes) * variants
  if (size == must) return(invisible())
  abort("genotypes", paste0(
    "A .bed file of ", count_of(people, "person"), " (.fam) and ", count_of(variants, "variant"),
    " (.bim) must have ", format(must, big.mark = ","), " bytes."
  ), given = paste(format(size, big.mark = ","), "bytes"), hint = if (size < must) {
    "The file is truncated, or the .fam or .bim file is of another one."
  } else {
    "The .fam or .bim file is of another one."
  })
}

positions_of <- function(text, file) {
  position <- suppressWarnings(as.numeric(text))
  if (!anyNA(position)) return(position)
  bad <- which(is.na(position))
  abort("genotypes", "Positions in a .bim file must be numbers.",
    given = paste0("none in ", basename(file), ", lines ", some_of(bad))
  )
}

# Text columns between white space.
read_columns <- function(file, count) {
  fields <- scan(file, rep(list(""), count), quiet = TRUE, quote = "", comment.char = "",
    multi.line = FALSE, fill = TRUE, flush = TRUE
  )
  short <- which(!nzchar(fields[[count]]))
  if (!length(short)) return(fields)
  abort("genotypes", paste0("Each line of a .fam or .bim file must have ", count, " columns."),
    given = paste0("fewer in ", basename(file), ", lines ", some_of(short))
  )
}
