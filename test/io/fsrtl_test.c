/* SPDX-License-Identifier: MIT
 *
 * test/io/fsrtl_test.c - names and statuses, as file systems look at them
 */
#include "io_test.h"

void
NtTestSetUp(void)
{
    IoTestStart();
}

void
NtTestTearDown(void)
{
    IoTestStop();
}

static BOOLEAN
Matches(PCWSTR Expression, PCWSTR Name, BOOLEAN IgnoreCase)
{
    UNICODE_STRING expression;
    UNICODE_STRING name;

    RtlInitUnicodeString(&expression, Expression);
    RtlInitUnicodeString(&name, Name);
    return FsRtlIsNameInExpression(&expression, &name, IgnoreCase, NULL);
}

NT_TEST(FsRtl, NamesMatchTheirPatterns)
{
    static const struct {
        PCWSTR Expression;
        PCWSTR Name;
        BOOLEAN Matches;
    } rows[] = {
        {L"", L"", TRUE},
        {L"*", L"", FALSE},
        {L"", L"a", FALSE},
        {L"*", L"a.b.c", TRUE},
        {L"a", L"a", TRUE},
        {L"a", L"A", FALSE},
        {L"a", L"ab", FALSE},
        {L"ab", L"a", FALSE},
        {L"?", L"a", TRUE},
        {L"?", L"ab", FALSE},
        {L"a?c", L"abc", TRUE},
        {L"a?c", L"a.c", TRUE},
        {L"*.txt", L"file.txt", TRUE},
        {L"*.txt", L"file.txt.bak", FALSE},
        {L"*a*b*", L"xxaxxbxx", TRUE},
        {L"*a*b*", L"xxbxxaxx", FALSE},
        {L"a*a*a*a*a*a*a*a*b", L"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", FALSE},
        /* DOS_QM: any character but a period; nothing before a period or at the end */
        {L">>>", L"ab", TRUE},
        {L">>>", L"abc", TRUE},
        {L">>>", L"abcd", FALSE},
        {L">>>.txt", L"ab.txt", TRUE},
        {L"???.txt", L"ab.txt", FALSE},
        {L">", L".", FALSE},
        /* DOS_DOT: a period, or nothing at the end */
        {L"a\"", L"a", TRUE},
        {L"a\"", L"a.", TRUE},
        {L"a\"b", L"a.b", TRUE},
        {L"a\"b", L"ab", FALSE},
        /* DOS_STAR: up to the last period */
        {L"<", L"name", TRUE},
        {L"<", L"a.b", FALSE},
        {L"<.b", L"a.b", TRUE},
        {L"<.c", L"a.b.c", TRUE},
        {L"<\"*", L"a.b.c", TRUE},
        {L"<\"*", L"abc", TRUE},
    };

    NT_FOR_EACH (row, rows) {
        if (Matches(row->Expression, row->Name, FALSE) != row->Matches) {
            NT_FAIL("row %d", (int)(row - rows));
        }
    }
}

NT_TEST(FsRtl, IgnoringCaseTheNameIsPutIntoUpperCase)
{
    static WCHAR table[0x10000];
    UNICODE_STRING expression = US(L"*Z");
    UNICODE_STRING name = US(L"ab");

    NT_EXPECT_TRUE(Matches(L"*.TXT", L"file.Txt", TRUE));
    NT_EXPECT_FALSE(Matches(L"*.txt", L"file.txt", TRUE));
    table[L'b'] = L'Z';
    NT_EXPECT_TRUE(FsRtlIsNameInExpression(&expression, &name, TRUE, table));
    NT_EXPECT_FALSE(FsRtlIsNameInExpression(&expression, &name, FALSE, table));
}

