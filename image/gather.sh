#!/bin/sh
# gather.sh ROOT: put what ztpurge needs at run time, and nothing else, into the folder ROOT: the standard library without
# what only people at a terminal, databases, tests and installers use; the git binary; the shared libraries of both; CA
# certificates. The interpreter is the copy in ztpurge's virtual environment. No shell, no pip, no package manager.
set -eu
root=$1
home=/opt/ztpurge
python=$home/venv/bin/python3
stdlib=$("$python" -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

mkdir -p "$root$stdlib" "$root/etc" "$root/opt" "$root/usr/bin"
cp /usr/bin/git "$root/usr/bin/" # alone it compares commits; what it fetches and merges with stays behind
tar -C "$stdlib" -cf - \
  --exclude='./config-*' --exclude=./curses --exclude=./dbm --exclude=./dist-packages --exclude=./ensurepip \
  --exclude=./idlelib --exclude=./pydoc_data --exclude=./site-packages --exclude=./sitecustomize.py --exclude=./sqlite3 \
  --exclude=./test --exclude=./tkinter --exclude=./turtle.py --exclude=./turtledemo --exclude=./venv \
  --exclude='./lib-dynload/_ctypes_test*' --exclude='./lib-dynload/_curses*' --exclude='./lib-dynload/_dbm*' \
  --exclude='./lib-dynload/_gdbm*' --exclude='./lib-dynload/_sqlite3*' --exclude='./lib-dynload/_test*' \
  --exclude='./lib-dynload/_tkinter*' --exclude='./lib-dynload/_xxtestfuzz*' --exclude='./lib-dynload/readline*' \
  --exclude='./lib-dynload/xx*' --exclude=__pycache__ . | tar -C "$root$stdlib" -xf -
find "$home/venv/bin" -mindepth 1 ! -name python3 -delete # scripts, and copies of the interpreter
cp -a "$home" "$root/opt/"

# the loader's own path is named without an arrow in what ldd prints
find "$root" -type f \( -name '*.so' -o -name '*.so.*' -o -path '*/bin/*' \) -exec ldd {} + |
  sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*ld-linux[^ ]*\) .*/\1/p' | sort -u |
  while read -r library; do
    mkdir -p "$root${library%/*}"
    cp -L "$library" "$root$library"
  done
cp -a /etc/ld.so.conf /etc/ld.so.conf.d "$root/etc/"
ldconfig -r "$root"

mkdir -p "$root/etc/ssl/certs" "$root/tmp"
chmod 1777 "$root/tmp"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/passwd /etc/group "$root/etc/"
# without this line glibc asks the name server for localhost first
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
# and without this one a name that stands in /etc/hosts several times has one address alone
echo 'multi on' >"$root/etc/host.conf"

# The official images ship the standard library without bytecode: each start would compile it anew. What the code
# was compiled from cannot change in an image, so nothing is checked at start-up.
"$python" -m compileall -q --invalidation-mode unchecked-hash -s "$root" "$root$stdlib" "$root$home"
