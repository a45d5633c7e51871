# Data sets: documentation. The scripts that build them are in data-raw/.

#' Toenail infection trial
#'
#' A randomised trial of two oral treatments, given for twelve weeks, against fungal infection of
#' the toenail. Seven visits were planned; at each, the infection was rated as moderate or severe,
#' or not.
#'
#' The seven visits were planned at weeks 0, 4, 8, 12, 24, 36 and 48. There are **three time
#' variables, and they give three different models**: the number of the visit (`visit`), the planned
#' month (`scheduled`) and the month in which the patient actually came (`month`). Published
#' analyses choose different ones, so their numbers differ; the often-cited estimates of Molenberghs
#' and Verbeke (2005) use the planned month.
#'
#' More than half of the patients are never rated severe, so the random intercept has a very large
#' standard deviation (about 4 on the logit scale). The Laplace approximation is visibly wrong here,
#' and even 25 quadrature nodes miss the log-likelihood by 0.02.
#'
#' @format A data frame with 1,908 rows (294 patients, 1 to 7 visits each) and 6 columns:
#' \describe{
#'   \item{patient}{factor with 294 levels, the labels of the trial (not consecutive).}
#'   \item{treatment}{factor: `itraconazole` (200 mg per day, the reference) or `terbinafine`
#'     (250 mg per day).}
#'   \item{severe}{1 if the separation of the nail plate from the nail bed is moderate or severe, 0
#'     if it is absent or mild.}
#'   \item{visit}{number of the visit, 1 to 7.}
#'   \item{scheduled}{month for which the visit was planned: 0, 1, 2, 3, 6, 9, 12.}
#'   \item{month}{month after the start of treatment in which the visit took place, 0 to 18.5.}
#' }
#' @source Data set `toenail` of the package \pkg{HSAUR3}; `scheduled` is derived from `visit`.
#' @references
#' De Backer, M., De Vroey, C., Lesaffre, E., Scheys, I. and De Keyser, P. (1998). Twelve weeks of
#' continuous oral therapy for toenail onychomycosis caused by dermatophytes: a double-blind
#' comparative trial of terbinafine 250 mg/day versus itraconazole 200 mg/day. *Journal of the
#' American Academy of Dermatology* **38**, S57-S63.
#'
#' Molenberghs, G. and Verbeke, G. (2005). *Models for Discrete Longitudinal Data*. Springer.
#' @examples
#' # share of severe infections by planned month
#' with(toenail, round(tapply(severe, list(treatment, scheduled), mean), 2))
#'
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' coef(fit)
"toenail"

#' Topical cream against infection in eight clinics
#'
#' A multi-centre trial that compares a cream with the active drug to a control cream: numbers of
#' patients and of favourable outcomes by clinic and treatment.
#'
#' Clinics 5 and 6 have no success in the control group. With only eight clusters the standard
#' deviation between clinics is poorly determined.
#'
#' @format A data frame with 16 rows (8 clinics by 2 treatments) and 4 columns:
#' \describe{
#'   \item{clinic}{factor, 1 to 8.}
#'   \item{treatment}{factor: `control` (the reference) or `drug`.}
#'   \item{success}{number of patients with a favourable outcome.}
#'   \item{n}{number of patients.}
#' }
#' @source Beitler and Landis (1985); also listed in the documentation of PROC NLMIXED in SAS/STAT.
#' @references
#' Beitler, P. J. and Landis, J. R. (1985). A mixed-effects model for categorical data. *Biometrics*
#' **41**, 991-1000.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' exp(coef(fit)["treatmentdrug"])             # odds ratio within a clinic
"infection"

