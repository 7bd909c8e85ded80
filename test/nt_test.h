/* SPDX-License-Identifier: MIT
 *
 * nt_test.h - the unit-test harness: one behaviour a test, each in a process of its own
 *
 *     NT_TEST(KeTimer, SetWhileQueuedReplacesDueTime)
 *     {
 *         NT_EXPECT_EQ(KeSetTimer(&timer, due, NULL), FALSE);
 *     }
 *
 * Works in NT mode (after nt.h) and in host mode. Needs no registration elsewhere.
 *
 * Invariants  H1  A failed expectation ends its test, on whatever thread it happens.
 *             H2  A test runs as NtTestSetUp, body, NtTestTearDown in a fresh child process with
 *                 a watchdog; the tear-down is left out once a bugcheck was taken.
 */
#pragma once

#include <stdint.h>

typedef struct NT_TEST_CASE {
    const char *Group;
    const char *Name;
    void (*Body)(void);
    uint64_t SeedCount;
    struct NT_TEST_CASE *Next;
} NT_TEST_CASE;

/* A test that runs once, with seed 1 unless --seed or NTBOX_SEED says otherwise. */
#define NT_TEST(group, name) NT_TEST_SEEDS(group, name, 1)

/* A test whose body runs for the scheduler seeds 1..count, each in a process of its own. */
#define NT_TEST_SEEDS(group, name, count)                                                    \
    static void NtTest_##group##_##name(void);                                               \
    __attribute__((constructor)) static void NtTestRegister_##group##_##name(void)           \
    {                                                                                        \
        static NT_TEST_CASE testCase = {#group, #name, NtTest_##group##_##name, (count), 0}; \
        NtTestRegister(&testCase);                                                           \
    }                                                                                        \
    static void NtTest_##group##_##name(void)

/* Integers, enumerations and pointers; compared as 64 bits after the usual conversions. */
#define NT_EXPECT_EQ(actual, expected)                                                        \
    NtTestExpectEqual((uint64_t)(actual), (uint64_t)(expected), #actual, #expected, __FILE__, \
                      __LINE__)
#define NT_EXPECT_NE(actual, unexpected)                                                   \
    NtTestExpectNotEqual((uint64_t)(actual), (uint64_t)(unexpected), #actual, #unexpected, \
                         __FILE__, __LINE__)
#define NT_EXPECT_TRUE(condition) \
    ((condition) ? (void)0 : NtTestFailAt(__FILE__, __LINE__, "expected: %s", #condition))
#define NT_EXPECT_FALSE(condition)                                                          \
    ((condition) ? NtTestFailAt(__FILE__, __LINE__, "expected to be false: %s", #condition) \
                 : (void)0)
/* Also right for HALP_STATUS and other 32-bit codes; prints them in hexadecimal. */
#define NT_EXPECT_STATUS(expression, status)                                                       \
    NtTestExpectStatus((uint32_t)(expression), (uint32_t)(status), #expression, #status, __FILE__, \
                       __LINE__)
/* Zero-terminated strings of 8-bit characters. */
#define NT_EXPECT_STR(actual, expected) \
    NtTestExpectString((actual), (expected), #actual, __FILE__, __LINE__)
/* Zero-terminated strings of 16-bit characters. */
#define NT_EXPECT_WSTR(actual, expected)                                                      \
    NtTestExpectWideString((const uint16_t *)(actual), (const uint16_t *)(expected), #actual, \
                           __FILE__, __LINE__)
/* The 8-bit string haystack has needle somewhere in it. */
#define NT_EXPECT_CONTAINS(haystack, needle) \
    NtTestExpectContains((haystack), (needle), #haystack, __FILE__, __LINE__)
#define NT_FAIL(...) NtTestFailAt(__FILE__, __LINE__, __VA_ARGS__)

/*
 * The statements must end in a bugcheck with this code; the test then goes on behind them, with
 * the machine as the bugcheck left it, and without tear-down. A bugcheck on another thread than
 * the test's own ends the test there, as passed if the code is right.
 */
#define NT_EXPECT_BUGCHECK(code, ...)                                   \
    do {                                                                \
        NtTestArmBugCheck((uint32_t)(code), #code, __FILE__, __LINE__); \
        if (__builtin_setjmp(NtTestBugCheckPoint) == 0) {               \
            __VA_ARGS__;                                                \
            NtTestMissedBugCheck();                                     \
        }                                                               \
    } while (0)

/* Something we know to be wrong: one of the statements' expectations must fail; if none does, the
 * gap has been closed and the mark must go. Reason: a string. */
#define NT_KNOWN_GAP(reason, ...)                         \
    do {                                                  \
        NtTestArmKnownGap((reason), __FILE__, __LINE__);  \
        if (__builtin_setjmp(NtTestKnownGapPoint) == 0) { \
            __VA_ARGS__;                                  \
            NtTestMissedKnownGap();                       \
        }                                                 \
    } while (0)

/* Ends the test as skipped; only on the test's own thread. */
#define NT_SKIP(reason) NtTestSkip(reason)

/* The scheduler seed of this run. */
uint64_t NtTestSeed(void);

/* What a test file may define: run in the test's process before and after every body. */
__attribute__((weak)) void NtTestSetUp(void);
__attribute__((weak)) void NtTestTearDown(void);

/* ---- what the macros call ---- */

extern void *NtTestBugCheckPoint[5];
extern void *NtTestKnownGapPoint[5];

void NtTestRegister(NT_TEST_CASE *Case);
_Noreturn void NtTestFailAt(const char *File, int Line, const char *Format, ...)
    __attribute__((format(printf, 3, 4)));
void NtTestExpectEqual(uint64_t Actual, uint64_t Expected, const char *ActualText,
                       const char *ExpectedText, const char *File, int Line);
void NtTestExpectNotEqual(uint64_t Actual, uint64_t Unexpected, const char *ActualText,
                          const char *UnexpectedText, const char *File, int Line);
void NtTestExpectStatus(uint32_t Actual, uint32_t Expected, const char *ActualText,
                        const char *ExpectedText, const char *File, int Line);
void NtTestExpectString(const char *Actual, const char *Expected, const char *ActualText,
                        const char *File, int Line);
void NtTestExpectWideString(const uint16_t *Actual, const uint16_t *Expected,
                            const char *ActualText, const char *File, int Line);
void NtTestExpectContains(const char *Haystack, const char *Needle, const char *HaystackText,
                          const char *File, int Line);
void NtTestArmBugCheck(uint32_t Code, const char *CodeText, const char *File, int Line);
_Noreturn void NtTestMissedBugCheck(void);
void NtTestArmKnownGap(const char *Reason, const char *File, int Line);
_Noreturn void NtTestMissedKnownGap(void);
_Noreturn void NtTestSkip(const char *Reason);
