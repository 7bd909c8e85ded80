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

/* ---- the full routines: look up once, insert at the place found ---- */

NT_TEST(RtlAvl, FullLookupTellsWhereTheElementIsOrWouldGo)
{
    static const struct {
        ULONG Key;
        TABLE_SEARCH_RESULT Result;
        ULONG At; /* the element that NodeOrParent is in front of */
    } rows[] = {
        {20, TableFoundNode, 20},     {10, TableFoundNode, 10},     {30, TableFoundNode, 30},
        {5, TableInsertAsLeft, 10},   {15, TableInsertAsRight, 10}, {25, TableInsertAsLeft, 30},
        {35, TableInsertAsRight, 30},
    };
    static const ULONG keys[] = {20, 10, 30};
    RTL_AVL_TABLE table;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    NT_FOR_EACH (key, keys) {
        ULONG copy = *key;
        NT_EXPECT_NE(RtlInsertElementGenericTableAvl(&table, &copy, sizeof(copy), NULL), NULL);
    }
    NT_FOR_EACH (row, rows) {
        ULONG key = row->Key;
        TABLE_SEARCH_RESULT result = TableEmptyTree;
        PVOID node = NULL;
        PULONG found = RtlLookupElementGenericTableFullAvl(&table, &key, &node, &result);
        NT_EXPECT_EQ(result, row->Result);
        NT_EXPECT_EQ(*(PULONG)((PRTL_BALANCED_LINKS)node + 1), row->At);
        NT_EXPECT_EQ(found, result == TableFoundNode ? (PRTL_BALANCED_LINKS)node + 1 : NULL);
    }
    Empty(&table);
}

NT_TEST(RtlAvl, FullLookupInAnEmptyTreeLeavesTheNodeAlone)
{
    RTL_AVL_TABLE table;
    TABLE_SEARCH_RESULT result = TableFoundNode;
    ULONG key = 1;
    PVOID node = &key;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    NT_EXPECT_EQ(RtlLookupElementGenericTableFullAvl(&table, &key, &node, &result), NULL);
    NT_EXPECT_EQ(result, TableEmptyTree);
    NT_EXPECT_EQ(node, &key);
}

NT_TEST(RtlAvl, FullInsertionTakesThePlaceOfTheLookup)
{
    RTL_AVL_TABLE table;
    ULONG seed = 9;
    ULONG count = 0;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    for (ULONG i = 0; i < 500; i++) {
        ULONG key = RtlRandomEx(&seed) % KEYS;
        BOOLEAN isNew = 9;
        TABLE_SEARCH_RESULT result;
        PVOID node = NULL;
        PULONG found = RtlLookupElementGenericTableFullAvl(&table, &key, &node, &result);
        LONG blocks = LiveBlocks;
        PULONG element =
            RtlInsertElementGenericTableFullAvl(&table, &key, sizeof(key), &isNew, node, result);
        NT_EXPECT_NE(element, &key);
        NT_EXPECT_EQ(*element, key);
        NT_EXPECT_EQ(isNew, found == NULL);
        NT_EXPECT_EQ(LiveBlocks, blocks + isNew); /* nothing is allocated for what is there */
        if (found != NULL) {
            NT_EXPECT_EQ(element, found);
        }
        count += isNew;
        NT_EXPECT_EQ(RtlNumberGenericTableElementsAvl(&table), count);
        NT_EXPECT_EQ(CheckNode(table.BalancedRoot.RightChild, &table.BalancedRoot),
                     (LONG)table.DepthOfTree);
    }
    Empty(&table);
}

NT_TEST(RtlAvl, FullInsertionWithoutMemoryFails)
{
    TABLE_SEARCH_RESULT result;
    BOOLEAN isNew = TRUE;
    RTL_AVL_TABLE table;
    ULONG key = 77;
    PVOID node = NULL;

    Fill(&table, 3);
    NoMemory = TRUE;
    NT_EXPECT_EQ(RtlLookupElementGenericTableFullAvl(&table, &key, &node, &result), NULL);
    NT_EXPECT_EQ(
        RtlInsertElementGenericTableFullAvl(&table, &key, sizeof(key), &isNew, node, result), NULL);
    NT_EXPECT_FALSE(isNew);
    NT_EXPECT_EQ(RtlInsertElementGenericTableFullAvl(&table, &key, sizeof(key), NULL, node, result),
                 NULL);
    NT_EXPECT_EQ(RtlNumberGenericTableElementsAvl(&table), 3);
    Empty(&table);
}

NT_TEST(RtlAvl, IsEmptyUntilThereIsAnElementAndAfterTheLast)
{
    RTL_AVL_TABLE table;
    ULONG key = 1;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    NT_EXPECT_TRUE(RtlIsGenericTableEmptyAvl(&table));
    NT_EXPECT_NE(RtlInsertElementGenericTableAvl(&table, &key, sizeof(key), NULL), NULL);
    NT_EXPECT_FALSE(RtlIsGenericTableEmptyAvl(&table));
    key = 2;
    NT_EXPECT_FALSE(RtlDeleteElementGenericTableAvl(&table, &key));
    NT_EXPECT_FALSE(RtlIsGenericTableEmptyAvl(&table));
    key = 1;
    NT_EXPECT_TRUE(RtlDeleteElementGenericTableAvl(&table, &key));
    NT_EXPECT_TRUE(RtlIsGenericTableEmptyAvl(&table));
}

/* As Compare, but the last digit does not count: ten keys are one. */
static RTL_GENERIC_COMPARE_RESULTS NTAPI
CompareTens(PRTL_AVL_TABLE Table, PVOID First, PVOID Second)
{
    ULONG first = *(PULONG)First / 10;
    ULONG second = *(PULONG)Second / 10;

    return Compare(Table, &first, &second);
}

/* The first of several that match by a coarser order, and from there on the others. */
NT_TEST(RtlAvl, FirstMatchIsWhereAnEnumerationOfTheMatchesBegins)
{
    RTL_AVL_TABLE table;

    Fill(&table, 100);
    table.CompareRoutine = CompareTens;
    for (ULONG key = 0; key < 100; key++) {
        PVOID restart = &key;
        PULONG found = RtlLookupFirstMatchingElementGenericTableAvl(&table, &key, &restart);
        for (ULONG i = 0; i < 10; i++) {
            NT_EXPECT_EQ(*found, key / 10 * 10 + i);
            found = RtlEnumerateGenericTableWithoutSplayingAvl(&table, &restart);
        }
        if (key >= 90) {
            NT_EXPECT_EQ(found, NULL);
        } else {
            NT_EXPECT_EQ(*found, key / 10 * 10 + 10);
        }
    }
    table.CompareRoutine = Compare;
    Empty(&table);
}

NT_TEST(RtlAvl, FirstMatchOfNothingIsNull)
{
    RTL_AVL_TABLE table;
    PVOID restart = NULL;
    ULONG key = 10;

    RtlInitializeGenericTableAvl(&table, Compare, Allocate, Free, NULL);
    NT_EXPECT_EQ(RtlLookupFirstMatchingElementGenericTableAvl(&table, &key, &restart), NULL);
    Fill(&table, 10);
    NT_EXPECT_EQ(RtlLookupFirstMatchingElementGenericTableAvl(&table, &key, &restart), NULL);
    key = 3;
    NT_EXPECT_EQ(*(PULONG)RtlLookupFirstMatchingElementGenericTableAvl(&table, &key, &restart), 3);
    NT_EXPECT_EQ(*(PULONG)RtlEnumerateGenericTableWithoutSplayingAvl(&table, &restart), 4);
    Empty(&table);
}
