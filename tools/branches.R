# Counts the lines of R/ that ask what kind of thing they have before them: which structure of the
# random effects, which distribution, which family by name, which working correlation, glmm or gee,
# which way of integration. Such a question belongs to a constructor (which answers it once), a
# dispatch (a method for each kind) or a text for printing. Quits with status 1 above the limit, and
# where another file than family-*.R compares the name of a family or a link.
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
  "nonnormal|bridge|t|nonnormal_law|bridge_law|t_law|exact|trapezoid|quadrature|level_quadrature|",
  "laplace|stochastic)"
)
compared <- "(==|!=|%in%)"
questions <- c(
  structure = paste0(
    "[$]structure\\b|group_structure\\(|plan[$]exact|",
    "(length\\([a-z$_]*groups\\)|factor_count\\([a-z$]*\\)) *(==|!=|>|<)"
  ),
  distribution = "(random|distribution) *(==|!=) *\"|identical\\([a-z$_]*(random|distribution),",
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

# Predicates with a method for each kind.
dispatched_predicates <- function(house) {
  unique(house$owner[grepl("^(is|has)_", house$owner) & grepl("UseMethod", house$text)])
}

# Predicates behind which a question hides, and those behind which these hide.
hidden_predicates <- function(house, asked) {
  found <- dispatched_predicates(house)
  repeat {
    hits <- house[asked | calls_of(found, house), ]
    hits <- hits[!grepl("^(family[.-]|response)", hits$file), ]
    size <- table(house$owner[nzchar(trimws(house$text))])
    new <- unique(hits$owner[
      grepl("^(is|has|can|needs|uses|suits)_[a-z_]*$", hits$owner) & size[hits$owner] <= 5L
    ])
    new <- setdiff(new, found)
    if (!length(new)) return(found)
    found <- c(found, new)
  }
}

# Which lines call a predicate, or hand it on?
calls_of <- function(predicates, house) {
  if (!length(predicates)) return(logical(nrow(house)))
  grepl(paste0("\\b(", paste(predicates, collapse = "|"), ")\\b"), house$text)
}

role_of <- function(hit) {
  constructor <- paste0(
    "^(new_|build_|as_|cor_|random_part|several_factors|label_columns|way_of_|working_model_at|",
    "marginal_family)"
  )
  printed <- paste0(
    "(_words|_words_of|_note|_heading|_hint|_labels?)$|^print|^(report|note|check|refuse)_"
  )
  owner <- sub("[.](margmix_[a-z_]*|default)$", "", hit$owner)
  method <- owner != hit$owner & grepl("<- function", hit$text)
  ifelse(grepl("^(family[.-]|response)", hit$file) | grepl(constructor, owner), "constructor",
    ifelse(grepl("UseMethod", hit$text) | method | grepl("_fact$", owner), "dispatch",
      ifelse(grepl(printed, owner), "text", "other")
    )
  )
}

house <- read_house()
asked <- Reduce(`|`, lapply(questions, grepl, house$text, perl = TRUE))
predicates <- hidden_predicates(house, asked)
called <- calls_of(predicates, house)
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
named <- house[grepl(questions[["family"]], house$text, perl = TRUE), ]
named <- named[!grepl("^(family[.-]|response)", named$file), ]
if (nrow(named)) {
  cat("Only family-*.R ask for the name of a family or a link, but ")
  cat(sprintf("%s:%d: %s", named$file, named$line, trimws(named$text)), sep = "\n")
}
quit(status = as.integer(nrow(hits) > limit || nrow(named) > 0L))
