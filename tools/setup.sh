#!/usr/bin/env bash
# Installs what one purpose needs, and nothing when all is there.
#   tools/setup.sh demo|test|lint|check|bench|coverage|threads
# Debian and Ubuntu: R, tools and R packages as distribution binaries, the configured CRAN mirror
# for what is left. Other systems: R and tools must be there; R packages come from the mirror.
set -euo pipefail
cd "$(dirname "$0")/.."
purpose=${1:?usage: tools/setup.sh demo|test|lint|check|bench|coverage|threads}

have() { command -v "$1" >/dev/null 2>&1; }
say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

may_use_apt() { have apt-get && { [ "$(id -u)" = 0 ] || have sudo; }; }

# A first boot may still hold apt's lock, so wait for it; never ask questions.
apt() {
  local root=()
  [ "$(id -u)" = 0 ] || root=(sudo)
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -o DPkg::Lock::Timeout=900 -o Dpkg::Use-Pty=0 "$@" >&2
}

updated=no
apt_install() {
  if [ $updated = no ]; then
    apt update
    updated=yes
  fi
  say "apt-get install $*"
  apt install -y --no-install-recommends "$@"
}

# command:package, for each command that the purpose needs
tools_for() {
  echo Rscript:r-base-dev g++:r-base-dev
  case $purpose in lint | check) echo clang-format:clang-format ;; esac
  case $purpose in check)
    echo ccache:ccache pandoc:pandoc qpdf:qpdf tidy:tidy pngquant:pngquant \
      pdflatex:texlive-latex-base ;;
  esac
}

# LaTeX styles and fonts of R's manual, which no command shows
latex_extras="texlive-latex-recommended texlive-fonts-recommended"
# OpenMP and sanitizers of clang
clang_extras="libomp-dev libclang-rt-dev"

# Is clang there, with all that it links to?
links_threads() {
  echo 'int main() {}' | clang++ -x c++ -fsanitize=thread -fopenmp - -o /dev/null 2>/dev/null
}

install_tools() {
  local pair packages=()
  for pair in $(tools_for); do
    have "${pair%%:*}" || [[ " ${packages[*]} " = *" ${pair##*:} "* ]] || packages+=("${pair##*:}")
  done
  [ $purpose != threads ] || links_threads || packages+=(clang)
  [ ${#packages[@]} -gt 0 ] || return 0
  may_use_apt || { without_apt "${packages[@]}"; return; }
  case " ${packages[*]} " in *" texlive-latex-base "*) packages+=($latex_extras) ;; esac
  case " ${packages[*]} " in *" clang "*) packages+=($clang_extras) ;; esac
  apt_install ca-certificates "${packages[@]}"
}

without_apt() {
  have Rscript || fail "R is missing and can be installed here only on Debian or Ubuntu, as root" \
    "or with sudo. Please install R (>= 4.1) with a C++17 compiler, then try again."
  have g++ || have clang++ || fail "a C++17 compiler is missing; please install one."
  say "not installed here: $*; steps that need them are skipped."
}

# Prints the Debian names of the R packages given that the distribution has.
debian_names() {
  printf 'r-cran-%s\n' "$@" | tr '[:upper:]' '[:lower:]' | sort -u |
    comm -12 - <(apt-cache pkgnames r-cran- | sort -u)
}

install_r_packages() {
  local missing wanted binaries
  missing=$(Rscript tools/setup.R missing "$purpose")
  [ -n "$missing" ] || return 0
  say "R packages missing: $missing"
  if may_use_apt; then
    [ $updated = yes ] || { apt update; updated=yes; }
    wanted="$missing $(Rscript tools/setup.R dependencies "$purpose")"
    binaries=$(debian_names $wanted)
    [ -z "$binaries" ] || apt_install $binaries
  fi
  Rscript tools/setup.R install "$purpose"
}

install_tools
install_r_packages