NT_TEST(FsRtl, LongPatternsUseMemoryAndGiveItBack)
{
    static WCHAR pattern[400];
    UNICODE_STRING expression = {sizeof(pattern), sizeof(pattern), pattern};
    UNICODE_STRING name = US(L"x");
    ULONG64 blocks;

    for (ULONG i = 0; i < 400; ++i) {
        pattern[i] = L'*';
    }
    blocks = IoTestPoolBlocks();
    NT_EXPECT_TRUE(FsRtlIsNameInExpression(&expression, &name, FALSE, NULL));
    NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
}

NT_TEST(FsRtl, EightBitPatternsAreCharactersNotBytes)
{
    ANSI_STRING expression = RTL_CONSTANT_STRING("a?c");
    ANSI_STRING plain = RTL_CONSTANT_STRING("abc");
    ANSI_STRING accent = RTL_CONSTANT_STRING("a\xC3\xA9"
                                             "c");
    ANSI_STRING other = RTL_CONSTANT_STRING("aBd");
    ANSI_STRING empty = {0};

    NT_EXPECT_TRUE(FsRtlIsDbcsInExpression(&expression, &plain));
    NT_EXPECT_TRUE(FsRtlIsDbcsInExpression(&expression, &accent));
    NT_EXPECT_FALSE(FsRtlIsDbcsInExpression(&expression, &other));
    NT_EXPECT_FALSE(FsRtlIsDbcsInExpression(&expression, &empty));
    NT_EXPECT_TRUE(FsRtlIsDbcsInExpression(&empty, &empty));
    NT_EXPECT_TRUE(FsRtlDoesDbcsContainWildCards(&expression));
    NT_EXPECT_FALSE(FsRtlDoesDbcsContainWildCards(&plain));
}

NT_TEST(FsRtl, WildCardsAreFive)
{
    static const WCHAR wild[] = L"*?<>\"";
    UNICODE_STRING none = US(L"a.b[c]");

    NT_EXPECT_FALSE(FsRtlDoesNameContainWildCards(&none));
    for (ULONG i = 0; i < 5; ++i) {
        WCHAR text[3] = {L'a', wild[i], L'b'};
        UNICODE_STRING name = {sizeof(text), sizeof(text), text};
        NT_EXPECT_TRUE(FsRtlDoesNameContainWildCards(&name));
    }
}

NT_TEST(FsRtl, EqualNamesMayDifferInCaseIfAsked)
{
    static const UNICODE_STRING lower = US(L"na\x00EFve");
    static const UNICODE_STRING upper = US(L"NA\x00CFVE");
    static const UNICODE_STRING longer = US(L"na\x00EFvete");

    NT_EXPECT_TRUE(FsRtlAreNamesEqual(&lower, &upper, TRUE, NULL));
    NT_EXPECT_FALSE(FsRtlAreNamesEqual(&lower, &upper, FALSE, NULL));
    NT_EXPECT_TRUE(FsRtlAreNamesEqual(&lower, &lower, FALSE, NULL));
    NT_EXPECT_FALSE(FsRtlAreNamesEqual(&lower, &longer, TRUE, NULL));
}

NT_TEST(FsRtl, PathsAreTakenApartFromTheLeft)
{
    static const struct {
        PCWSTR Path;
        PCWSTR First;
        PCWSTR Rest;
    } rows[] = {
        {L"", L"", L""},           {L"A", L"A", L""},     {L"A\\B\\C", L"A", L"B\\C"},
        {L"\\A", L"A", L""},       {L"*A?", L"*A?", L""}, {L"A[,]", L"A[,]", L""},
        {L"A\\\\B", L"A", L"\\B"}, {L"\\", L"", L""},
    };

    NT_FOR_EACH (row, rows) {
        UNICODE_STRING path;
        UNICODE_STRING expected;
        UNICODE_STRING first;
        UNICODE_STRING rest;
        ANSI_STRING narrow;
        ANSI_STRING narrowFirst;
        ANSI_STRING narrowRest;
        RtlInitUnicodeString(&path, row->Path);
        FsRtlDissectName(path, &first, &rest);
        RtlInitUnicodeString(&expected, row->First);
        NT_EXPECT_TRUE(RtlEqualUnicodeString(&first, &expected, FALSE));
        RtlInitUnicodeString(&expected, row->Rest);
        NT_EXPECT_TRUE(RtlEqualUnicodeString(&rest, &expected, FALSE));
        NT_EXPECT_STATUS(RtlUnicodeStringToAnsiString(&narrow, &path, TRUE), STATUS_SUCCESS);
        FsRtlDissectDbcs(narrow, &narrowFirst, &narrowRest);
        NT_EXPECT_EQ(narrowFirst.Length * 2, first.Length);
        NT_EXPECT_EQ(narrowRest.Length * 2, rest.Length);
        NT_EXPECT_TRUE(narrowRest.Length == 0 ||
                       narrowRest.Buffer - narrow.Buffer == rest.Buffer - path.Buffer);
        RtlFreeAnsiString(&narrow);
    }
}

