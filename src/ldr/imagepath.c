/* SPDX-License-Identifier: MIT
 *
 * ldr/imagepath.c - the file that a service's ImagePath stands for
 *
 * Installers write the path of a .sys file as Windows has it; here the driver is an ELF file:
 *     a path of the host, or on drive Z:                           that file
 *     a relative one                                               from the current folder
 *     another drive's, or one below \SystemRoot or \Device         its name, in the current folder
 * and where the .sys file does not exist, NAME.so beside it. The name's case is free.
 */
#include "ldr/ldrp.h"

/* Prefix has no case; the rest of Text behind it, or NULL. */
static const char *
LdrpSkip(const char *Text, const char *Prefix)
{
    for (; *Prefix != 0; ++Text, ++Prefix) {
        char unit = *Text >= 'A' && *Text <= 'Z' ? (char)(*Text + 32) : *Text;

        if (unit != *Prefix) {
            return NULL;
        }
    }
    return Text;
}

/* The last part of a path with separators of either kind. */
static const char *
LdrpFilePart(const char *Path)
{
    const char *part = Path;

    for (; *Path != 0; ++Path) {
        part = *Path == '\\' || *Path == '/' ? Path + 1 : part;
    }
    return part;
}

/* A path on a drive that is not here, or in the system's folder. */
static BOOLEAN
LdrpIsElsewhere(const char *Path)
{
    static const char *const roots[] = {"\\systemroot\\", "systemroot\\", "%systemroot%\\",
                                        "%windir%\\",     "system32\\",   "\\device\\"};

    NT_FOR_EACH (root, roots) {
        if (LdrpSkip(Path, *root) != NULL) {
            return TRUE;
        }
    }
    return Path[0] != 0 && Path[1] == ':' && Path[0] != 'Z' && Path[0] != 'z';
}

/* What the prefixes before a drive, and drive Z: itself, leave. */
static const char *
LdrpStripPrefix(const char *Path)
{
    static const char *const prefixes[] = {"\\??\\", "\\\\?\\", "\\dosdevices\\", "\\global??\\"};
    const char *rest = Path;

    NT_FOR_EACH (prefix, prefixes) {
        const char *behind = LdrpSkip(Path, *prefix);

        rest = behind != NULL ? behind : rest;
    }
    if (LdrpIsElsewhere(rest)) {
        return LdrpFilePart(rest);
    }
    return LdrpSkip(rest, "z:") != NULL ? rest + 2 : rest;
}

/* Text has room. The driver's file beside a .sys that is not there. */
static VOID
LdrpTryShared(const char *Text, char *Path, ULONG Size)
{
    SIZE_T length = strlen(Text);
    char shared[1024];

    if (length < 4 || LdrpSkip(Text + length - 4, ".sys") == NULL) {
        return;
    }
    RtlCopyMemory(shared, Text, length - 4);
    strcpy(shared + length - 4, ".so");
    if (HalpFindFile(shared, Path, Size) != HALP_OK) {
        HalpFindFile(Text, Path, Size); /* the one that the error is about */
    }
}

NTSTATUS
LdrpFindImage(const char *ImagePath, char *Path, ULONG Size)
{
    const char *start = ImagePath[0] == '"' ? ImagePath + 1 : ImagePath;
    const char *rest;
    char text[1024];

    if (strlen(start) >= sizeof(text)) {
        return STATUS_NAME_TOO_LONG;
    }
    strcpy(text, start);
    if (start != ImagePath) {
        text[strcspn(text, "\"")] = 0;
    }
    rest = LdrpStripPrefix(text);
    if (rest[0] == 0 || strncmp(rest, "\\\\", 2) == 0) {
        return rest[0] == 0 ? STATUS_OBJECT_NAME_INVALID : STATUS_NOT_SUPPORTED;
    }
    RtlMoveMemory(text, rest, strlen(rest) + 1);
    if (start[0] != '/') { /* else a name of the host, which may hold a backslash */
        for (char *at = text; *at != 0; ++at) {
            *at = *at == '\\' ? '/' : *at;
        }
    }
    switch (HalpFindFile(text, Path, Size)) {
    case HALP_NOT_FOUND:
        LdrpTryShared(text, Path, Size);
        return STATUS_SUCCESS;
    case HALP_INVALID:
        return STATUS_NAME_TOO_LONG;
    default:
        return STATUS_SUCCESS;
    }
}
