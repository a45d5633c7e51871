test_that("conditions carry their class, fields and text", {
  error <- tryCatch(
    abort("cause", "It must hold.", "this", "Do that.", field = 3),
    error = identity
  )
  expect_identical(class(error), c("margmix_error_cause", "margmix_error", "error", "condition"))
  expect_identical(error$field, 3)
  expect_identical(conditionMessage(error), "It must hold.\n  Given: this\n  Hint: Do that.")
  expect_warning(warn("cause", "Careful."), class = "margmix_warning_cause")
  expect_message(note("cause", "By the way."), "By the way.", class = "margmix_note_cause")
})

test_that("conditions are recorded and passed on", {
  record <- condition_record()
  recorded <- function(expr) {
    withCallingHandlers(expr, margmix_warning = record$keep, margmix_note = record$keep)
  }
  expect_message(
    expect_warning(
      value <- recorded({
        warn("one", "First.")
        note("two", "Second.")
        7
      }),
      "First."
    ),
    "Second."
  )
  expect_identical(value, 7)
  expect_identical(record$warnings(), c(one = "First."))
  expect_identical(record$notes(), c(two = "Second."))
  suppressWarnings(recorded(warn("one", "Again.")))
  expect_identical(record$warnings(), c(one = "First.\nAgain."))
})

test_that("lists in texts are cut short", {
  expect_identical(some_of(1:3), "1, 2, 3")
  expect_identical(some_of(1:7), "1, 2, 3, 4, 5 and 2 more")
  expect_identical(some_rows(4L), "row 4")
  expect_identical(some_rows(1:6), "rows 1, 2, 3, 4, 5 and 1 more")
})