static BOOLEAN
Fat(const char *Name, BOOLEAN Wild, BOOLEAN Path, BOOLEAN Leading)
{
    ANSI_STRING name;

    RtlInitAnsiString(&name, Name);
    return FsRtlIsFatDbcsLegal(name, Wild, Path, Leading);
}

static BOOLEAN
Hpfs(const char *Name, BOOLEAN Wild)
{
    ANSI_STRING name;

    RtlInitAnsiString(&name, Name);
    return FsRtlIsHpfsDbcsLegal(name, Wild, FALSE, FALSE);
}

NT_TEST(FsRtl, FatNamesAreEightAndThree)
{
    static const char *const legal[] = {"a", "12345678.123", "foo. b", " bar", ".", ".."};
    static const char *const illegal[] = {"",      ".foo", "foo.", "foo .b", "123456789", "a.1234",
                                          "a.b.c", "a+b",  "a,b",  "a;b",    "a=b",       "[a]",
                                          "a:b",   "a|b",  "a/b",  "a\"b",   "a\x1F",     "a.b ",
                                          "*",     "a\\b", "\\a"};

    NT_FOR_EACH (name, legal) {
        if (!Fat(*name, FALSE, FALSE, FALSE)) {
            NT_FAIL("%s is legal", *name);
        }
    }
    NT_FOR_EACH (name, illegal) {
        if (Fat(*name, FALSE, FALSE, FALSE)) {
            NT_FAIL("%s is not legal", *name);
        }
    }
    NT_EXPECT_TRUE(Fat("*.txt", TRUE, FALSE, FALSE));
    NT_EXPECT_TRUE(Fat("longer?than8.*.*", TRUE, FALSE, FALSE));
    NT_EXPECT_FALSE(Fat("a+*", TRUE, FALSE, FALSE));
    /* Wild cards allowed, but none there: the lengths count. */
    NT_EXPECT_FALSE(Fat("123456789", TRUE, FALSE, FALSE));
    NT_EXPECT_FALSE(Fat("a.b.c", TRUE, FALSE, FALSE));
    NT_EXPECT_FALSE(Fat("a.1234", TRUE, FALSE, FALSE));
    NT_EXPECT_FALSE(Fat("foo.", TRUE, FALSE, FALSE));
    NT_EXPECT_TRUE(Fat("12345678.123", TRUE, FALSE, FALSE));
    NT_EXPECT_FALSE(Fat("", TRUE, FALSE, FALSE));
    NT_EXPECT_TRUE(Fat("a\\b.c", FALSE, TRUE, FALSE));
    NT_EXPECT_FALSE(Fat("a\\\\b", FALSE, TRUE, FALSE));
    NT_EXPECT_TRUE(Fat("\\a", FALSE, FALSE, TRUE));
    NT_EXPECT_TRUE(Fat("\\", FALSE, FALSE, TRUE));
}

