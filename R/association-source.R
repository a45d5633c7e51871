# Where genotypes come from: blocks of people x variants, numbers or the bytes of a .bed file.

#' Read genotypes block by block
#'
#' @param genotypes See [association_scan()].
#' @param block Variants at a time, or `NULL`.
#' @return A list: `people`, names of the rows; `read(done)`, the block after the first `done`
#'   variants, or `NULL`; `some(count)`, some random variants; `names()` of variants, or `NULL`;
#'   except for functions also `count`, how many, `block`, how many at a time, and `columns(from)`,
#'   those at some positions. Blocks are matrices of numbers, or packed ones, see [bed_source()].
#' @section Errors: `genotypes`.
#' @noRd
genotype_source <- function(genotypes, block) UseMethod("genotype_source")

# By default as many variants as are small.
block_size <- function(block, bytes) {
  if (is.null(block)) return(as.integer(max(1, min(2000, 2^26 / bytes))))
  check_whole(block, "block", 1, Inf)
  block
}

#' @export
genotype_source.default <- function(genotypes, block) {
  if (length(dim(genotypes)) != 2L) {
    abort("genotypes", "`genotypes` must be people x variants, or a function of a block's number.",
      given = class(genotypes)[1L]
    )
  }
  columns <- function(from) as_genotypes(genotypes[, from, drop = FALSE])
  size <- block_size(block, 4 * 8 * nrow(genotypes)) # with three copies, for exact variances
  blocks_of_columns(
    rownames(genotypes), ncol(genotypes), size, columns, function() colnames(genotypes)
  )
}

# `columns(from)`: the block of these positions; `names()`: of all, or `NULL`.
blocks_of_columns <- function(people, count, block, columns, names) {
  if (count < 1L) abort("genotypes", "There are no variants to scan.", given = "none")
  list(
    people = people, columns = columns, names = names, count = count, block = block,
    read = function(done) if (done < count) columns(seq.int(done + 1L, min(done + block, count))),
    some = function(size) columns(sort(sample.int(count, min(size, count))))
  )
}

refuse_variants <- function(given) {
  abort("argument", "`variants` must be names or positions of variants in `genotypes`.",
    given = given
  )
}

# Of some variants, by name or position.
with_variants <- function(source, variants) {
  if (is.null(variants)) return(source)
  if (is.null(source$columns)) {
    abort("argument", "`variants` can't be given when `genotypes` is a function.",
      hint = "Let the function return only these variants."
    )
  }
  places <- seq_len(source$count)
  if (!is.atomic(variants)) refuse_variants(class(variants)[1L])
  at <- if (is.character(variants)) places_of(variants, source) else places[variants]
  if (is.numeric(variants) && !all(is_whole(variants) %in% TRUE)) at <- NA_integer_
  if (anyNA(at) || !length(at)) {
    refuse_variants(if (length(at)) some_of(variants[is.na(at)]) else "none")
  }
  columns <- function(from) {
    G <- source$columns(at[from])
    if (!is.raw(G) && is.null(colnames(G))) colnames(G) <- at[from]
    G
  }
  names <- function() (source$names() %||% as.character(places))[at]
  blocks_of_columns(source$people, length(at), source$block, columns, names)
}

places_of <- function(variants, source) {
  names <- source$names() %||% as.character(seq_len(source$count))
  twice <- names %in% variants & duplicated(names)
  if (any(twice)) {
    abort("argument", "`variants` can't select by a name that several variants have.",
      given = some_of(unique(names[twice])), hint = "Select by position instead."
    )
  }
  match(variants, names)
}

# The first block is read twice: it says who the people are.
#' @export
genotype_source.function <- function(genotypes, block) {
  first <- as_genotypes(genotypes(1L))
  place <- c(0L, 0L) # blocks and variants read so far
  list(
    people = rownames(first), names = function() NULL,
    read = function(done) {
      repeat {
        G <- genotypes(place[1L] + 1L)
        if (is.null(G)) return(NULL)
        place <<- place + c(1L, ncol(G))
        if (place[2L] > done) break
      }
      G <- as_genotypes(G)
      if (!identical(rownames(G), rownames(first))) {
        abort("genotypes", "All blocks must have the same people in the same order.",
          given = paste("block", place[1L])
        )
      }
      G[, seq.int(ncol(G) - (place[2L] - done) + 1L, ncol(G)), drop = FALSE]
    },
    some = function(size) first[, sample.int(ncol(first), min(size, ncol(first))), drop = FALSE]
  )
}

