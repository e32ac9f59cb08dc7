#!/bin/sh
# Makes a machine ready for Strata and, if a task is named, runs it:
#
#   sh tools/setup.sh                    set up only
#   sh tools/setup.sh train [option…]    set up, then: deno task train [option…]
#   sh tools/setup.sh test               set up, then: deno task test; any task of deno.json works
#
# It brings what is missing, says so, and brings nothing else:
#   Deno            the one on PATH if it is new enough; else a copy in .cache/deno, from npm if there
#                   is npm, else by the official installer
#   @std packages   from JSR; where that cannot be reached, from npm by tools/imports.npm.json
#   Vulkan driver   only if WebGPU finds no adapter: apt-get install libvulkan1 mesa-vulkan-drivers,
#                   which brings a software driver that needs no graphics card
#
# In the checkout it writes into .cache alone. `. .cache/env` gives a shell the same PATH and flags.
set -eu

version=2.9.6
npm_flags=--import-map=tools/imports.npm.json
drivers='libvulkan1 mesa-vulkan-drivers'
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache
log=$cache/setup.log

say() { printf '%s\n' "$*" >&2; }

# fail WHAT [HINT…]
fail() {
  say "Cannot $1"
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# quietly COMMAND…: what it prints goes to the log alone.
quietly() { "$@" >"$log" 2>&1 </dev/null; }

# logged COMMAND…: quietly, but if it fails the end of the log is shown.
logged() {
  quietly "$@" && return
  tail -n 5 "$log" | sed 's/^/  | /' >&2
  return 1
}

# within SECONDS COMMAND…: stopped after so long, on machines that have the means.
within() {
  if has timeout; then timeout "$@"; else shift && "$@"; fi
}

# quoted TEXT: the text as one word of the shell.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }

# number 2.9.6 prints 2009006.
number() (
  IFS=.
  # shellcheck disable=SC2086 # split at the dots
  set -- $1
  echo $(($1 * 1000000 + $2 * 1000 + $3))
)

# new_enough PROGRAM: is it a Deno 2, of the pinned version or newer? `found` is its version.
new_enough() {
  found=$("$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9]*\.[0-9]*\.[0-9]*\).*/\1/p')
  [ -n "$found" ] || return
  [ "$(number "$found")" -ge "$(number "$version")" ] && [ "$(number "$found")" -lt 3000000 ]
}

# apt_install PACKAGE…
apt_install() {
  has apt-get || fail "install $*: this is neither Debian nor Ubuntu." \
    "Install what this system has in their place by hand, then run this again."
  sudo=
  if [ "$(id -u)" -ne 0 ]; then
    sudo=sudo
    { has sudo && sudo true; } || fail "install $*: that needs root, by sudo or by hand." \
      "As root: apt-get update && apt-get install -y $*" "Then run this again."
  fi
  say "Installing $* with apt-get${sudo:+ and sudo} …"
  logged $sudo apt-get update || fail "read the package lists of apt-get. Is there a network?"
  logged $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ||
    fail "install $*. Is there a network? .cache/setup.log has the whole output."
}

deno_from_npm() {
  has npm || return
  case "$(uname -s) $(uname -m)" in
    'Linux x86_64') platform=linux-x64-glibc ;;
    'Linux aarch64') platform=linux-arm64-glibc ;;
    'Darwin x86_64') platform=darwin-x64 ;;
    'Darwin arm64') platform=darwin-arm64 ;;
    *) return 1 ;;
  esac
  say "Installing Deno $version from npm into .cache/deno …"
  # The package of the platform holds the program itself, so that no install script has to run.
  logged npm install --prefix "$cache/deno" --ignore-scripts --no-save --no-package-lock \
    --no-audit --no-fund --loglevel=error --fetch-retry-mintimeout=1000 \
    --fetch-retry-maxtimeout=4000 "@deno/$platform@$version" || return
  mkdir -p "$cache/deno/bin"
  chmod +x "$cache/deno/node_modules/@deno/$platform/deno"
  mv "$cache/deno/node_modules/@deno/$platform/deno" "$cache/deno/bin/deno"
  rm -rf "$cache/deno/node_modules"
}

deno_from_installer() {
  set --
  has curl || set -- curl ca-certificates
  has unzip || has 7z || set -- "$@" unzip
  [ $# -eq 0 ] || apt_install "$@"
  say "Installing Deno $version by the official installer into .cache/deno …"
  # CI keeps the installer from asking questions and from editing the start-up files of the shell.
  logged curl -fsSL --connect-timeout 20 -o "$cache/install.sh" https://deno.land/install.sh &&
    logged env CI=1 DENO_INSTALL="$cache/deno" sh "$cache/install.sh" "v$version"
}

# packages SCHEME FILE SECONDS: downloads what an import map names, unless Deno has it already.
packages() {
  # shellcheck disable=SC2046 # one word each
  within "$3" deno cache $(sed -n "s/.*\"\($1:[^\"]*\)\".*/\1/p" "$2" | sort -u)
}

# Prints the name of the WebGPU adapter. On Linux only Vulkan counts: without it Deno falls back to
# OpenGL, where there is one, with smaller limits.
adapter() (
  [ "$(uname -s)" != Linux ] || export DENO_WEBGPU_BACKEND="${DENO_WEBGPU_BACKEND:-vulkan}"
  within 60 deno eval --no-config '
    const adapter = await navigator.gpu.requestAdapter();
    if (adapter === null) Deno.exit(1);
    const { description, device, isFallbackAdapter } = adapter.info;
    console.log((description || device || "unnamed") + (isFallbackAdapter ? ", software" : ""));
  ' 2>"$log"
)

case ${1-} in
  -h | --help) exec sed -n '2,/^set/s/^# \{0,1\}//p' "$0" ;;
  -*) fail "take $1: name a task first, as in: sh tools/setup.sh train $1" ;;
