# Counts the lines that read a field of a design through what holds it, as fit$design$X does,
# outside design*.R: the functions there answer, design_X(fit$design), so that what a design is made
# of can change in one room. Quits with status 1 above the limits.
#   Rscript tools/reads.R [-v]      (-v: every line)
#
# `held`: in R/ and in the tests. `named`: through a name that a function of R/ gives to the design
# of a fit, design <- fit$design. A function whose argument is a design may read it, and one that
# makes another design writes its fields: neither counts.

limits <- c(held = 0L, named = 0L)

code_lines <- function(file) {
  lines <- readLines(file, warn = FALSE)
  lines[grepl("^\\s*#", lines)] <- ""
  sub("\\s#[^\"']*$", "", lines)
}

field <- "([$]|\\[)"
part <- "([$][A-Za-z_]+|\\[[^]]*\\]+)"
written <- function(design) paste0("[A-Za-z_.$]*", design, part, "+ *<-")
reads <- function(lines, design) grepl(paste0(design, field), gsub(written(design), "", lines))

# The lines of a file after the first that gives a name to a design, up to the end of the function.
reads_by_name <- function(lines) {
  name <- sub("^\\s*([A-Za-z_.]+) <- .*", "\\1", lines)
  gives <- grepl("^\\s*[A-Za-z_.]+ <- [A-Za-z_.$]+[$]design$", lines)
  ends <- c(which(lines == "}"), length(lines))
  found <- logical(length(lines))
  for (line in which(gives)) {
    inside <- seq(line, min(ends[ends >= line]))
    found[inside] <- found[inside] | reads(lines[inside], paste0("\\b", name[line]))
  }
  found
}

find_reads <- function(files) {
  do.call(rbind, lapply(files, function(file) {
    lines <- code_lines(file)
    held <- reads(lines, "[$]design")
    named <- !held & startsWith(file, "R/") & reads_by_name(lines)
    kind <- ifelse(held, "held", "named")
    data.frame(kind, file, line = seq_along(lines), text = trimws(lines))[held | named, ]
  }))
}

files <- c(list.files(c("R", "tests/testthat"), "[.]R$", full.names = TRUE))
hits <- find_reads(files[!grepl("^R/(design[^/]*|RcppExports)[.]R$", files)])
if ("-v" %in% commandArgs(TRUE)) {
  cat(sprintf("%-5s %s:%d: %s", hits$kind, hits$file, hits$line, hits$text), sep = "\n")
}
counts <- table(factor(hits$kind, names(limits)))
cat(sprintf("%d lines read fields of a design that is %s, at most %d may\n", counts, names(limits),
  limits), sep = "")
quit(status = as.integer(any(counts > limits)))