NT_TEST(FsRtl, HpfsNamesAreLong)
{
    NT_EXPECT_TRUE(Hpfs("foo.bar.foo", FALSE));
    NT_EXPECT_TRUE(Hpfs(".foo", FALSE));
    NT_EXPECT_TRUE(Hpfs(" foo", FALSE));
    NT_EXPECT_FALSE(Hpfs("foo ", FALSE));
    NT_EXPECT_FALSE(Hpfs("foo.", FALSE));
    NT_EXPECT_FALSE(Hpfs("a?b", FALSE));
    NT_EXPECT_TRUE(Hpfs("a?b", TRUE));
    NT_EXPECT_FALSE(Hpfs("a|b", TRUE));
}

NT_TEST(FsRtl, StatusesAreSorted)
{
    NT_EXPECT_TRUE(FsRtlIsNtstatusExpected(STATUS_IN_PAGE_ERROR));
    NT_EXPECT_FALSE(FsRtlIsNtstatusExpected(STATUS_ACCESS_VIOLATION));
    NT_EXPECT_FALSE(FsRtlIsNtstatusExpected(STATUS_DATATYPE_MISALIGNMENT));
    NT_EXPECT_FALSE(FsRtlIsNtstatusExpected(STATUS_ILLEGAL_INSTRUCTION));
    NT_EXPECT_FALSE(FsRtlIsNtstatusExpected(STATUS_INSTRUCTION_MISALIGNMENT));
    NT_EXPECT_STATUS(FsRtlNormalizeNtstatus(STATUS_DISK_FULL, STATUS_UNSUCCESSFUL),
                     STATUS_DISK_FULL);
    NT_EXPECT_STATUS(FsRtlNormalizeNtstatus(STATUS_ACCESS_VIOLATION, STATUS_INVALID_USER_BUFFER),
                     STATUS_INVALID_USER_BUFFER);
    NT_EXPECT_FALSE(FsRtlIsTotalDeviceFailure(STATUS_SUCCESS));
    NT_EXPECT_FALSE(FsRtlIsTotalDeviceFailure(STATUS_CRC_ERROR));
    NT_EXPECT_FALSE(FsRtlIsTotalDeviceFailure(STATUS_DEVICE_DATA_ERROR));
    NT_EXPECT_TRUE(FsRtlIsTotalDeviceFailure(STATUS_DEVICE_NOT_CONNECTED));
}

/* Each allocation fails in turn: the exception comes, and nothing stays behind. */
NT_TEST(FsRtl, EightBitPatternsWithoutMemoryRaise)
{
    static char pattern[400];
    ANSI_STRING expression = {sizeof(pattern), sizeof(pattern), pattern};
    ANSI_STRING name = RTL_CONSTANT_STRING("x");
    ULONG64 blocks = IoTestPoolBlocks();
    volatile BOOLEAN matches = FALSE;
    volatile ULONG failures = 0;

    memset(pattern, '*', sizeof(pattern));
    for (ULONG plan = 1; !matches && plan < 10; ++plan) {
        SimSetFaultPlan("pool", plan);
        __try {
            matches = FsRtlIsDbcsInExpression(&expression, &name);
        } __except (GetExceptionCode() == (ULONG)STATUS_NO_MEMORY ? EXCEPTION_EXECUTE_HANDLER
                                                                  : EXCEPTION_CONTINUE_SEARCH) {
            ++failures;
        }
        SimSetFaultPlan(NULL, 0);
        NT_EXPECT_EQ(IoTestPoolBlocks(), blocks);
    }
    NT_EXPECT_TRUE(matches);
    NT_EXPECT_EQ(failures, 3);
}

NT_TEST(FsRtl, EightBitNamesMayBeLongerThanAUnicodeString)
{
    static char text[40000];
    ANSI_STRING expression = RTL_CONSTANT_STRING("*b");
    ANSI_STRING name = {sizeof(text), sizeof(text), text};

    memset(text, 'a', sizeof(text));
    NT_EXPECT_FALSE(FsRtlIsDbcsInExpression(&expression, &name));
    text[sizeof(text) - 1] = 'b';
    NT_EXPECT_TRUE(FsRtlIsDbcsInExpression(&expression, &name));
}