as_genotypes <- function(G) {
  if (is.matrix(G) && is.numeric(G)) return(G)
  abort("genotypes", "A block of genotypes must be a matrix of numbers, people x variants.",
    given = if (is.matrix(G)) paste("a matrix of type", typeof(G)) else class(G)[1L],
    hint = if (is.data.frame(G)) "as.matrix() makes one of a data frame."
  )
}

# A data frame with a row for each variant of a block that follows `before` others.
about_variants <- function(G, before = 0L) {
  about <- attr(G, "about")
  if (!is.null(about)) return(about())
  data.frame(variant = colnames(G) %||% (before + seq_len(ncol(G))))
}

# `found`: `smallest` and `largest` genotype of each variant.
check_genotypes <- function(found, names) {
  bad <- which(found$largest > 2 | found$smallest < 0)
  if (!length(bad)) return(invisible())
  abort("genotypes", "Genotypes must be numbers of alleles, 0 to 2, or NA.",
    given = paste0(
      "variant ", names[bad[1L]], " with values from ",
      format(found$smallest[bad[1L]]), " to ", format(found$largest[bad[1L]])
    )
  )
}

# Files ------------------------------------------------------------------------------------------

#' What a file has already; without `resume` it begins anew
#'
#' @param rows_each Rows of a variant.
#' @return A list: `done`, variants before the last complete one, which is scanned again; lines:
#'   `header`, `last`, those of that variant, and `keep`, header and those before.
#' @noRd
start_file <- function(file, resume, rows_each) {
  text <- if (resume && file.exists(file)) readLines(file, warn = FALSE)
  if (!length(text)) {
    unlink(file)
    return(list(done = 0L))
  }
  fields <- lengths(strsplit(text, "\t", fixed = TRUE))
  whole <- match(FALSE, fields == fields[1L], length(text) + 1L) - 1L
  variants <- (whole - 1L) %/% rows_each
  done <- max(0L, variants - 1L)
  kept <- 1L + done * rows_each
  list(
    done = done, header = text[1L], keep = text[seq_len(kept)],
    last = text[seq_len((variants - done) * rows_each) + kept]
  )
}

#' Go on with a file, whose last variant must be what it is in this scan
#'
#' @param before From [start_file()]; `table` of the block from its last variant on, or `NULL`.
#' @section Errors: `argument`.
#' @noRd
go_on <- function(file, before, table) {
  if (is.null(before$header)) return(invisible())
  other <- other_scan(before, table)
  if (!is.null(other)) {
    abort("argument", "`resume = TRUE` can only continue a file of the same scan.", given = other,
      hint = "Give another file; without `resume` this one is overwritten."
    )
  }
  writeLines(before$keep, file)
}

# In what the file is of another scan, or nothing.
other_scan <- function(before, table) {
  if (is.null(table)) return("a file of more variants than there are")
  if (!identical(before$header, paste(names(table), collapse = "\t"))) {
    return("a file with other columns")
  }
  if (!length(before$last)) return(NULL)
  there <- utils::read.delim(text = c(before$header, before$last), quote = "",
    colClasses = "character", check.names = FALSE, na.strings = character()
  )
  here <- table[seq_len(nrow(there)), ]
  for (name in intersect(c("trait", "variant"), names(there))) {
    found <- as.character(here[[name]])
    if (!identical(there[[name]], found)) {
      return(paste0("a file with ", name, " ", there[[name]][1L], ", where ", found[1L], " is now"))
    }
  }
  numbers <- function(name) suppressWarnings(as.numeric(there[[name]]))
  V <- here$variance
  same <- abs(numbers("score") - here$score) <= 1e-6 * sqrt(V) &
    abs(numbers("variance") - V) <= 1e-6 * V
  if (identical(is.na(numbers("variance")), is.na(V)) && !any(!same, na.rm = TRUE)) return(NULL)
  paste("a file with other scores of variant", here$variant[1L])
}

# By data.table where it is installed, in an eighth of the time.
append_rows <- function(table, file) {
  new <- !file.exists(file)
  if (requireNamespace("data.table", quietly = TRUE)) {
    data.table::fwrite(table, file,
      append = !new, col.names = new, quote = FALSE, sep = "\t", na = "NA", nThread = 1L,
      showProgress = FALSE
    )
  } else {
    utils::write.table(table, file,
      append = !new, col.names = new, row.names = FALSE, quote = FALSE, sep = "\t"
    )
  }
}
