# Lints all R code by the rules of .lintr; quits with status 77 without lintr.
#
# Scripts and tests source helpers and name columns of data frames, which look like unknown names to
# the linter of object usage: it reads the package and tools/ only.

if (!requireNamespace("lintr", quietly = TRUE)) quit(status = 77L)
rules <- eval(parse(text = read.dcf(".lintr")[, "linters"]), asNamespace("lintr"))
rules$object_usage_linter <- NULL
scripts <- lapply(c("bench", "data-raw", "demo", "tests", "vignettes"), lintr::lint_dir,
  linters = rules, parse_settings = FALSE
)
found <- c(list(lintr::lint_package(), lintr::lint_dir("tools")), scripts)
for (lints in found) if (length(lints)) print(lints)
quit(status = as.integer(any(lengths(found) > 0L)))
