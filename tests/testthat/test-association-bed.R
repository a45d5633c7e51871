# .bed files: what is read, and what is refused; several traits in one pass.

local_bed <- local({
  # Genotypes 0, 1, 2 (copies of the first allele of the .bim file) and NA as PLINK writes them.
  write_bed <- function(G, stem) {
    codes <- rbind(matrix(c(3, 2, 0)[G + 1L], nrow(G)), matrix(0, -nrow(G) %% 4, ncol(G)))
    codes[seq_len(nrow(G)), ][is.na(G)] <- 1
    bytes <- colSums(matrix(as.vector(codes), 4L) * 4^(0:3))
    writeBin(as.raw(c(0x6c, 0x1b, 0x01, bytes)), paste0(stem, ".bed"))
    people <- data.frame("f", rownames(G), 0, 0, 0, -9)
    variants <- data.frame(1, colnames(G), 0, 10 * seq_len(ncol(G)), "A", "C")
    write <- function(x, end) {
      write.table(x, paste0(stem, end), quote = FALSE, row.names = FALSE, col.names = FALSE)
    }
    write(people, ".fam")
    write(variants, ".bim")
    paste0(stem, ".bed")
  }
  function(G, environment = parent.frame()) {
    stem <- tempfile()
    files <- paste0(stem, c(".bed", ".fam", ".bim"))
    do.call(on.exit, list(bquote(unlink(.(files))), add = TRUE), envir = environment)
    write_bed(G, stem)
  }
})

sample_people <- function(n, variants) {
  G <- matrix(rbinom(n * variants, 2, rep(runif(variants, 0.02, 0.5), each = n)), n,
    dimnames = list(sample(paste0("p", seq_len(n))), paste0("v", seq_len(variants)))
  )
  G[sample(length(G), length(G) / 50)] <- NA
  d <- data.frame(id = paste0("p", seq_len(n)), fam = rep(seq_len(n / 3), each = 3))
  d$x <- rnorm(n)
  eta <- 0.5 * d$x + rnorm(n / 3)[d$fam]
  d$y <- eta + rnorm(n)
  d$b <- rbinom(n, 1, plogis(eta - 1))
  row.names(d) <- d$id
  list(G = G, d = d)
}

test_that("a .bed file gives the table of its matrix", {
  set.seed(12)
  sample <- sample_people(1203, 37) # more than one tile of people, and not a multiple of four
  bed <- local_bed(sample$G)
  fit <- glmm(b ~ x + (1 | fam), sample$d, binomial(), nAGQ = 1)
  numbers <- association_scan(fit, sample$G)
  packed <- association_scan(fit, bed)
  expect_equal(packed[names(numbers)], numbers, tolerance = 1e-12, ignore_attr = TRUE)
  expect_identical(packed$position, 10 * 1:37)
  expect_identical(unique(packed$counted), "A")
  expect_identical(association_scan(fit, bed, block = 5L), packed)
  ratio <- association_scan(fit, bed, variance = "ratio", n_ratio = 20)
  expect_equal(ratio$p.value,
    association_scan(fit, sample$G, variance = "ratio", n_ratio = 20)$p.value, tolerance = 1e-12
  )
  part <- subset(sample$d, fam > 100)
  fewer <- glmm(b ~ x + (1 | fam), part, binomial(), nAGQ = 1)
  suppressMessages(packed <- association_scan(fewer, bed))
  expect_equal(packed$p.value, association_scan(fewer, sample$G[part$id, ])$p.value,
    tolerance = 1e-9
  )
})

test_that("a .bim file is read in parts", {
  set.seed(15)
  bim <- sub("bed$", "bim", local_bed(sample_people(6, 23)$G))
  whole <- utils::read.table(bim, colClasses = "character")
  for (ending in c("\n", "\r\n")) {
    connection <- file(bim, "wb")
    writeLines(do.call(paste, whole), connection, sep = ending)
    close(connection)
    for (lines in c(1L, 7L, 23L, 50L)) {
      variants <- bim_variants(bim, lines)
      expect_identical(variants$count, 23L)
      for (from in list(6:9, 1:23, c(20L, 3L, 8L, 3L), 23L)) {
        rows <- variants$rows(from)
        expect_identical(rows$variant, whole$V2[from])
        expect_identical(rows$position, as.numeric(whole$V4[from]))
        expect_identical(row.names(rows), as.character(seq_along(from)))
      }
      expect_identical(variants$names(), whole$V2)
    }
  }
  lines <- do.call(paste, whole)
  writeLines(replace(lines, 9L, "1 v9 0 none A C"), bim)
  expect_error(bim_variants(bim, 4L), "lines 9$", class = "margmix_error_genotypes")
  writeLines(replace(lines, 22L, "1 v22 0 5"), bim)
  expect_error(bim_variants(bim, 4L), "lines 22$", class = "margmix_error_genotypes")
})

