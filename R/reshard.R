# Files in which clusters are torn apart, written anew as shards of whole clusters.

#' Write shards of whole clusters
#'
#' @description
#' ```
#' files <- paste0(tempfile(), 1:3, ".rds") # each with rows of all patients
#' visits <- split(toenail, as.integer(cut(toenail$month, c(-1, 2, 6, 20))))
#' invisible(Map(saveRDS, visits, files))
#' s <- shards(reshard(files, id = "patient", folder = tempfile()), id = "patient")
#' glmm(severe ~ treatment * scheduled + (1 | patient), s, binomial())
#' ```
#'
#' [shards()] needs all rows of a cluster in one shard. `reshard()` writes such shards from files
#' that are split in another way, such as by month or by machine.
#'
#' @details
#' Every file is read twice: first for its clusters, then for its rows, which are written to parts
#' of each shard in a folder within `folder`. The parts are then put together, shard by shard,
#' sorted by cluster and within a cluster by the order of `files`. Memory holds one file or one
#' shard, and the distinct clusters of all; the disk holds, for a while, a second copy of the rows.
#' The files are not changed, and shards that could not be written to their end are removed.
#'
#' Columns must agree in name and type between files, as for [shards()]. 64-bit integers become
#' doubles, or a factor if they are larger than 2^53. Rows without a cluster could not be fitted, so
#' they are left out, with a note (`margmix_note_rows`).
#'
#' @param files,id,read As in [shards()].
#' @param folder A new or empty folder for the shards.
#' @param rows Approximate number of rows of a shard. A cluster is never divided.
#' @param write A function of a data frame and the path to write it to: [saveRDS()],
#'   `nanoparquet::write_parquet()`, `data.table::fwrite()`.
#' @param extension Extension of the files that it writes.
#' @return Paths of the shards, in the order of their clusters.
#' @section Errors: `margmix_error_shards`: a file can't be read or differs in columns or types, or
#'   a shard can't be written. `margmix_error_argument`.
#' @seealso [shards()]
#' @examples
#' folder <- tempfile("reshard")
#' dir.create(folder)
#' files <- file.path(folder, c("even.rds", "odd.rds"))
#' saveRDS(ohio[c(FALSE, TRUE), ], files[1])
#' saveRDS(ohio[c(TRUE, FALSE), ], files[2])
#' whole <- reshard(files, "id", file.path(folder, "whole"), rows = 1000)
#' shards(whole, id = "id")
#' unlink(folder, recursive = TRUE)
#' @export
reshard <- function(files, id, folder, rows = 1e6, read = readRDS, write = saveRDS,
                    extension = "rds") {
  pieces <- as.list(files)
  check_shards_arguments(pieces, id, read, NULL, Inf)
  require_argument(!is.null(id), "`id` must name the variable of clusters.", "NULL")
  require_argument(is.numeric(rows) && length(rows) == 1L && isTRUE(rows >= 1),
    "`rows` must be one number, 1 or more.", deparse(rows)[1L]
  )
  require_argument(is.function(write), "`write` must be a function.", class(write)[1L])
  require_argument(is_path(extension), "`extension` must be one word.", deparse(extension)[1L])
  source <- list(pieces = pieces, labels = shard_labels(pieces), read = read)
  check_given_once(pieces, source$labels)
  sizes <- rows_of_clusters(source, id)
  source$rows <- sizes$in_files
  new_folder(folder)
  parts <- file.path(folder, "parts")
  of <- shard_of_clusters(sizes$rows, rows)
  paths <- file.path(folder, sprintf("shard-%05d.%s", seq_len(max(of)), extension))
  complete <- FALSE
  on.exit(unlink(if (complete) parts else c(parts, paths), recursive = TRUE))
  dir.create(parts)
  writing(deal_rows(source, id, sizes$cluster, of, parts))
  for (k in seq_along(paths)) writing(write_whole(write, join_parts(parts, k, id), paths[k]))
  complete <- TRUE
  paths
}

new_folder <- function(folder) {
  require_argument(is_path(folder), "`folder` must be one path.", deparse(folder)[1L])
  there <- list.files(folder, all.files = TRUE, no.. = TRUE)
  require_argument(length(there) == 0L, "`folder` must be empty, or not exist yet.", some_of(there))
  if (dir.exists(folder) || dir.create(folder, showWarnings = FALSE, recursive = TRUE)) return()
  abort("shards", "`folder` must be writable.", given = folder)
}

#' The clusters of all files, sorted, and the rows of each
#' @return A list: `cluster`, `rows`, and `in_files`, the rows of each file.
#' @section Errors: `shards`.
#' @noRd
rows_of_clusters <- function(source, id) {
  without <- 0
  facts <- lapply(seq_along(source$pieces), function(k) {
    data <- plain_columns(read_shard(source, k))
    fact <- shard_columns(data, id)
    own <- row_ids(data[[id]])
    without <<- without + sum(is.na(own))
    fact$values <- id_values(data[[id]])
    fact$rows <- tabulate(match(own, fact$values), length(fact$values))
    fact
  })
  check_columns(facts, source$labels)
  values <- unlist(lapply(facts, `[[`, "values"))
  cluster <- sort(unique(values), method = "radix")
  if (!length(cluster)) {
    abort("shards", "No row has a cluster.", given = paste("no value of", code(id)))
  }
  if (without > 0) {
    note("rows", paste(
      "Rows without a value of", code(id), "are left out:", count_of(without, "row")
    ))
  }
  rows <- rowsum(as.double(unlist(lapply(facts, `[[`, "rows"))), match(values, cluster))
  list(cluster = cluster, rows = drop(rows), in_files = vapply(facts, `[[`, 0L, "n"))
}

# The shard of each cluster: neighbours share one, of about `size` rows.
shard_of_clusters <- function(rows, size) {
  middle <- cumsum(rows) - rows / 2
  shard <- floor(middle / sum(rows) * max(1, round(sum(rows) / size)))
  match(shard, unique(shard))
}

# Each file's rows to the parts of their shards.
deal_rows <- function(source, id, clusters, of, folder) {
  for (k in seq_along(source$pieces)) {
    data <- plain_columns(read_shard(source, k))
    to <- of[match(row_ids(data[[id]]), clusters)]
    for (shard in sort(unique(to))) {
      rows <- data[which(to == shard), , drop = FALSE]
      saveRDS(rows, file.path(folder, sprintf("%06d-%06d", shard, k)), compress = FALSE)
    }
  }
}

join_parts <- function(folder, shard, id) {
  files <- sort(list.files(folder, sprintf("^%06d-", shard), full.names = TRUE))
  data <- do.call(rbind, lapply(files, readRDS))
  unlink(files)
  data <- data[order(row_ids(data[[id]]), method = "radix"), , drop = FALSE]
  row.names(data) <- NULL
  data
}

# saveRDS() says nothing where the disk is full at the end of a file.
write_whole <- function(write, data, path) {
  write(data, path)
  if (!identical(write, saveRDS) || identical(dim(readRDS(path)), dim(data))) return(invisible())
  stop("a file is not whole: ", path)
}

# A full disk, say; errors of the package are what they are.
writing <- function(expr) {
  tryCatch(expr, error = function(e) {
    if (inherits(e, "margmix_error")) stop(e)
    abort("shards", "A shard could not be written completely.", given = conditionMessage(e),
      hint = "Is the disk full? The files that were read are unchanged."
    )
  })
}
