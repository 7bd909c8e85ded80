/* SPDX-License-Identifier: MIT
 *
 * hal/posix/error.c - the one place where errno becomes HALP_STATUS
 */
#include "hal/posix/posix.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ERROR_TEXT 512

/* Made at a thread's first failure: thread-local space of a library is scarce. */
static POSIX_TLS char *ErrorText;

static const struct {
    int Error;
    HALP_STATUS Status;
} StatusOfErrno[] = {
    {ETIMEDOUT, HALP_TIMEOUT},  {ENOMEM, HALP_NO_MEMORY},   {EMFILE, HALP_NO_MEMORY},
    {ENFILE, HALP_NO_MEMORY},   {ENOSPC, HALP_NO_MEMORY},   {EDQUOT, HALP_NO_MEMORY},
    {EAGAIN, HALP_NO_MEMORY}, /* pthread_create, mmap: a resource limit */
    {ENOENT, HALP_NOT_FOUND},   {ENOTDIR, HALP_NOT_FOUND},  {ESRCH, HALP_NOT_FOUND},
    {ECHILD, HALP_NOT_FOUND},   {EPERM, HALP_DENIED},       {EACCES, HALP_DENIED},
    {EROFS, HALP_DENIED},       {ENOEXEC, HALP_BAD_IMAGE},  {EINVAL, HALP_INVALID},
    {E2BIG, HALP_INVALID},      {ERANGE, HALP_INVALID},     {ENAMETOOLONG, HALP_INVALID},
    {EBADF, HALP_INVALID},      {ENOSYS, HALP_UNSUPPORTED}, {EOPNOTSUPP, HALP_UNSUPPORTED},
    {ENODEV, HALP_UNSUPPORTED}, {EEXIST, HALP_EXISTS},      {EFAULT, HALP_FAULT},
    {EPIPE, HALP_CLOSED},       {ECONNRESET, HALP_CLOSED},
};

static void
KeepText(const char *Format, va_list Arguments)
{
    if (ErrorText == NULL) {
        ErrorText = malloc(MAX_ERROR_TEXT);
    }
    if (ErrorText != NULL) {
        vsnprintf(ErrorText, MAX_ERROR_TEXT, Format, Arguments);
    }
}

HALP_STATUS
PosixFailText(HALP_STATUS Status, const char *Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    KeepText(Format, arguments);
    va_end(arguments);
    return Status;
}

HALP_STATUS
PosixFailWith(const char *What, int Error)
{
    HALP_STATUS status = HALP_IO;
    char text[128];

    for (size_t i = 0; i < sizeof(StatusOfErrno) / sizeof(StatusOfErrno[0]); ++i) {
        if (StatusOfErrno[i].Error == Error) {
            status = StatusOfErrno[i].Status;
            break;
        }
    }
    return PosixFailText(status, "%s: %s", What, strerror_r(Error, text, sizeof(text)));
}

HALP_STATUS
PosixFail(const char *What)
{
    return PosixFailWith(What, errno);
}

void
PosixFatal(const char *Format, ...)
{
    char text[1024];
    va_list arguments;
    int length;

    va_start(arguments, Format);
    length = vsnprintf(text, sizeof(text) - 1, Format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length > sizeof(text) - 2) {
        length = (int)sizeof(text) - 2;
    }
    text[length] = '\n';
    PosixWriteLog(text, (size_t)length + 1);
    abort();
}

const char *
HalpLastErrorText(void)
{
    return ErrorText != NULL ? ErrorText : "";
}

void
PosixForgetError(void)
{
    free(ErrorText);
    ErrorText = NULL;
}
