#!/bin/sh
# Installs the locked requirements into .venv: `setup.sh run` for the service, `setup.sh dev` for tests and checks too.
# Does nothing if they are installed already. Uses uv if present, else venv and pip.
set -eu
cd "$(dirname "$0")/.."

what=${1:-run}
python=.venv/bin/python
done_dir=.venv/installed   # holds the path of this checkout and a copy of each lock that was installed

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

is_installed() {
    [ -x $python ] && [ "$(cat $done_dir/path 2>/dev/null)" = "$PWD" ] && cmp -s "$1" "$done_dir/$1"
}

# Prints the newest Python of 3.11 or later that runs (a pyenv shim may not) and meets the condition in $1.
find_python() {
    for name in python3.13 python3.12 python3.11 python3; do
        if "$name" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null &&
            "$name" -c "$1" 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

install_system_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    say "installing $* with apt-get"
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >&2
}

make_venv_with_uv() {
    found=$(find_python pass)
    [ -n "$found" ] || say "found no Python 3.11 or later; uv downloads one"
    uv venv --quiet --clear --python "${found:-3.13}" .venv
}

make_venv_with_pip() {
    found=$(find_python "import ensurepip")
    if [ -z "$found" ]; then
        found=$(find_python pass)
        package=python3-venv
        [ -z "$found" ] || package=$("$found" -c "import sys; print('python%d.%d-venv' % sys.version_info[:2])")
        install_system_packages "$package" || say "could not install $package"
        found=$(find_python "import ensurepip")
    fi
    [ -n "$found" ] || fail "Python 3.11 or later with its venv module is required; python3 is $(python3 -V 2>/dev/null || echo missing)." \
        "Install it (Debian, Ubuntu: apt-get install python3 python3-venv; or https://docs.astral.sh/uv/)."
    rm -rf .venv
    "$found" -m venv .venv
}

install_locked() {
    if command -v uv >/dev/null; then
        uv pip install --quiet --python $python --require-hashes --requirement "$1"
    else
        $python -m pip --version >/dev/null 2>&1 || $python -m ensurepip >/dev/null
        install_halves "$1"
    fi
}

# pip installs one package after another, so two run at once. A lock names every package, so none looks for others.
# Modules are compiled when they are first imported: most never are.
install_halves() {
    parts=$(mktemp -d)
    awk -v parts="$parts" '/^[^ ]/ { n++ } { print >(parts "/" n % 2) }' "$1"
    pip_install "$parts/0" & first=$!
    is_whole=yes
    pip_install "$parts/1" || is_whole=
    wait $first || is_whole=
    rm -r "$parts"
    [ -n "$is_whole" ] || fail "could not install all of $1; see above"
}

pip_install() {
    $python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes --requirement "$1"
}

case $what in
    run) lock=requirements.txt ;;
    dev) lock=requirements-dev.txt ;;
    *) fail "usage: setup.sh run|dev" ;;
esac
if [ "$what" = dev ] && ! PATH=$PATH:/usr/sbin:/usr/local/sbin command -v pgbouncer >/dev/null; then
    install_system_packages pgbouncer || say "could not install pgbouncer, which some tests need"
fi
is_installed $lock && exit 0

if ! [ -x $python ] || [ "$(cat $done_dir/path 2>/dev/null)" != "$PWD" ]; then
    say "creating .venv"
    if command -v uv >/dev/null; then make_venv_with_uv; else make_venv_with_pip; fi
    mkdir -p $done_dir
    echo "$PWD" >$done_dir/path
fi
say "installing $lock (about a minute)"
install_locked $lock
cp scripts/blank_settings.pth "$($python -c "import sysconfig; print(sysconfig.get_path('purelib'))")"   # see there
cp $lock $done_dir/
[ $what = run ] || cp requirements.txt $done_dir/   # the development lock holds all of it
