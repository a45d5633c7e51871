# Individual and cluster average of a trial by package MRStdCRT, which must be installed:
# github.com/fancy575/MRStdCRT, commit 4b72c14. Writes randomized-peers.csv.
#
# Its jackknife keeps the probabilities as given, is around the mean of the estimates, and is of
# ratios themselves.

data <- subset(margmix::respiratory, !(visit == 4 & age > 35))
data$A <- as.integer(data$treat == "A")
data$male <- as.integer(data$sex == "M")
data$id <- as.integer(factor(data$patient))
data <- data[order(data$id, data$visit), ]
share <- mean(data$A[!duplicated(data$id)])

rows <- expand.grid(
  contrast = c("difference", "ratio", "odds_ratio"), corstr = c("independence", "exchangeable"),
  stringsAsFactors = FALSE
)
scale <- c(difference = "RD", ratio = "RR", odds_ratio = "OR")
numbers <- t(mapply(function(contrast, corstr) {
  out <- MRStdCRT::MRStdCRT_fit(outcome ~ visit + cluster(age + male),
    data = data, clusterID = "id", trt = "A", trtprob = rep(share, nrow(data)), method = "GEE",
    family = binomial(), corstr = corstr, scale = scale[[contrast]]
  )
  c(unlist(out$estimate[1, 1:2]), unlist(out$estimate[2, 1:2]), out$ics[1])
}, rows$contrast, rows$corstr))
colnames(numbers) <- c("cluster", "cluster_se", "individual", "individual_se", "size_statistic")
write.csv(data.frame(rows, signif(numbers, 10)), "tests/reference/randomized-peers.csv",
  row.names = FALSE, quote = FALSE
)
