#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-header-tree.sh MINGW_INCLUDE TARGET - a folder of links to the mingw-w64 headers without
# their C runtime, so that the host's own <stdio.h> and friends are found for those names.
set -eu
src=$1
dst=$2
rm -rf "$dst"
mkdir -p "$dst"
for file in "$src"/*.h "$src"/*.inl; do
    name=${file##*/}
    case $name in
    assert.h | complex.h | conio.h | crtdbg.h | ctype.h | direct.h | dirent.h | dos.h | eh.h | \
    errno.h | excpt.h | fcntl.h | fenv.h | float.h | getopt.h | intrin.h | inttypes.h | io.h | \
    libgen.h | limits.h | locale.h | malloc.h | math.h | mbctype.h | mbstring.h | mem.h | \
    memory.h | new.h | process.h | pthread* | sched.h | search.h | semaphore.h | setjmp.h | \
    share.h | signal.h | stdarg.h | stddef.h | stdint.h | stdio.h | stdlib.h | string.h | \
    strings.h | swprintf.inl | tchar.h | time.h | uchar.h | unistd.h | utime.h | varargs.h | \
    wchar.h | wctype.h | *intrin.h | mm3dnow.h) ;;
    *) ln -s "$file" "$dst/$name" ;;
    esac
done
ln -s "$src/sdks" "$dst/sdks"
mkdir "$dst/psdk_inc"
for file in "$src"/psdk_inc/*; do
    case ${file##*/} in
    intrin-impl.h) ;;
    *) ln -s "$file" "$dst/psdk_inc/${file##*/}" ;;
    esac
done
ln -s "$src/ddk" "$dst/ddk"
