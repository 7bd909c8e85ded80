/* SPDX-License-Identifier: MIT
 *
 * test/spec/irql_test.c - each export refuses to be called above its maximum IRQL
 *
 * The rows come from spec/exports.tsv. Every function is called one level above its limit; as
 * the IRQL is looked at first, it does not matter what with: room of zeroes that is thrown away.
 */
#include "ke/ki.h"
#include "kernel_test.h"

#include <stdio.h>

typedef struct ROW {
    const char *Component;
    const char *Name;
    KIRQL Limit;
    ULONG Code;
} ROW;

static const ROW Rows[] = {
#include "irql-rows.inc"
};

static UCHAR Room[65536] __attribute__((aligned(4096)));

void
NtTestSetUp(void)
{
    KernelTestStart();
}

static PVOID
AddressOf(const char *Name)
{
    for (unsigned i = 0; i < NtboxExportCount; ++i) {
        if (strcmp(NtboxExports[i].Name, Name) == 0) {
            return NtboxExports[i].Address;
        }
    }
    NT_FAIL("%s is not exported", Name);
    return NULL;
}

static void
Call(PVOID Address)
{
    typedef VOID FUNCTION(PVOID, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID, PVOID,
                          PVOID, PVOID, PVOID, PVOID);
    PVOID room = Room + sizeof(Room) / 2;

    ((FUNCTION *)Address)(room, room, room, room, room, room, room, room, room, room, room, room,
                          room, room);
}

/* The thread holds a processor throughout, so that its IRQL can be written as one likes. */
static void
BreakLimit(const ROW *Row)
{
    KTHREAD *thread = KiGetCurrentThread();
    PVOID address = AddressOf(Row->Name);

    memset(Room, 0, sizeof(Room));
    KiResetBugCheck();
    thread->Irql = (KIRQL)(Row->Limit + 1);
    /* Shown if the test fails: the last one is the one. */
    fprintf(stderr, "%s\n", Row->Name);
    NT_EXPECT_BUGCHECK(Row->Code, Call(address));
    if (Row->Code == IRQL_NOT_LESS_OR_EQUAL) {
        NT_EXPECT_STR((const char *)KiBugCheckParameters[0], Row->Name);
        NT_EXPECT_EQ(KiBugCheckParameters[1], Row->Limit + 1);
        NT_EXPECT_EQ(KiBugCheckParameters[2], Row->Limit);
    }
}

static void
BreakLimitsOf(const char *Component)
{
    ULONG count = 0;

    KiRaiseIrql(DISPATCH_LEVEL);
    NT_FOR_EACH (row, Rows) {
        if (strcmp(row->Component, Component) == 0) {
            BreakLimit(row);
            ++count;
        }
    }
    NT_EXPECT_NE(count, 0);
}

#define COMPONENT(name)       \
    NT_TEST(IrqlLimit, name)  \
    {                         \
        BreakLimitsOf(#name); \
    }
COMPONENT(rtl)
COMPONENT(ke)
COMPONENT(ex)
COMPONENT(mm)
COMPONENT(ob)
COMPONENT(se)
COMPONENT(ps)
COMPONENT(io)
COMPONENT(cm)
COMPONENT(ldr)
COMPONENT(init)

/* A component that is not above has no limits. */
NT_TEST(IrqlLimit, AllComponentsAreHere)
{
    static const char *const components = " rtl ke ex mm ob se ps io cm ldr init ";
    char word[32];

    NT_FOR_EACH (row, Rows) {
        __builtin_snprintf(word, sizeof(word), " %s ", row->Component);
        NT_EXPECT_CONTAINS(components, word);
    }
}
