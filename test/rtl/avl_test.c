/* SPDX-License-Identifier: MIT
 *
 * test/rtl/avl_test.c - generic AVL tables
 */
#include "rtl_test.h"

#define KEYS 200

static RTL_GENERIC_COMPARE_RESULTS NTAPI
Compare(PRTL_AVL_TABLE Table, PVOID First, PVOID Second)
{
    ULONG first = *(PULONG)First;
    ULONG second = *(PULONG)Second;

    return first < second ? GenericLessThan : first > second ? GenericGreaterThan : GenericEqual;
}

static PVOID NTAPI
Allocate(PRTL_AVL_TABLE Table, CLONG Size)
{
    return TestAllocate(Size);
}

static VOID NTAPI
Free(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    TestFree(Buffer);
}

/* Checks links and balances; returns the height. */
static LONG
CheckNode(PRTL_BALANCED_LINKS Node, PRTL_BALANCED_LINKS Parent)
{
    LONG left;
    LONG right;

    if (Node == NULL) {
        return 0;
    }
    NT_EXPECT_EQ(Node->Parent, Parent);
    left = CheckNode(Node->LeftChild, Node);
    right = CheckNode(Node->RightChild, Node);
    NT_EXPECT_EQ(Node->Balance, right - left);
    NT_EXPECT_TRUE(Node->Balance >= -1 && Node->Balance <= 1);
    return (left > right ? left : right) + 1;
}

NT_TEST(RtlAvl, StaysBalancedAndOrderedUnderRandomInsertionsAndDeletions)
{
    RTL_AVL_TABLE table;
    BOOLEAN present[KEYS] = {0};
    ULONG count = 0;
    ULONG seed = 5;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    for (ULONG i = 0; i < 20000; i++) {
        ULONG key = RtlRandomEx(&seed) % KEYS;
        if (RtlRandomEx(&seed) % 2 == 0) {
            BOOLEAN isNew;
            PULONG element = RtlInsertElementGenericTableAvl(&table, &key, sizeof(key), &isNew);
            NT_EXPECT_EQ(*element, key);
            NT_EXPECT_EQ(isNew, !present[key]);
            count += isNew;
            present[key] = TRUE;
        } else {
            NT_EXPECT_EQ(RtlDeleteElementGenericTableAvl(&table, &key), present[key]);
            count -= present[key];
            present[key] = FALSE;
        }
        NT_EXPECT_EQ(RtlNumberGenericTableElementsAvl(&table), count);
        if (i % 16 == 0) {
            NT_EXPECT_EQ(CheckNode(table.BalancedRoot.RightChild, &table.BalancedRoot),
                         (LONG)table.DepthOfTree);
        }
        NT_EXPECT_EQ(RtlLookupElementGenericTableAvl(&table, &key) != NULL, present[key]);
    }
    for (ULONG key = 0; key < KEYS; key++) {
        RtlDeleteElementGenericTableAvl(&table, &key);
    }
    NT_EXPECT_TRUE(RtlIsGenericTableEmptyAvl(&table));
    NT_EXPECT_EQ(table.DepthOfTree, 0);
}

static VOID
Fill(PRTL_AVL_TABLE Table, ULONG Count)
{
    RtlInitializeGenericTableAvl(Table, Compare, Allocate, Free, NULL);
    for (ULONG key = 0; key < Count; key++) {
        NT_EXPECT_NE(RtlInsertElementGenericTableAvl(Table, &key, sizeof(key), NULL), NULL);
    }
}

static VOID
Empty(PRTL_AVL_TABLE Table)
{
    PVOID element;

    while ((element = RtlGetElementGenericTableAvl(Table, 0)) != NULL) {
        RtlDeleteElementGenericTableAvl(Table, element);
    }
}

NT_TEST(RtlAvl, EnumerationsAndIndexesGiveTheOrder)
{
    RTL_AVL_TABLE table;
    PVOID key = NULL;
    ULONG expected = 0;

    Fill(&table, 50);
    for (PULONG e = RtlEnumerateGenericTableAvl(&table, TRUE); e != NULL;
         e = RtlEnumerateGenericTableAvl(&table, FALSE)) {
        NT_EXPECT_EQ(*e, expected++);
    }
    NT_EXPECT_EQ(expected, 50);
    for (ULONG i = 0; i < 50; i++) {
        NT_EXPECT_EQ(*(PULONG)RtlEnumerateGenericTableWithoutSplayingAvl(&table, &key), i);
        NT_EXPECT_EQ(*(PULONG)RtlGetElementGenericTableAvl(&table, i * 7 % 50), i * 7 % 50);
    }
    NT_EXPECT_EQ(RtlEnumerateGenericTableWithoutSplayingAvl(&table, &key), NULL);
    NT_EXPECT_EQ(RtlGetElementGenericTableAvl(&table, 50), NULL);
    Empty(&table);
}

NT_TEST(RtlAvl, EnumerationGoesOnBehindADeletedElement)
{
    RTL_AVL_TABLE table;
    ULONG visited = 0;

    Fill(&table, 20);
    for (PULONG e = RtlEnumerateGenericTableAvl(&table, TRUE); e != NULL;
         e = RtlEnumerateGenericTableAvl(&table, FALSE)) {
        NT_EXPECT_EQ(*e, visited++);
        NT_EXPECT_EQ(RtlDeleteElementGenericTableAvl(&table, e), TRUE);
    }
    NT_EXPECT_EQ(visited, 20);
    NT_EXPECT_TRUE(RtlIsGenericTableEmptyAvl(&table));
}

NT_TEST(RtlAvl, WithoutMemoryTheTableStaysAsItWas)
{
    RTL_AVL_TABLE table;
    ULONG key = 77;
    BOOLEAN isNew = TRUE;

    Fill(&table, 3);
    NoMemory = TRUE;
    NT_EXPECT_EQ(RtlInsertElementGenericTableAvl(&table, &key, sizeof(key), &isNew), NULL);
    NT_EXPECT_EQ(isNew, FALSE);
    NT_EXPECT_EQ(RtlNumberGenericTableElementsAvl(&table), 3);
    Empty(&table);
}
