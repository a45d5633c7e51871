# Writes what other packages read out of the fits to inst/clients.csv, from which `make docs` makes
# the table of help page `other-packages`. The rows of packages that are not installed stay.
#   Rscript tools/clients.R

library(margmix)
for (file in Sys.glob("tests/testthat/helper-clients*.R")) source(file)

path <- "inst/clients.csv"
earlier <- if (file.exists(path)) margmix:::read_clients(path)

rows_of <- function(client) {
  if (requireNamespace(client$package, quietly = TRUE)) return(client_rows(client))
  message(client$package, " is not installed: what is known of it stays")
  earlier[earlier$package == client$package & earlier$call == client$call, ]
}

found <- do.call(rbind, lapply(all_clients(), rows_of))
wrong <- !grepl(allowed_cells, as.matrix(found[client_answers]))
if (any(wrong)) {
  print(found[rowSums(matrix(wrong, nrow(found))) > 0, ])
  stop("a client gives another answer, or fails")
}
utils::write.csv(found, path, row.names = FALSE)
