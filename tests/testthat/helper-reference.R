# A table of tests/reference, which the built package lacks.
reference_csv <- function(name) {
  file <- testthat::test_path("..", "reference", name)
  testthat::skip_if_not(file.exists(file), "reference tables")
  file
}
