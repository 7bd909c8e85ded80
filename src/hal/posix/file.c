/* SPDX-License-Identifier: MIT
 *
 * hal/posix/file.c - the log, the environment, small files, and what this process is
 */
#include "hal/posix/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

/* The log's descriptor plus one; 0 until the first line. */
static int LogDescriptor;

void
PosixCopyText(char *Target, size_t Size, const char *Text)
{
    size_t length = strnlen(Text, Size - 1);

    memcpy(Target, Text, length);
    Target[length] = '\0';
}

/* 0 when everything was written, else errno. */
static int
WriteAll(int File, const char *Data, size_t Length)
{
    while (Length != 0) {
        ssize_t written = write(File, Data, Length);

        if (written < 0 && errno != EINTR) {
            return errno;
        }
        if (written > 0) {
            Data += written;
            Length -= (size_t)written;
        }
    }
    return 0;
}

static int
OpenLog(void)
{
    int descriptor = __atomic_load_n(&LogDescriptor, __ATOMIC_ACQUIRE);
    const char *path = getenv("NTBOX_LOG");
    int expected = 0;
    int file = -1;

    if (descriptor != 0) {
        return descriptor - 1;
    }
    if (path != NULL && path[0] != '\0') {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
    descriptor = file >= 0 ? file : STDERR_FILENO;
    if (!__atomic_compare_exchange_n(&LogDescriptor, &expected, descriptor + 1, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        if (file >= 0) {
            close(file);
        }
        descriptor = expected - 1;
    }
    return descriptor;
}

/* One write for the whole text: the host does not interleave it with another thread's. */
void
PosixWriteLog(const char *Text, size_t Length)
{
    (void)WriteAll(OpenLog(), Text, Length);
}

int
HalpLogIsTerminal(void)
{
    const char *noColor = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(OpenLog()) && (noColor == NULL || noColor[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

ptrdiff_t
HalpGetEnvironment(const char *Name, char *Buffer, size_t Size)
{
    const char *value = getenv(Name);
    size_t length;

    if (value == NULL) {
        return -1;
    }
    length = strlen(value);
    if (length >= Size) {
        return -1;
    }
    memcpy(Buffer, value, length + 1);
    return (ptrdiff_t)length;
}

/* Written beside its final name first, so that no reader ever sees half of it. */
HALP_STATUS
HalpWriteFile(const char *Path, const void *Data, size_t Length)
{
    char *temporary = NULL;
    HALP_STATUS status = HALP_OK;
    int file;
    int error;

    if (asprintf(&temporary, "%s.%d.XXXXXX", Path, (int)getpid()) < 0) {
        return PosixFailWith("asprintf", ENOMEM);
    }
    file = mkostemp(temporary, O_CLOEXEC);
    if (file < 0) {
        status = PosixFail(Path);
        goto FreeName;
    }
    error = WriteAll(file, Data, Length);
    if (error == 0 && fchmod(file, 0644) != 0) {
        error = errno;
    }
    if (close(file) != 0 && error == 0) {
        error = errno;
    }
    if (error == 0 && rename(temporary, Path) != 0) {
        error = errno;
    }
    if (error != 0) {
        status = PosixFailWith(Path, error);
        unlink(temporary);
    }
FreeName:
    free(temporary);
    return status;
}

/* A HALP_FILE is a descriptor plus one, so that none is NULL. */
static int
DescriptorOf(HALP_FILE *File)
{
    return (int)(uintptr_t)File - 1;
}

/*
 * A regular file's descriptor; -1 and errno, EMEDIUMTYPE for anything else. Looked at before it is
 * opened, because opening a device may do something; what is opened is what was looked at, whatever
 * becomes of the name meanwhile.
 */
static int
OpenAt(int Folder, const char *Path)
{
    int place = openat(Folder, Path, O_PATH | O_CLOEXEC);
    char link[32];
    struct stat about;
    int file = -1;
    int error;

    if (place < 0) {
        return -1;
    }
    if (fstat(place, &about) == 0) {
        if (S_ISREG(about.st_mode)) {
            snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
            file = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        } else {
            errno = EMEDIUMTYPE;
        }
    }
    error = errno;
    close(place);
    errno = error;
    return file;
}

/*
 * A descriptor of the first entry of Path's folder that opens and whose name is Path's but for its
 * case; or -1, errno saying why the last such entry did not open, or ENOENT.
 */
static int
OpenAnyCase(const char *Path)
{
    const char *slash = strrchr(Path, '/');
    char *name = slash == NULL ? NULL : strndup(Path, (size_t)(slash - Path) + 1);
    DIR *folder = name == NULL ? NULL : opendir(name);
    int error = ENOENT;
    struct dirent *entry;
    int file = -1;

    free(name);
    while (folder != NULL && file < 0 && (entry = readdir(folder)) != NULL) {
        if (strcasecmp(entry->d_name, slash + 1) == 0) {
            file = OpenAt(dirfd(folder), entry->d_name);
            error = errno;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    errno = error;
    return file;
}

HALP_STATUS
HalpOpenFile(const char *Path, int AnyCase, HALP_FILE **File)
{
    int file = OpenAt(AT_FDCWD, Path);

    if (file < 0 && errno == ENOENT && AnyCase) {
        file = OpenAnyCase(Path);
    }
    if (file < 0) {
        return errno == EMEDIUMTYPE
                   ? PosixFailText(HALP_UNSUPPORTED, "%s: not a regular file", Path)
                   : PosixFail(Path);
    }
    *File = (HALP_FILE *)((uintptr_t)file + 1);
    return HALP_OK;
}

/* The name of a regular file in Path's folder that is Path's but for its case takes its place. */
static int
CorrectCase(char *Path)
{
    char *name = strrchr(Path, '/') + 1;
    char first = *name;
    struct dirent *entry;
    struct stat about;
    int found = 0;
    DIR *folder;

    *name = '\0';
    folder = opendir(Path);
    *name = first;
    while (folder != NULL && !found && (entry = readdir(folder)) != NULL) {
        if (strcasecmp(entry->d_name, name) == 0 &&
            fstatat(dirfd(folder), entry->d_name, &about, 0) == 0 && S_ISREG(about.st_mode)) {
            memcpy(name, entry->d_name, strlen(name)); /* only ASCII letters differ */
            found = 1;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return found;
}

HALP_STATUS
HalpFindFile(const char *Path, char *Found, size_t Size)
{
    struct stat about;
    size_t length = 0;

    if (Path[0] != '/') {
        if (getcwd(Found, Size) == NULL || Found[0] != '/') {
            return errno == ERANGE ? PosixFailText(HALP_INVALID, "%s: path too long", Path)
                                   : PosixFailText(HALP_NOT_FOUND, "the current folder is gone");
        }
        length = strlen(Found);
    }
    if (length + 1 + strlen(Path) >= Size) {
        return PosixFailText(HALP_INVALID, "%s: path too long", Path);
    }
    if (length != 0) {
        Found[length++] = '/';
    }
    strcpy(Found + length, Path);
    if ((stat(Found, &about) == 0 && S_ISREG(about.st_mode)) || CorrectCase(Found)) {
        return HALP_OK;
    }
    return PosixFailText(HALP_NOT_FOUND, "%s: no such file", Found);
}

void
HalpCloseFile(HALP_FILE *File)
{
    close(DescriptorOf(File));
}

HALP_STATUS
HalpFileSize(HALP_FILE *File, uint64_t *Size)
{
    struct stat about;

    if (fstat(DescriptorOf(File), &about) != 0) {
        return PosixFail("fstat");
    }
    *Size = (uint64_t)about.st_size;
    return HALP_OK;
}

HALP_STATUS
HalpReadFile(HALP_FILE *File, uint64_t Offset, void *Buffer, size_t Length, size_t *Done)
{
    *Done = 0;
    if (Offset > INT64_MAX - Length) {
        return PosixFailText(HALP_INVALID, "HalpReadFile: offset %llu", (unsigned long long)Offset);
    }
    while (*Done < Length) {
        ssize_t got = pread(DescriptorOf(File), (char *)Buffer + *Done, Length - *Done,
                            (off_t)(Offset + *Done));

        if (got == 0) {
            break;
        }
        if (got < 0 && errno != EINTR) {
            return PosixFail("pread");
        }
        *Done += got > 0 ? (size_t)got : 0;
    }
    return HALP_OK;
}

static HALP_STATUS
ReadCommandLine(char *CommandLine, size_t Size)
{
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    size_t length = 0;
    ssize_t got = 1;

    if (file < 0) {
        return PosixFail("/proc/self/cmdline");
    }
    while (got > 0 && length < Size - 1) {
        got = read(file, CommandLine + length, Size - 1 - length);
        length += got > 0 ? (size_t)got : 0;
    }
    close(file);
    CommandLine[length] = '\0';
    return got < 0 ? PosixFail("/proc/self/cmdline") : HALP_OK;
}

HALP_STATUS
HalpQueryOwnImage(char *Path, size_t PathSize, char *CommandLine, size_t LineSize)
{
    ssize_t length;

    if (PathSize == 0 || LineSize == 0) {
        return PosixFailText(HALP_INVALID, "HalpQueryOwnImage: a size is 0");
    }
    length = readlink("/proc/self/exe", Path, PathSize - 1);
    if (length < 0) {
        return PosixFail("/proc/self/exe");
    }
    Path[length] = '\0';
    return ReadCommandLine(CommandLine, LineSize);
}
