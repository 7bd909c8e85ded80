/* SPDX-License-Identifier: MIT
 *
 * test/user/check.h - tests in a client's process: TAP, one after the other, in source order
 *
 *     TEST(OpenClose)
 *     {
 *         CHECK(CloseHandle(Open()));
 *     }
 *
 * A client holds a running kernel with threads in it, so its tests cannot be forked apart.
 */
#pragma once

#include <windows.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct CHECK_TEST {
    const char *Name;
    void (*Body)(void);
} CHECK_TEST;

static CHECK_TEST CheckTests[64];
static int CheckCount;
static volatile LONG CheckFailures; /* of the running test, from any thread */

#define TEST(name)                                                \
    static void Test##name(void);                                 \
    __attribute__((constructor)) static void Register##name(void) \
    {                                                             \
        CheckTests[CheckCount].Name = #name;                      \
        CheckTests[CheckCount++].Body = Test##name;               \
    }                                                             \
    static void Test##name(void)

static void
CheckFailed(const char *File, int Line, const char *Text, unsigned long long Actual)
{
    printf("# %s:%d: %s; got %llu (0x%llX), last error %u\n", File, Line, Text, Actual, Actual,
           (unsigned)GetLastError());
    InterlockedIncrement(&CheckFailures);
}

#define CHECK(condition) ((condition) ? (void)0 : CheckFailed(__FILE__, __LINE__, #condition, 0))
#define CHECK_EQ(actual, expected)                                                  \
    do {                                                                            \
        unsigned long long checkActual = (unsigned long long)(actual);              \
        if (checkActual != (unsigned long long)(expected)) {                        \
            CheckFailed(__FILE__, __LINE__, #actual " == " #expected, checkActual); \
        }                                                                           \
    } while (0)
/* The call fails, with that last error. */
#define CHECK_FAILS(call, error)                                                   \
    do {                                                                           \
        SetLastError(0xDEAD);                                                      \
        if (call) {                                                                \
            CheckFailed(__FILE__, __LINE__, #call " succeeded", 1);                \
        } else if (GetLastError() != (DWORD)(error)) {                             \
            CheckFailed(__FILE__, __LINE__, #call " failed, but not with " #error, \
                        GetLastError());                                           \
        }                                                                          \
    } while (0)

int
main(int argc, char **argv)
{
    int failed = 0;

    setvbuf(stdout, NULL, _IONBF, 0);
    printf("1..%d\n", CheckCount);
    for (int i = 0; i < CheckCount; i++) {
        if (argc > 1 && strcmp(argv[1], CheckTests[i].Name) != 0) {
            printf("ok %d - %s # SKIP not chosen\n", i + 1, CheckTests[i].Name);
            continue;
        }
        CheckFailures = 0;
        CheckTests[i].Body();
        printf("%sok %d - %s\n", CheckFailures != 0 ? "not " : "", i + 1, CheckTests[i].Name);
        failed += CheckFailures != 0;
    }
    return failed != 0;
}
