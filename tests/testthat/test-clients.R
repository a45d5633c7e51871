# Other packages answer as this one does, or are refused with a reason; and help page
# `other-packages` says so.

saved <- read_clients(test_path("clients.csv"))

for (client in all_clients()) {
  test_that(paste0(client$package, ": ", client$call), {
    skip_on_cran()
    skip_if_not_installed(client$package, client$version)
    for (package in client$needs) skip_if_not_installed(package)
    found <- client_rows(client)
    cells <- as.matrix(found[client_answers])
    wrong <- which(!grepl(allowed_cells, cells))
    expect_identical(paste(found$model[row(cells)[wrong]], cells[wrong]), character())
    rows <- saved[saved$package == client$package & saved$call == client$call, ]
    expect_identical(as.matrix(rows), as.matrix(found), ignore_attr = TRUE)
  })
}

test_that("the table of clients has all of them, and no wrong answer", {
  key <- function(x) paste(x$package, x$call)
  expect_setequal(key(saved), vapply(all_clients(), key, ""))
  expect_true(all(grepl(allowed_cells, as.matrix(saved[client_answers]))))
})
