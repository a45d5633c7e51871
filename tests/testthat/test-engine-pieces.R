test_that("a piece that a thing does not have is an error", {
  calls <- list(
    function() covariance_("cs", 2L, "nothing", list()),
    function() genotypes_(matrix(0, 2, 2), 2L, "nothing", list()),
    function() kenward_roger_(list(), "nothing", list()),
    function() relation_(list(), "nothing", list()),
    function() glm_(list(), list(), "nothing", list())
  )
  for (call in calls) {
    expect_error(call(), "internal: no piece `nothing`", fixed = TRUE, class = "Rcpp::exception")
  }
})

test_that("an argument that a piece misses, or of another type, is an error", {
  expect_error(covariance_("cs", 2L, "entries", list(tau = 1:3)), "`tau` must be doubles")
  expect_error(covariance_("cs", 2L, "entries", list()), class = "Rcpp::index_out_of_bounds")
  expect_error(engine_covariance_entries("cs", 2L, c(0, 0, 0), g = 1), "`g` must be 3 doubles")
})
