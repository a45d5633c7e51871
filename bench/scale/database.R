# B4: a table of a database, whose rows the database counts: PostgreSQL with 10^7 rows, SQLite with
# 10^6, beside the fit to the rows in memory. Writes database.md.
#
#   Rscript bench/scale/database.R [rows in PostgreSQL] [rows in SQLite]
#
# R_LIBS must name libraries with margmix, DBI, dbplyr, RPostgres and RSQLite. The server is one of
# its own, in a folder that is removed, on a socket there: initdb and postgres must be installed,
# which do not run as root: then they are the user postgres.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
need("margmix", "DBI", "dplyr", "dbplyr", "RPostgres", "RSQLite")
suppressMessages(library(margmix))
if (!nzchar(Sys.getenv("TZ"))) Sys.setenv(TZ = "UTC")

# Visits of few kinds: 200 centres, two doses, twelve months.
visits <- function(n) {
  set.seed(4)
  d <- data.frame(
    centre = sample(200L, n, TRUE), dose = rbinom(n, 1, 0.5), month = sample(12L, n, TRUE)
  )
  effect <- rnorm(200, sd = 0.6)
  d$relapse <- rbinom(n, 1, plogis(-1 + 0.4 * d$dose - 0.03 * d$month + effect[d$centre]))
  d
}
fit_to <- function(data, ...) {
  glmm(relapse ~ dose + month + (1 | centre), data, binomial(), nAGQ = 9, ...)
}

server_command <- function(name) {
  found <- c(Sys.which(name), Sys.glob(file.path("/usr/lib/postgresql/*/bin", name)))
  found <- found[nzchar(found)]
  if (!length(found)) stop("This needs the command ", name, " of PostgreSQL.", call. = FALSE)
  found[[1L]]
}

run_as <- function(...) {
  root <- Sys.info()[["effective_user"]] == "root"
  command <- paste(if (root) "runuser -u postgres --", ...)
  if (system(command) != 0L) stop("This has failed: ", command, call. = FALSE)
}

measured <- function(name, con, n) {
  data <- visits(n)
  loading <- system.time(DBI::dbWriteTable(con, "visits", data))[["elapsed"]]
  if (inherits(con, "PqConnection")) DBI::dbExecute(con, "ANALYZE visits")
  table <- dplyr::tbl(con, "visits")
  fit_to(table) # the first use of packages
  query <- system.time({
    groups <- dplyr::collect(dplyr::count(table, centre, dose, month, relapse))
  })[["elapsed"]]
  before <- proc.time()
  fit <- fit_to(table)
  whole <- proc.time() - before
  # the rows as they are: equal ones would be found in memory, too
  control <- glmm_control(collapse = FALSE)
  memory <- system.time(here <- fit_to(data, control = control))[["elapsed"]]
  data.frame(
    database = name, rows = n, groups = nrow(groups), `loading, s` = loading,
    `query alone, s` = query, `glmm(tbl), s` = whole[["elapsed"]],
    `of it in R, CPU s` = whole[["user.self"]] + whole[["sys.self"]],
    `single rows in memory, s` = memory,
    `estimates apart` = apart(c(fit$beta, fit$theta), c(here$beta, here$theta)),
    `SE apart` = apart(sqrt(diag(vcov(fit))), sqrt(diag(vcov(here)))),
    `logLik apart` = apart(logLik(fit), logLik(here)), check.names = FALSE
  )
}

folder <- tempfile("postgres-", "/tmp")
dir.create(folder)
Sys.chmod(folder, "777", use_umask = FALSE)
data <- file.path(folder, "data")
run_as(server_command("initdb"), "-D", data, "-A trust -U postgres >", file.path(folder, "log"))
run_as(server_command("pg_ctl"), "-D", data, "-w -l", file.path(folder, "server.log"), "-o",
  shQuote(paste("-c listen_addresses= -c unix_socket_directories=", folder, sep = "")),
  "start >", file.path(folder, "log")
)
con <- DBI::dbConnect(RPostgres::Postgres(), host = folder, user = "postgres", dbname = "postgres")
version <- sub(" .*", "", DBI::dbGetQuery(con, "SHOW server_version")[[1L]])
postgres <- tryCatch(measured(paste("PostgreSQL", version), con, size_argument(1L, 1e7)),
  finally = {
    DBI::dbDisconnect(con)
    run_as(server_command("pg_ctl"), "-D", data, "-m fast stop >", file.path(folder, "log"))
    unlink(folder, recursive = TRUE)
  }
)
file <- tempfile(fileext = ".sqlite")
con <- DBI::dbConnect(RSQLite::SQLite(), file)
version <- RSQLite::rsqliteVersion()[["library"]]
sqlite <- measured(paste("SQLite", version), con, size_argument(2L, 1e6))
DBI::dbDisconnect(con)
unlink(file)

table <- rbind(postgres, sqlite)
own <- table[["glmm(tbl), s"]] - table[["query alone, s"]]
write_scale("database", "Tables in a database", c(
  paste(
    "relapse ~ dose + month + (1 | centre), logit, K = 9: `glmm(data = tbl(con, \"visits\"))` asks",
    "for one `GROUP BY`. Differences from the fit to all single rows in memory are relative, the",
    "largest."
  ),
  paste0(
    "Time of the fit beyond that of the query: ", paste(signif(own, 2), collapse = ", "),
    " s (", paste(table$database, collapse = ", "), ")."
  )
), table)
