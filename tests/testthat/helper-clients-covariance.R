# Clients that compute covariance matrices.

robust_error <- function(fit) list(std.error = sqrt(diag(vcov(fit, "robust"))))

clients_covariance <- function() {
  list(
    client("sandwich", "sandwich(fit)", function(fit) {
      list(std.error = sqrt(diag(sandwich::sandwich(fit))))
    }, robust_error),
    client("sandwich", "vcovCL(fit, cadjust = FALSE)", function(fit) {
      list(std.error = sqrt(diag(sandwich::vcovCL(fit, cadjust = FALSE))))
    }, robust_error, note = "the clusters are those of the fit"),
    client("sandwich", "vcovCL(fit)", function(fit) {
      list(std.error = sqrt(diag(sandwich::vcovCL(fit))))
    }, function(fit) {
      K <- length(component(fit, "levels"))
      list(std.error = sqrt(diag(vcov(fit, "robust") * K / (K - 1))))
    }, note = "robust times K / (K - 1)"),
    client("sandwich", "vcovCL(fit, type = \"HC2\")", function(fit) {
      sandwich::vcovCL(fit, type = "HC2")
    }),
    client("sandwich", "vcovHC(fit)", function(fit) sandwich::vcovHC(fit)),
    client("sandwich", "vcovHAC(fit)", function(fit) sandwich::vcovHAC(fit)),
    client("sandwich", "vcovBS(fit)", function(fit) sandwich::vcovBS(fit)),
    client("clubSandwich", "vcovCR(fit, type = \"CR2\")", function(fit) {
      clubSandwich::vcovCR(fit, cluster = component(fit, "cluster"), type = "CR2")
    }),
    client("clubSandwich", "coef_test(fit, vcov = \"CR2\")", function(fit) {
      clubSandwich::coef_test(fit, vcov = "CR2", cluster = component(fit, "cluster"))
    })
  )
}