test_that("objects of BEDMatrix are read from their file", {
  skip_if_not_installed("BEDMatrix")
  set.seed(13)
  sample <- sample_people(90, 20)
  bed <- local_bed(sample$G)
  mapped <- suppressMessages(BEDMatrix::BEDMatrix(bed))
  expect_equal(as.matrix(mapped), sample$G, ignore_attr = TRUE) # the file is one of PLINK
  row.names(sample$d) <- paste0("f_", row.names(sample$d)) # as BEDMatrix names people
  fit <- glmm(y ~ x + (1 | fam), sample$d)
  scan <- association_scan(fit, mapped)
  rownames(sample$G) <- paste0("f_", rownames(sample$G))
  expect_equal(scan$p.value, association_scan(fit, sample$G)$p.value, tolerance = 1e-12)
  expect_identical(scan$variant, colnames(mapped))
  expect_equal(kinship_matrix(mapped), kinship_matrix(sample$G), tolerance = 1e-12)
})

test_that("alleles that are exchanged are said, and change nothing but the sign", {
  set.seed(16)
  sample <- sample_people(90, 12)
  bed <- local_bed(sample$G)
  swapped <- local_bed(2 - sample$G)
  bim <- sub("bed$", "bim", swapped)
  writeLines(sub("A C$", "C A", readLines(bim)), bim)
  for (family in list(gaussian(), binomial())) {
    sample$d$outcome <- if (family$family == "gaussian") sample$d$y else sample$d$b
    fit <- glmm(outcome ~ x + (1 | fam), sample$d, family)
    one <- association_scan(fit, bed)
    other <- association_scan(fit, swapped)
    expect_identical(other$counted, one$other)
    expect_identical(other$other, one$counted)
    expect_equal(other$frequency, 1 - one$frequency, tolerance = 1e-12)
    expect_equal(other$estimate, -one$estimate, tolerance = 1e-9)
    expect_equal(other$std.error, one$std.error, tolerance = 1e-9)
    expect_equal(other$p.value, one$p.value, tolerance = 1e-9)
  }
})

test_that("files that do not belong together are refused", {
  set.seed(14)
  sample <- sample_people(30, 8)
  bed <- local_bed(sample$G)
  fit <- glmm(y ~ x + (1 | fam), sample$d)
  refused <- function(text) {
    expect_error(association_scan(fit, bed), text, class = "margmix_error_genotypes")
  }
  fam <- sub("bed$", "fam", bed)
  bim <- sub("bed$", "bim", bed)
  keep <- list(readBin(bed, "raw", 1e4), readLines(fam), readLines(bim))
  writeBin(keep[[1L]][1:60], bed)
  refused("30 persons? .*8 variants .*67 bytes")
  writeBin(keep[[1L]], bed)
  writeLines(keep[[2L]][1:20], fam)
  refused("of another one")
  writeLines(keep[[2L]], fam)
  writeLines(keep[[3L]][-1L], bim)
  refused("of another one")
  writeLines(sub(" C$", "", keep[[3L]]), bim)
  refused("6 columns.*lines 1, 2, 3")
  writeLines(sub(" 30 ", " chr3 ", keep[[3L]]), bim)
  refused("Positions.*lines 3$")
  writeLines(sub("A C$", "A A", keep[[3L]]), bim)
  expect_message(association_scan(fit, bed), "8 variants, v1", class = "margmix_note_genotypes")
  writeLines(keep[[3L]], bim)
  writeBin(as.raw(c(0x6c, 0x1b, 0, 1, 1, 1)), bed)
  refused("variant-major order")
  unlink(bim)
  refused("not found: .*bim")
})

test_that("several traits are scanned in one pass", {
  set.seed(15)
  sample <- sample_people(150, 24)
  part <- sample$d[31:150, ]
  fits <- list(
    weight = glmm(y ~ x + (1 | fam), sample$d),
    ill = glmm(b ~ x + (1 | fam), part, binomial(), nAGQ = 1)
  )
  suppressMessages({
    both <- association_scan(fits, sample$G)
    single <- lapply(fits, association_scan, sample$G)
  })
  expect_identical(both$trait[1:3], c("weight", "ill", "weight"))
  for (trait in names(fits)) {
    own <- as.data.frame(both)[both$trait == trait, names(single[[trait]])]
    expect_equal(own, as.data.frame(single[[trait]]), tolerance = 1e-12, ignore_attr = TRUE)
  }
  expect_output(print(both), "weight: .*ill: ")
  file <- tempfile()
  on.exit(unlink(file))
  suppressMessages(association_scan(fits, sample$G, file = file, block = 7L))
  lines <- readLines(file)
  expect_length(lines, 49L)
  writeLines(lines[1:20], file) # the tenth variant has one of its two rows
  suppressMessages(association_scan(fits, sample$G, file = file, resume = TRUE))
  expect_identical(readLines(file), lines)
  expect_error(association_scan(unname(fits), sample$G), class = "margmix_error_null_model")
  expect_error(association_scan(list(a = 1), sample$G), class = "margmix_error_null_model")
})
