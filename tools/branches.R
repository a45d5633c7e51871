# Counts the lines of R/ that ask what kind of thing they have before them: which structure of the
# random effects, which distribution, which family by name, which working correlation, glmm or gee,
# which way of integration. Such a question belongs to a constructor (which answers it once), a
# dispatch (a method for each kind) or a text for printing. Quits with status 1 above the limit.
#   Rscript tools/branches.R [-v]      (-v: every line)
#
# A question hides behind any name: a predicate whose body is one of these questions counts at each
# call, and one that calls such a predicate too. Properties of a response (has_trials(), ...) are
# the answers that family-*.R gives in place of names; questions of what a kind can do, supports(),
# are listed apart.

limit <- 50L

# The classes that a dispatch is on; a test for one of them is a question.
kinds <- paste0(
  "margmix_(glmm|gee|one_factor|two_levels|several_factors|sparse|nested_sparse|crossed|too_large|",
  "bridge|normal|exact|trapezoid|quadrature|level_quadrature|laplace|stochastic)"
)
compared <- "(==|!=|%in%)"
questions <- c(
  structure = "[$]structure\\b|plan[$]exact|length\\([a-z$_]*groups\\) *(==|!=|>|<)",
  distribution = "[$](random|distribution)\\b *(==|!=)|identical\\([a-z$_]*[$](random|distribution),",
  class = paste0("inherits\\([^\"]*\"", kinds, "\"|class\\([a-z$_]*\\)[^#]*\"", kinds, "\""),
  family = paste0(
    "(family[$](family|link)|\\blink) *", compared, " *(c\\()?\"|",
    "(switch|startsWith|identical)\\((paste\\()?[a-z$]*family[$](family|link)|",
    "\\b[ab][$](family|link) *", compared
  ),
  correlation = "correlation[$]type",
  integration = "(method *==|[$]method,) *\"(exact|trapezoid|Laplace|AGHQ)\"",
  linear = "\\bis_linear\\("
)

code_lines <- function(file) {
  lines <- readLines(file, warn = FALSE)
  lines[grepl("^\\s*#", lines)] <- ""
  sub("\\s#[^\"']*$", "", lines)
}

# The top-level function that each line belongs to.
owners <- function(lines) {
  starts <- grepl("^[A-Za-z._`][^ ]* *<- *", lines)
  name <- gsub("`", "", sub(" *<-.*", "", lines))
  c("", name[starts])[cumsum(starts) + 1L]
}

read_house <- function(folder = "R") {
  files <- list.files(folder, "[.]R$", full.names = TRUE)
  files <- setdiff(files, file.path(folder, "RcppExports.R"))
  do.call(rbind, lapply(files, function(file) {
    lines <- code_lines(file)
    data.frame(
      file = basename(file), line = seq_along(lines), owner = owners(lines), text = lines
    )
  }))
}

# Predicates behind which a question hides, and those behind which these hide.
hidden_predicates <- function(house, asked) {
  found <- character()
  repeat {
    calls <- grepl(paste0("\\b(", paste(c("is_mixed", found), collapse = "|"), ")\\("), house$text)
    hits <- house[asked | calls, ]
    hits <- hits[!grepl("^(family-|response)", hits$file), ]
    size <- table(house$owner[nzchar(trimws(house$text))])
    new <- unique(hits$owner[
      grepl("^(is|has|can|needs|uses|suits)_", hits$owner) & size[hits$owner] <= 5L
    ])
    new <- setdiff(new, found)
    if (!length(new)) return(found)
    found <- c(found, new)
  }
}

role_of <- function(hit) {
  constructor <- "^(new_|build_|as_|cor_|random_part|way_of_)"
  printed <- paste0(
    "(_words|_words_of|_note|_heading|_hint|_labels?)$|^print|^(report|note|check|refuse)_"
  )
  ifelse(grepl("^(family-|response)", hit$file) | grepl(constructor, hit$owner), "constructor",
    ifelse(grepl("UseMethod", hit$text), "dispatch",
      ifelse(grepl(printed, hit$owner), "text", "other")
    )
  )
}

house <- read_house()
asked <- Reduce(`|`, lapply(questions, grepl, house$text, perl = TRUE))
predicates <- hidden_predicates(house, asked)
called <- grepl(paste0("\\b(", paste(predicates, collapse = "|"), ")\\b"), house$text)
hits <- house[(asked | called) & nzchar(trimws(house$text)), ]
hits$role <- role_of(hits)
by_file <- table(hits$file, factor(hits$role, c("constructor", "dispatch", "text", "other")))
print(by_file[order(-rowSums(by_file)), , drop = FALSE])
if ("-v" %in% commandArgs(TRUE)) {
  cat(sprintf("%-11s %s:%d: %s", hits$role, hits$file, hits$line, trimws(hits$text)), sep = "\n")
}
cat("Predicates that hide a question: ", paste(predicates, collapse = ", "), "\n", sep = "")
cat(sum(grepl("\\bsupports\\(", house$text)), "lines ask what a kind supports\n")
cat(nrow(hits), " lines branch (", paste(colSums(by_file), colnames(by_file), collapse = ", "),
  "), at most ", limit, " may\n", sep = "")
quit(status = as.integer(nrow(hits) > limit))
