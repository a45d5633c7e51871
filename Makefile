# Every target sets up what it needs first; on Debian and Ubuntu that includes R itself.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Messages and sort order must not depend on the machine's language.
export LC_ALL := C.UTF-8
export LANGUAGE := en

LIBRARY := $(CURDIR)/.build/library
WITH_LIBRARY = R_LIBS="$(LIBRARY)$${R_LIBS:+:$$R_LIBS}"

.PHONY: help setup demo test check engine-test sanitize-threads coverage lint docs clients fuzz \
  accuracy bench bench-scale simulate-gee simulate-standardization simulate-endogeneity \
  simulate-ipw simulate-restricted simulate-glmm simulate-estimands \
  simulate-likelihood-ratio simulate-soft-penalty simulate-association \
  simulate-association-power simulate-stepped-wedge simulate-gradient-test simulate-structured \
  simulate-maee simulate-process-tests \
  format clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 27

setup: ## install everything that any target needs (FOR=demo|test|lint|check|bench for less)
	@tools/setup.sh $(or $(FOR),check)

demo: ## fit a mixed model to real data, print it, draw demo-ranef.png
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) Rscript demo/glmm.R demo-ranef.png

test: ## run the tests of the installed package (FILTER=name for some of them)
	@tools/setup.sh test
	@tools/install.sh
	@$(WITH_LIBRARY) Rscript tools/run-tests.R $(FILTER)

check: ## R CMD build and R CMD check --as-cran
	@tools/setup.sh check
	@tools/check.sh

engine-test: ## C++ tests under address and undefined-behaviour sanitizers (FILTER=name, CXX=clang++)
	@tools/setup.sh demo
	@$(MAKE) --no-print-directory -C tests/engine

sanitize-threads: ## C++ tests of several threads under clang's thread sanitizer
	@tools/setup.sh threads
	@$(MAKE) --no-print-directory -C tests/engine CXX=clang++ SANITIZE=thread

coverage: ## lines of R and C++ that the tests of the package run (FILTER=name for some of them)
	@tools/setup.sh coverage
	@Rscript tools/coverage.R $(FILTER)

lint: ## style of R and C++, spelling, order of engine includes, current docs
	@tools/setup.sh lint
	@tools/install.sh
	@$(WITH_LIBRARY) tools/lint.sh

docs: ## write NAMESPACE, man/ and RcppExports
	@tools/setup.sh lint
	@Rscript tools/docs.R .

clients: ## write what other packages read out of the fits to tests/testthat/clients.csv
	@tools/setup.sh test
	@tools/install.sh
	@$(WITH_LIBRARY) Rscript tools/clients.R

fuzz: ## call everything with wrong arguments, fit 500 hard data sets: each ends well or names why not
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) Rscript tests/fuzz/arguments.R
	@$(WITH_LIBRARY) Rscript tests/fuzz/run.R $(COUNT)

accuracy: ## hold the printed bound of the integration error to the integral, on 500 hard data sets
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript tests/fuzz/accuracy.R $(COUNT)

bench: ## compare speed and log-likelihood with peers
	@tools/setup.sh bench
	@tools/install.sh
	@$(WITH_LIBRARY) Rscript bench/run.R
	@$(WITH_LIBRARY) Rscript bench/refits.R

bench-scale: ## shards, databases, workers and their failures, with tables (some need root; SCRIPT=name for one)
	@tools/setup.sh bench
	@tools/install.sh
	@for script in $(or $(SCRIPT),memory equal-rows database workers slurm failures crossed hundred-million); do \
	  $(WITH_LIBRARY) nice Rscript bench/scale/$$script.R || exit 1; done

simulate-gee: ## error of the intervals of gee() with few clusters (about 40 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/run.R

simulate-standardization: ## coverage of marginal_standardization() (about 50 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@for batch in $$(seq 20); do \
	  $(WITH_LIBRARY) nice Rscript bench/simulation/standardization.R run $$batch 100 || exit 1; done
	@$(WITH_LIBRARY) nice Rscript bench/simulation/standardization.R bootstrap
	@$(WITH_LIBRARY) Rscript bench/simulation/standardization.R collect

simulate-glmm: ## error of the tests of glmm() with few clusters (9 hours; cells of the saved table are kept)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/glmm.R run
	@$(WITH_LIBRARY) Rscript bench/simulation/glmm.R collect

simulate-endogeneity: ## how often diagnose_endogeneity() fires, and what it estimates (10 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/endogeneity.R

simulate-ipw: ## gee() with weights for visits that are missing at random (20 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/ipw.R

simulate-structured: ## coverage with a lineage tree, a field and batches in one model (half an hour; COUNT sets of CELLS)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/structured.R $(or $(COUNT),500) $(CELLS)

simulate-restricted: ## standard deviations between few clusters, ML and restricted (6 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/restricted.R $(COUNT)

simulate-estimands: ## two averages in trials with informative cluster sizes (COUNT=1000: an hour)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/estimands.R $(COUNT)

simulate-likelihood-ratio: ## error of likelihood ratio tests with few clusters (COUNT=1000: 25 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/likelihood-ratio.R $(COUNT)

simulate-association: ## null tests of association_scan(), cases in families (COUNT=50000 variants: 15 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/association.R $(COUNT)

simulate-association-power: ## power of association_scan() beside two fits (COUNT=1000 sets: 20 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/association-power.R $(COUNT)

simulate-soft-penalty: ## separated and boundary data with penalty = "soft" (2 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/soft-penalty.R $(COUNT)

simulate-stepped-wedge: ## time-averaged effects and risk differences of stepped-wedge trials (15 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/stepped-wedge.R $(COUNT)
	@$(WITH_LIBRARY) nice Rscript bench/simulation/stepped-wedge-periods.R $(COUNT)

simulate-gradient-test: ## size and power of diagnose_distribution() (COUNT=1000: 20 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/gradient-test.R $(COUNT)

simulate-maee: ## the estimated correlation between ten clusters, by each method (2 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/maee.R $(COUNT)

simulate-process-tests: ## error of likelihood ratio tests of ar1() and exp() (COUNT=600: 5 minutes)
	@tools/setup.sh demo
	@tools/install.sh
	@$(WITH_LIBRARY) nice Rscript bench/simulation/process-tests.R $(COUNT)

format: ## format the C++ sources
	@tools/setup.sh lint
	@tools/cxx-files.sh | xargs clang-format -i

clean: ## remove what make wrote
	@rm -rf .build src/*.o src/*.so demo-ranef.png
