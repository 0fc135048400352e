# What the scripts of the tests share; they are in the repository's folder when they read it.
# shellcheck shell=sh

# again COMMAND…: networks have bad moments, three tries outlast most of them.
again() {
    for pause in 5 20 0; do
        if "$@"; then return 0; fi
        if [ "$pause" -gt 0 ]; then
            echo "   did not work; once more in ${pause} s: $*" >&2
            sleep "$pause"
        fi
    done
    echo "error: gave up: $*" >&2
    return 1
}

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }
