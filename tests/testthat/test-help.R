# The code on top of the help pages

code_on_top <- function(page) {
  tags <- vapply(page, attr, "", "Rd_tag")
  preformatted <- function(x) {
    if (identical(attr(x, "Rd_tag"), "\\preformatted")) return(paste(unlist(x), collapse = ""))
    if (is.list(x)) unlist(lapply(x, preformatted))
  }
  unlist(lapply(page[tags == "\\description"], preformatted))[1L]
}

test_that("the code on top of every help page runs by itself", {
  skip_on_cran()
  pages <- tools::Rd_db("margmix")
  skip_if(!length(pages), "the package was installed without help")
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  code <- unlist(lapply(pages, code_on_top))
  code <- code[!is.na(code)]
  expect_gt(length(code), 35L)
  others <- c("emmeans", "performance")
  if (!all(vapply(others, requireNamespace, NA, quietly = TRUE))) code[["other-packages.Rd"]] <- ""
  if (!requireNamespace("mgcv", quietly = TRUE)) code[["smooth_terms.Rd"]] <- ""
  for (name in names(code)) {
    here <- new.env(parent = globalenv())
    run <- function() {
      for (line in parse(text = code[[name]])) {
        value <- withVisible(eval(line, here))
        if (value$visible) print(value$value)
      }
    }
    expect_error(utils::capture.output(suppressMessages(suppressWarnings(run()))), NA, label = name)
  }
})

test_that("help pages have no TeX, which a terminal and the site print as it is", {
  pages <- tools::Rd_db("margmix")
  skip_if(!length(pages), "the package was installed without help")
  tex <- vapply(pages, function(page) any(grepl("\\\\d?eqn", as.character(page))), NA)
  expect_identical(names(pages)[tex], character())
})
