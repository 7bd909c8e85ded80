#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-header-tree.sh MINGW_INCLUDE TARGET - a folder of links to the mingw-w64 headers without
# their C runtime, so that the host's own <stdio.h> and friends are found for those names.
# With --prefixed before TARGET, that is below the prefix that an installation goes to.
set -eu
src=$1
if [ "$2" = --prefixed ]; then
    dst=$MESON_INSTALL_DESTDIR_PREFIX/$3
else
    dst=$2
fi
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
    winnt.h)
        # clang has _rotl64 and _rotr64 built in, for a 64 bit type that is not the header's.
        sed '/__int64 __cdecl _rot[lr]64(/d' "$file" >"$dst/$name"
        ;;
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

# Names as Windows sources spell them; there the file system does not care.
for name in Windows.h WINDOWS.H Winbase.h WinBase.h Windef.h WinDef.h WinNT.h Winnt.h WinIoCtl.h \
    WinIoctl.h Winioctl.h Winternl.h WinTernl.h Winsvc.h WinSvc.h StrSafe.h Strsafe.h NtStrSafe.h \
    Ntstrsafe.h NtDDK.h Ntddk.h NTDDK.h Ntifs.h NTIFS.h NtIfs.h Wdm.h WDM.h Wdmsec.h WdmSec.h \
    WdmGuid.h Wdmguid.h CSQ.h Csq.h InitGuid.h Initguid.h Psapi.h PSAPI.h TlHelp32.h Tlhelp32.h \
    WtsApi32.h Wtsapi32.h Shlwapi.h ShlObj.h SetupAPI.h Setupapi.h NtImage.h Ntimage.h Tchar.h \
    fltKernel.h FltKernel.h TraceLoggingProvider.h \
    TCHAR.H Intrin.h Conio.h Aclapi.h AclAPI.h Sddl.h UserEnv.h; do
    lower=$(printf %s "$name" | tr '[:upper:]' '[:lower:]')
    printf '#include <%s>\n' "$lower" >"$dst/$name"
done
