# PLINK .bed files: two bits a genotype, variant by variant, as the engine reads them.

#' @export
genotype_source.character <- function(genotypes, block) {
  if (is.matrix(genotypes)) as_genotypes(genotypes)
  stem <- sub("\\.bed$", "", genotypes[1L])
  files <- paste0(stem, c(".bed", ".fam", ".bim"))
  if (length(genotypes) != 1L || !all(file.exists(files))) {
    abort("genotypes", "A path must be that of one .bed file, next to its .fam and .bim files.",
      given = paste("not found:", some_of(files[!file.exists(files)]))
    )
  }
  fam <- read_columns(files[2L], files[2L], 6L)
  bed_source(files[1L], fam[[2L]], bim_variants(files[3L]), block)
}

#' @export
genotype_source.BEDMatrix <- function(genotypes, block) {
  names <- dimnames(genotypes)
  variants <- list(
    count = length(names[[2L]]), names = function() names[[2L]],
    rows = function(from) data.frame(variant = names[[2L]][from])
  )
  bed_source(methods::slot(genotypes, "path"), names[[1L]], variants, block)
}

#' The variants of a .bed file
#'
#' A packed block of them is a raw matrix, four people a byte x variants, with attributes `people`,
#' how many, and `about`, a function that returns a data frame with a row for each variant.
#'
#' @param variants See [bim_variants()].
#' @section Errors: `genotypes`.
#' @noRd
bed_source <- function(path, people, variants, block) {
  bytes <- (length(people) + 3L) %/% 4L
  check_bed(path, length(people), variants$count, bytes)
  columns <- function(from) {
    G <- read_bed(path, bytes, from)
    # structure() would copy the bytes
    attr(G, "people") <- length(people)
    attr(G, "about") <- function() variants$rows(from)
    G
  }
  blocks_of_columns(people, variants$count, block_size(block, bytes), columns, variants$names)
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
    abort("genotypes", "This is not a PLINK .bed file in variant-major order.",
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
