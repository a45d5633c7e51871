# Writes what other packages read out of the fits to tests/testthat/clients.csv, from which
# `make docs` makes the table of help page `other-packages`. The rows of packages that are not
# installed stay.
#   Rscript tools/clients.R

library(margmix)
helpers <- new.env()
for (file in Sys.glob("tests/testthat/helper-clients*.R")) sys.source(file, helpers)

path <- "tests/testthat/clients.csv"
earlier <- if (file.exists(path)) margmix:::read_clients(path)

rows_of <- function(client) {
  packages <- c(client$package, client$needs)
  there <- vapply(packages, requireNamespace, NA, quietly = TRUE)
  if (all(there)) return(helpers$client_rows(client))
  message(toString(packages[!there]), " is not installed: what is known of it stays")
  earlier[earlier$package == client$package & earlier$call == client$call, ]
}

found <- do.call(rbind, lapply(helpers$all_clients(), rows_of))
wrong <- !grepl(helpers$allowed_cells, as.matrix(found[helpers$client_answers]))
if (any(wrong)) {
  print(found[rowSums(matrix(wrong, nrow(found))) > 0, ])
  stop("a client gives another answer, or fails")
}
utils::write.csv(found, path, row.names = FALSE)
