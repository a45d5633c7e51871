# Cluster-robust covariances, degrees of freedom and a joint test by clubSandwich and saws ->
# sandwich-peers.csv. Run in this folder: Rscript compute-sandwich-peers.R

source("sandwich-model.R")
suppressMessages({
  library(clubSandwich)
  library(saws)
})

data <- read.csv("sleepstudy.csv")
model <- sandwich_model(data)
cluster <- data[names(resid(model)), "Subject"]
pieces <- sandwich_pieces(model, cluster)
names <- names(coef(model))

rows <- function(type, quantity, name, value, package) {
  data.frame(type, quantity, name, value = sprintf("%.15g", value),
    source = paste(package, packageVersion(package)))
}

V <- vcovCR(model, cluster = cluster, type = "CR2")
joint <- Wald_test(model, constraints = constrain_zero(2:4), vcov = V, test = "HTZ")
fay <- saws(
  list(coefficients = coef(model), u = pieces$scores,
    omega = aperm(pieces$information, c(3, 1, 2))), method = "d5"
)
out <- rbind(
  rows("KC", "se", names, sqrt(diag(V)), "clubSandwich"),
  rows("KC", "satterthwaite", names, coef_test(model, V)$df_Satt, "clubSandwich"),
  rows("KC", "F", "arm", joint$Fstat, "clubSandwich"),
  rows("KC", "df2", "arm", joint$df_denom, "clubSandwich"),
  rows("MD", "se", names, sqrt(diag(vcovCR(model, cluster = cluster, type = "CR3"))),
    "clubSandwich"),
  rows("FG", "se", names, sqrt(diag(fay$V)), "saws"),
  rows("FG", "fay-graubard", names, as.numeric(fay$df), "saws")
)
write.csv(out, "sandwich-peers.csv", row.names = FALSE, quote = FALSE)