#' Failures of ten pumps in a nuclear power plant
#'
#' Number of failures and time of operation of ten pumps that run continuously or intermittently.
#'
#' One row per pump: a random intercept for `pump` is an observation-level random effect, which
#' models extra-Poisson variation. The published analysis uses centred log time with an intercept
#' and a slope for each group, not an offset; see the example.
#'
#' @format A data frame with 10 rows and 4 columns:
#' \describe{
#'   \item{pump}{factor, 1 to 10.}
#'   \item{group}{factor, mode of operation: `continuous` (group 1 of the source, the reference) or
#'     `intermittent` (group 2).}
#'   \item{time}{time of operation in thousands of hours.}
#'   \item{failures}{number of failures.}
#' }
#' @source Gaver and O'Muircheartaigh (1987); also listed in the documentation of PROC NLMIXED in
#'   SAS/STAT.
#' @references
#' Gaver, D. P. and O'Muircheartaigh, I. G. (1987). Robust empirical Bayes analyses of event rates.
#' *Technometrics* **29**, 1-15.
#' @examples
#' pump$logtime <- log(pump$time) - mean(log(pump$time))
#' fit <- glmm(failures ~ 0 + group + group:logtime + (1 | pump), pump, poisson())
#' coef(fit)
"pump"

#' Germination of seeds on 21 plates
#'
#' Seeds of two types of *Orobanche* were spread on plates with one of two root extracts; the number
#' that germinated was counted.
#'
#' One row per plate: a random intercept for `plate` models extra-binomial variation. On plate 16
#' none of 4 seeds germinated.
#'
#' @format A data frame with 21 rows and 5 columns:
#' \describe{
#'   \item{plate}{factor, 1 to 21.}
#'   \item{seed}{factor: *O. aegyptiaca* `O75` (the reference) or `O73`.}
#'   \item{extract}{factor: root extract of `bean` (the reference) or `cucumber`.}
#'   \item{r}{number of seeds that germinated.}
#'   \item{n}{number of seeds on the plate.}
#' }
#' @source Crowder (1978), table 3. The same numbers are data set `orob2` of the package \pkg{aod}.
#' @references
#' Crowder, M. J. (1978). Beta-binomial Anova for proportions. *Applied Statistics* **27**, 34-37.
#'
#' Breslow, N. E. and Clayton, D. G. (1993). Approximate inference in generalized linear mixed
#' models. *Journal of the American Statistical Association* **88**, 9-25.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial())
#' coef(fit)
"seeds"

#' Progabide trial in epilepsy
#'
#' Seizures of 59 patients with epilepsy in four periods of two weeks each, after randomisation to
#' progabide or placebo in addition to standard chemotherapy.
#'
#' Subject 8 had 23 seizures in period 3. The data set `epil` of package \pkg{MASS} had 21 before
#' version 7.3-65, and `seizure` of package \pkg{geepack} (1.3.9) differs in two counts, one
#' baseline and three ages, so results computed from these differ.
#'
#' `base` counts eight weeks and `seizures` two, so rates need the offsets `log(8)` and `log(2)`.
#' Subject 49 (patient 207 of the trial; 151 seizures at baseline) is an outlier that many analyses
#' leave out.
#'
#' Analyses often use the centred variables of the example (Breslow and Clayton, 1993; Skrondal and
#' Rabe-Hesketh, 2004): log of a quarter of `base`, log `age`, the product of treatment and the
#' former (centred after multiplication), and an indicator of period 4. Centring changes the
#' intercept. Because the product is centred after multiplication, the coefficient of `treat` is the
#' effect at base 4, not at the mean.
#'
#' @format A data frame with 236 rows (59 subjects by 4 periods) and 6 columns:
#' \describe{
#'   \item{subject}{factor, 1 to 59.}
#'   \item{treatment}{factor: `placebo` (the reference) or `progabide`.}
#'   \item{age}{age in years.}
#'   \item{base}{number of seizures in the eight weeks before randomisation.}
#'   \item{period}{period of two weeks, 1 to 4.}
#'   \item{seizures}{number of seizures in the period.}
#' }
#' @source Data set `epilepsy` of the package \pkg{HSAUR3}; table 2 of Thall and Vail (1990).
#' @references
#' Thall, P. F. and Vail, S. C. (1990). Some covariance models for longitudinal count data with
#' overdispersion. *Biometrics* **46**, 657-671.
#'
#' Breslow, N. E. and Clayton, D. G. (1993). Approximate inference in generalized linear mixed
#' models. *Journal of the American Statistical Association* **88**, 9-25.
#'
#' Skrondal, A. and Rabe-Hesketh, S. (2004). *Generalized Latent Variable Modeling*. Chapman and
#' Hall/CRC.
#' @examples
#' centre <- function(x) x - mean(x)
#' data <- transform(epilepsy,
#'   treat = as.numeric(treatment == "progabide"),
#'   lbas = centre(log(base / 4)),
#'   lage = centre(log(age)),
#'   v4 = as.numeric(period == 4)
#' )
#' data$lbas_trt <- centre(data$treat * log(data$base / 4))
#' fit <- glmm(seizures ~ treat + lbas + lbas_trt + lage + v4 + (1 | subject), data, poisson())
#' coef(fit)
"epilepsy"

