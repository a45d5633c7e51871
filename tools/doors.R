# Counts the functions of the engine that R can call. One for each noun is enough, which says by a
# word what it is asked for. Quits with status 1 above the limit.
#   Rscript tools/doors.R

limit <- 21L

lines <- unlist(lapply(list.files("src", "[.]cpp$", full.names = TRUE), readLines))
doors <- sum(startsWith(lines, "// [[Rcpp::export"))
cat(doors, " functions of the engine can be called from R, at most ", limit, " may\n", sep = "")
quit(status = as.integer(doors > limit))
