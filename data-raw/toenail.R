# Toenail infection trial (De Backer et al., 1998).
#
# Source: data set `toenail` of the CRAN package HSAUR3 (version 1.0-13).
# Run from the package root: Rscript data-raw/toenail.R

source_data <- HSAUR3::toenail
scheduled_months <- c(0, 1, 2, 3, 6, 9, 12)      # weeks 0, 4, 8, 12, 24, 36, 48 by design

toenail <- data.frame(
  patient = source_data$patientID,
  treatment = source_data$treatment,
  severe = as.integer(source_data$outcome == "moderate or severe"),
  visit = source_data$visit,
  scheduled = scheduled_months[source_data$visit],
  month = source_data$time
)

stopifnot(
  nrow(toenail) == 1908,
  nlevels(toenail$patient) == 294,
  !anyNA(toenail),
  !anyDuplicated(toenail[c("patient", "visit")]),
  identical(levels(toenail$treatment), c("itraconazole", "terbinafine"))
)
save(toenail, file = "data/toenail.rda", compress = "xz", version = 2)
