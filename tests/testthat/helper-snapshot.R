# Snapshots of code, output and conditions in one format: versions of testthat write them each in
# its own way.

#' @param x Code.
#' @param error Must it stop with an error? Further expressions of `{` are evaluated all the same.
#' @param transform Function of the lines.
expect_snapshot <- function(x, error = FALSE, transform = identity) {
  code <- substitute(x)
  env <- parent.frame()
  several <- is.call(code) && identical(code[[1L]], as.name("{"))
  stopped <- FALSE
  lines <- lapply(if (several) as.list(code)[-1L] else list(code), function(code) {
    output <- utils::capture.output(tryCatch(print_code(code, env), error = function(condition) {
      if (!error) stop(condition)
      stopped <<- TRUE
      cat_condition("Error", condition)
    }))
    c(paste0("> ", deparse(code, 500L)), output)
  })
  if (error && !stopped) testthat::fail(paste("No error of", deparse(code)[1L]))
  testthat::expect_snapshot_output(cat(transform(unlist(lines)), sep = "\n"))
}

# What code prints, warnings and messages where they come.
print_code <- function(code, env) {
  withCallingHandlers(
    {
      value <- withVisible(eval(code, env))
      if (value$visible) print(value$value)
    },
    warning = function(condition) {
      cat_condition("Warning", condition)
      invokeRestart("muffleWarning")
    },
    message = function(condition) {
      cat_condition("Message", condition)
      invokeRestart("muffleMessage")
    }
  )
}

cat_condition <- function(kind, condition) {
  message <- strsplit(conditionMessage(condition), "\n", fixed = TRUE)[[1L]]
  cat(paste0(kind, " <", class(condition)[1L], ">"), paste0("  ", message), sep = "\n")
}

#' Is a regular expression in what is printed? Lines that were wrapped count as one.
expect_output <- function(x, regexp = ".", fixed = FALSE) {
  lines <- utils::capture.output(x)
  text <- c(paste(lines, collapse = "\n"), gsub("\\s+", " ", paste(lines, collapse = " ")))
  testthat::expect(any(grepl(regexp, text, fixed = fixed)), paste0(
    "Not in the output: ", regexp, "\n", text[1L]
  ))
}

# The heading of a table, its wrapped lines as one.
heading_text <- function(table) paste(trimws(attr(table, "heading")), collapse = " ")