#' Wheeze in children of the Six Cities study
#'
#' Yearly wheeze status of 537 children of Steubenville, Ohio, from age 7 to age 10, and whether
#' their mother smoked. The sample is the complete part of a longitudinal study of air pollution and
#' health.
#'
#' `age` is already centred: 0 is nine years. `id` starts at 0. Two thirds of the children never
#' wheeze, so the Laplace approximation overstates the standard deviation of the random intercept
#' (2.34; maximum likelihood: 2.16).
#'
#' @format A data frame with 2,148 rows (537 children by 4 years) and 4 columns:
#' \describe{
#'   \item{resp}{1 if the child wheezed, 0 if not.}
#'   \item{id}{number of the child, 0 to 536.}
#'   \item{age}{age in years minus 9: -2, -1, 0, 1.}
#'   \item{smoke}{1 if the mother smoked in the first year of the study, 0 if not.}
#' }
#' @source Data set `ohio` of the package \pkg{geepack}, unchanged.
#' @references
#' Fitzmaurice, G. M. and Laird, N. M. (1993). A likelihood-based method for analysing longitudinal
#' binary responses. *Biometrika* **80**, 141-151.
#' @examples
#' with(ohio, round(tapply(resp, list(smoke = smoke, age = age + 9), mean), 3))
#'
#' fit <- glmm(resp ~ age + smoke + (1 | id), ohio, binomial())
#' coef(fit)
"ohio"

#' Respiratory illness trial in two centres
#'
#' A randomised trial of an active treatment against placebo for respiratory illness: status of 111
#' patients at baseline and at four visits.
#'
#' **`id` is not unique**: both centres number their patients from 1. As the cluster variable it
#' would merge two patients into one; use `patient`, which is unique. The first level of each factor
#' is the reference of the published analyses.
#'
#' @format A data frame with 444 rows (111 patients by 4 visits) and 9 columns:
#' \describe{
#'   \item{patient}{factor with 111 levels, centre and number: `1-1` to `2-55`.}
#'   \item{center}{factor: `1` (56 patients, the reference) or `2` (55 patients).}
#'   \item{id}{number of the patient within the centre.}
#'   \item{treat}{factor: `P` (placebo, the reference) or `A` (active treatment).}
#'   \item{sex}{factor: `M` (male, the reference) or `F` (female).}
#'   \item{age}{age in years at baseline.}
#'   \item{baseline}{respiratory status at baseline: 1 good, 0 poor.}
#'   \item{visit}{number of the visit, 1 to 4.}
#'   \item{outcome}{respiratory status at the visit: 1 good, 0 poor.}
#' }
#' @source Data set `respiratory` of the package \pkg{geepack}, with the column `patient` added and
#'   a different first level for the factors `center`, `treat` and `sex`.
#' @references
#' Stokes, M. E., Davis, C. S. and Koch, G. G. (1995). *Categorical Data Analysis Using the SAS
#' System*. SAS Institute.
#' @examples
#' length(unique(respiratory$id))              # not the number of patients
#' nlevels(respiratory$patient)
#'
#' fit <- glmm(
#'   outcome ~ treat + center + sex + age + baseline + (1 | patient),
#'   respiratory, binomial()
#' )
#' coef(fit)
"respiratory"