esac
cd "$root"
mkdir -p "$cache"

# Deno
path=
if ! has deno || ! new_enough deno; then
  ! has deno || say "Found Deno ${found:-of unknown version}; needed is $version or a newer 2.x."
  path=$cache/deno/bin
  if ! new_enough "$path/deno"; then
    deno_from_npm || deno_from_installer || fail "install Deno $version. Is there a network?" \
      "By hand: https://docs.deno.com/runtime/getting_started/installation" \
      "Then run this again with deno on PATH."
    new_enough "$path/deno" || fail "run .cache/deno/bin/deno on this system." \
      "Deno is made for macOS and for Linux with glibc, on x86-64 and ARM64."
  fi
  PATH=$path:$PATH
fi

# @std packages. Flags that are set already stay, and so does the choice of an earlier run.
if [ -z "${STRATA_FLAGS-}" ] && [ -f "$cache/env" ]; then
  STRATA_FLAGS=$(sed -n "s/^STRATA_FLAGS='\(.*\)'$/\1/p" "$cache/env")
fi
case ${STRATA_FLAGS-} in
  '')
    source='from JSR'
    STRATA_FLAGS=
    if ! quietly packages jsr deno.json 20; then
      logged packages npm tools/imports.npm.json 60 ||
        fail "download the @std packages, neither from JSR nor from npm. Is there a network?"
      say "JSR cannot be reached: taking the @std packages from npm, with $npm_flags"
      source='from npm'
      STRATA_FLAGS=$npm_flags
    fi
    ;;
  "$npm_flags")
    source='from npm'
    logged packages npm tools/imports.npm.json 60 ||
      fail "download the @std packages from npm. Is there a network?" \
        "To try JSR again: unset STRATA_FLAGS and remove .cache/env"
    ;;
  *) source="by STRATA_FLAGS" ;;
esac

# What the tasks need, here and in other shells. Vulkan wants a private folder and complains without.
mkdir -p "$cache/run"
chmod 700 "$cache/run"
# Without a choice WebGPU also looks for OpenGL, whose exit handler now and then aborts a finished process.
: "${XDG_RUNTIME_DIR:=$cache/run}"
[ "$(uname -s)" != Linux ] || : "${DENO_WEBGPU_BACKEND:=vulkan}"
export PATH STRATA_FLAGS XDG_RUNTIME_DIR ${DENO_WEBGPU_BACKEND:+DENO_WEBGPU_BACKEND}
{
  echo "# Written by tools/setup.sh. In a shell: . .cache/env"
  if [ -n "$path" ]; then
    echo "case \":\$PATH:\" in *:$(quoted "$path"):*) ;; *) PATH=$(quoted "$path"):\$PATH ;; esac"
  fi
  echo "STRATA_FLAGS=$(quoted "$STRATA_FLAGS")"
  echo "XDG_RUNTIME_DIR=\${XDG_RUNTIME_DIR:-$(quoted "$cache/run")}"
  echo "export PATH STRATA_FLAGS XDG_RUNTIME_DIR"
  if [ -n "${DENO_WEBGPU_BACKEND-}" ]; then
    echo "export DENO_WEBGPU_BACKEND=\${DENO_WEBGPU_BACKEND:-$(quoted "$DENO_WEBGPU_BACKEND")}"
  fi
} >"$cache/env.new"
mv "$cache/env.new" "$cache/env"

# Vulkan driver
if ! name=$(adapter); then
  [ "$(uname -s)" = Linux ] || fail "find a WebGPU adapter on this machine."
  # shellcheck disable=SC2086 # two packages
  if ! has dpkg || ! dpkg -s $drivers >/dev/null 2>&1; then
    say "Found no Vulkan driver."
    apt_install $drivers
  fi
  name=$(adapter) || fail "find a Vulkan adapter, although $drivers are installed." \
    "VK_DRIVER_FILES and VK_ICD_FILENAMES hide drivers; here: '${VK_DRIVER_FILES-}', '${VK_ICD_FILENAMES-}'." \
    "vulkaninfo --summary, of the package vulkan-tools, tells what Vulkan sees." \
    "DENO_WEBGPU_BACKEND=gl sh tools/setup.sh … tries OpenGL instead, at your own risk."
fi

hint=
if [ -n "$path$STRATA_FLAGS" ]; then
  hint=" For deno in your own shell: . $([ "$OLDPWD" = "$root" ] || printf '%s/' "$root").cache/env"
fi
say "Ready: Deno $found; @std $source; adapter $name.$hint"
[ $# -eq 0 ] || exec deno task "$@"
