# Runs the R blocks of README.md that others without a language follow and compares what they print
# with these, but for numbers that depend on rounding; and its table of features with
# bench/features.csv. Quits with status 1 where they differ.

lines <- readLines("README.md")
fences <- grep("^```", lines)
blocks <- lapply(seq(1, length(fences), 2), function(i) {
  inside <- seq_len(fences[i + 1] - fences[i] - 1)
  list(language = sub("^```", "", lines[fences[i]]), text = lines[fences[i] + inside])
})
language <- vapply(blocks, `[[`, "", "language")
run <- which(language == "r" & c(language[-1L], "r") == "")
grDevices::pdf(NULL)
printed <- utils::capture.output(
  for (expr in parse(text = unlist(lapply(blocks[run], `[[`, "text")))) {
    value <- withVisible(eval(expr))
    if (value$visible) print(value$value)
  }
)
plain <- function(x) {
  x <- sub("^Converged: .*", "Converged: <numbers>", x)
  trimws(x[nzchar(trimws(x))], "right")
}
shown <- unlist(lapply(blocks[language == "" & seq_along(blocks) > run[1L]], `[[`, "text"))
if (!identical(plain(printed), plain(shown))) {
  cat("README.md prints what the package does not:\n")
  cat(paste("<", setdiff(plain(shown), plain(printed))), sep = "\n")
  cat(paste(">", setdiff(plain(printed), plain(shown))), sep = "\n")
  quit(status = 1L)
}

found <- utils::read.csv("bench/features.csv")
row <- function(feature) {
  answers <- found$answer[found$feature == feature]
  paste0("| ", paste(c(feature, answers), collapse = " | "), " |")
}
table <- grep("^\\| .*\\| (yes|no|warns|-) \\|$", lines, value = TRUE)
features <- sub("^\\| ([^|]+) \\|.*", "\\1", table)
expected <- vapply(features, row, "")
if (!length(table) || !all(table == expected)) {
  cat("README.md has features that bench/features.csv has not:\n")
  cat(paste("<", table[table != expected]), paste(">", expected[table != expected]), sep = "\n")
  quit(status = 1L)
}
