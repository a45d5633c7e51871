# The R packages that a purpose needs, as DESCRIPTION states them.
#   Rscript tools/setup.R missing|dependencies|install PURPOSE   (see tools/setup.sh)
# missing prints those not installed or too old, dependencies prints what these need in turn and is
# not installed, install takes the missing ones from the configured CRAN mirror.

description <- read.dcf("DESCRIPTION")
# without these nothing works; whatever else cannot be had is only reported
core_fields <- c("Imports", "LinkingTo")

field <- function(name) {
  if (!name %in% colnames(description)) return(character())
  trimws(strsplit(description[1, name], ",", fixed = TRUE)[[1]])
}

fields <- function(names) unique(unlist(lapply(names, field)))

package_name <- function(spec) sub("[ (].*", "", spec)

needs <- function(purpose) {
  core <- fields(core_fields)
  suggests <- field("Suggests")
  for_vignettes <- package_name(suggests) %in% field("Config/Needs/vignettes")
  more <- switch(purpose,
    demo = , threads = character(),
    test = suggests[!for_vignettes],
    coverage = c(suggests[!for_vignettes], field("Config/Needs/coverage")),
    lint = field("Config/Needs/lint"),
    check = c(suggests, field("Config/Needs/lint")),
    bench = field("Config/Needs/bench"),
    stop("unknown purpose: ", purpose)
  )
  unique(c(core, more))
}

new_enough <- function(version, spec) {
  least <- sub(".*>=\\s*([^)]*)\\).*|.*", "\\1", spec)
  !nzchar(least) || version >= least
}

is_met <- function(spec) {
  installed <- tryCatch(utils::packageVersion(package_name(spec)), error = function(e) NULL)
  !is.null(installed) && new_enough(installed, spec)
}

missing_packages <- function(specs) package_name(Filter(Negate(is_met), specs))

use_mirror <- function() {
  repos <- getOption("repos")
  if (is.null(repos)) repos <- c(CRAN = "@CRAN@")
  repos[repos == "@CRAN@"] <- "https://cloud.r-project.org"
  options(repos = repos)
}

dependencies_of <- function(packages) {
  db <- suppressWarnings(utils::available.packages())
  needed <- unlist(tools::package_dependencies(packages, db, recursive = TRUE))
  missing_packages(unique(needed))
}

# Whether the library or the mirror (`db`) has a package and all that it needs in turn, new enough.
# `known` keeps the answers.
can_be_had <- function(spec, db, known = new.env()) {
  if (is_met(spec)) return(TRUE)
  name <- package_name(spec)
  if (!name %in% rownames(db)) return(FALSE)
  if (!new_enough(package_version(db[name, "Version"]), spec)) return(FALSE)
  if (is.null(known[[name]])) {
    fields <- db[name, c("Depends", "Imports", "LinkingTo")]
    needed <- strsplit(toString(fields[!is.na(fields)]), ",\\s*")[[1]]
    needed <- needed[package_name(needed) != "R"]
    known[[name]] <- all(vapply(needed, can_be_had, NA, db = db, known = known))
  }
  known[[name]]
}

# The first writable library, else the user's own, which is made if need be.
target_library <- function() {
  writable <- file.access(.libPaths(), 2) == 0
  if (any(writable)) return(.libPaths()[writable][1])
  own <- strsplit(Sys.getenv("R_LIBS_USER"), .Platform$path.sep, fixed = TRUE)[[1]][1]
  dir.create(own, recursive = TRUE, showWarnings = FALSE)
  .libPaths(c(own, .libPaths()))
  own
}

install_missing <- function(purpose) {
  specs <- Filter(Negate(is_met), needs(purpose))
  if (length(specs)) {
    # for this R and the versions that are installed here
    db <- utils::available.packages()
    packages <- package_name(Filter(function(spec) can_be_had(spec, db), specs))
    utils::install.packages(packages, lib = target_library(), Ncpus = parallel::detectCores())
  }
  left <- missing_packages(needs(purpose))
  if (length(left)) message("setup: could not be installed: ", toString(left))
  if (length(missing_packages(fields(core_fields)))) quit(status = 1)
  if (length(left)) message("setup: going on without, what needs them is skipped")
}

require_r <- function() {
  wanted <- sub(".*R \\(>= ([0-9.]+)\\).*", "\\1", description[1, "Depends"])
  if (getRversion() >= wanted) return(invisible())
  message("setup: R ", wanted, " or newer is needed, this is R ", getRversion())
  quit(status = 1)
}

main <- function(action, purpose) {
  require_r()
  use_mirror()
  switch(action,
    missing = cat(missing_packages(needs(purpose))),
    dependencies = cat(dependencies_of(missing_packages(needs(purpose)))),
    install = install_missing(purpose),
    stop("unknown action: ", action)
  )
}

args <- commandArgs(trailingOnly = TRUE)
main(args[1], args[2])
