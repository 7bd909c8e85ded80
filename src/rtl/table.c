/* SPDX-License-Identifier: MIT
 *
 * rtl/table.c - generic tables as splay trees
 *
 * An element is an RTLP_ELEMENT with the caller's data behind it: splay links for the order, list
 * links for the order of insertion. The caller serialises; look-ups change the tree too.
 *
 * Invariants  G1  TableRoot is the element found, inserted or enumerated last, or above what was
 *                 deleted: an enumeration goes on behind it.
 *             G2  OrderedPointer is the element number WhichOrderedElement, counted from 1, of
 *                 InsertOrderList; the list's head with number 0.
 * Source      WDK reference, ntddk.h RtlInitializeGenericTable and its neighbours
 */
#include "rtl/rtl.h"

typedef struct RTLP_ELEMENT {
    RTL_SPLAY_LINKS Links;
    LIST_ENTRY Order;
} RTLP_ELEMENT;

#define DATA(element) ((PVOID)((element) + 1))
#define ELEMENT_OF(links) CONTAINING_RECORD(links, RTLP_ELEMENT, Links)

/* The node equal to Buffer, or the one below which it belongs; NULL in an empty table. */
static PRTL_SPLAY_LINKS
RtlpFindElement(PRTL_GENERIC_TABLE Table, PVOID Buffer, TABLE_SEARCH_RESULT *Result)
{
    PRTL_SPLAY_LINKS node = Table->TableRoot;
    PRTL_SPLAY_LINKS next = node;

    *Result = TableEmptyTree;
    while (next != NULL) {
        RTL_GENERIC_COMPARE_RESULTS order;
        node = next;
        order = Table->CompareRoutine(Table, Buffer, DATA(ELEMENT_OF(node)));
        if (order == GenericEqual) {
            *Result = TableFoundNode;
            return node;
        }
        *Result = order == GenericLessThan ? TableInsertAsLeft : TableInsertAsRight;
        next = order == GenericLessThan ? node->LeftChild : node->RightChild;
    }
    return node;
}

static PRTL_SPLAY_LINKS
RtlpFirstElement(PRTL_GENERIC_TABLE Table)
{
    PRTL_SPLAY_LINKS node = Table->TableRoot;

    while (node != NULL && node->LeftChild != NULL) {
        node = node->LeftChild;
    }
    return node;
}

static VOID
RtlpLinkElement(PRTL_GENERIC_TABLE Table, PRTL_SPLAY_LINKS Links, PRTL_SPLAY_LINKS Parent,
                TABLE_SEARCH_RESULT Place)
{
    RtlInitializeSplayLinks(Links);
    if (Place == TableInsertAsLeft) {
        RtlInsertAsLeftChild(Parent, Links);
    } else if (Place == TableInsertAsRight) {
        RtlInsertAsRightChild(Parent, Links);
    }
    InsertTailList(&Table->InsertOrderList, &ELEMENT_OF(Links)->Order);
    Table->NumberGenericTableElements++;
}

#pragma GCC visibility push(default)

/*
 * RtlInitializeGenericTable - an empty table
 *
 * AllocateRoutine  is asked for the data's size and that of the links in front of it
 * TableContext     for the routines, in Table->TableContext
 */
VOID NTAPI
RtlInitializeGenericTable(PRTL_GENERIC_TABLE Table, PRTL_GENERIC_COMPARE_ROUTINE CompareRoutine,
                          PRTL_GENERIC_ALLOCATE_ROUTINE AllocateRoutine,
                          PRTL_GENERIC_FREE_ROUTINE FreeRoutine, PVOID TableContext)
{
    NT_ENTER(RtlInitializeGenericTable);
    memset(Table, 0, sizeof(*Table));
    InitializeListHead(&Table->InsertOrderList);
    Table->OrderedPointer = &Table->InsertOrderList;
    Table->CompareRoutine = CompareRoutine;
    Table->AllocateRoutine = AllocateRoutine;
    Table->FreeRoutine = FreeRoutine;
    Table->TableContext = TableContext;
}

/* The element equal to Buffer, or NULL; where it is or would go, for the insertion. */
PVOID NTAPI
RtlLookupElementGenericTableFull(PRTL_GENERIC_TABLE Table, PVOID Buffer, PVOID *NodeOrParent,
                                 TABLE_SEARCH_RESULT *SearchResult)
{
    PRTL_SPLAY_LINKS node = RtlpFindElement(Table, Buffer, SearchResult);

    *NodeOrParent = node;
    if (*SearchResult != TableFoundNode) {
        return NULL;
    }
    Table->TableRoot = RtlSplay(node);
    return DATA(ELEMENT_OF(node));
}

/* NULL: none. The element found becomes the root. */
PVOID NTAPI
RtlLookupElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer)
{
    TABLE_SEARCH_RESULT result;
    PVOID node;

    return RtlLookupElementGenericTableFull(Table, Buffer, &node, &result);
}

/* As RtlInsertElementGenericTable, at the place that the full look-up found. */
PVOID NTAPI
RtlInsertElementGenericTableFull(PRTL_GENERIC_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                 PBOOLEAN NewElement, PVOID NodeOrParent,
                                 TABLE_SEARCH_RESULT SearchResult)
{
    PRTL_SPLAY_LINKS node = NodeOrParent;

    if (NewElement != NULL) {
        *NewElement = FALSE;
    }
    if (SearchResult != TableFoundNode) {
        RTLP_ELEMENT *element =
            Table->AllocateRoutine(Table, (CLONG)(BufferSize + sizeof(RTLP_ELEMENT)));
        if (element == NULL) {
            return NULL;
        }
        memcpy(DATA(element), Buffer, BufferSize);
        node = &element->Links;
        RtlpLinkElement(Table, node, NodeOrParent, SearchResult);
        if (NewElement != NULL) {
            *NewElement = TRUE;
        }
    }
    Table->TableRoot = RtlSplay(node);
    return DATA(ELEMENT_OF(node));
}

/*
 * RtlInsertElementGenericTable - copy Buffer into the table, unless an equal element is there
 *
 * Returns  the element in the table, the old or the new one; NULL without memory
 */
PVOID NTAPI
RtlInsertElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer, CLONG BufferSize,
                             PBOOLEAN NewElement)
{
    TABLE_SEARCH_RESULT result;
    PRTL_SPLAY_LINKS node = RtlpFindElement(Table, Buffer, &result);

    return RtlInsertElementGenericTableFull(Table, Buffer, BufferSize, NewElement, node, result);
}

/* FALSE if there is no such element. Elements inserted after it are numbered anew. */
BOOLEAN NTAPI
RtlDeleteElementGenericTable(PRTL_GENERIC_TABLE Table, PVOID Buffer)
{
    TABLE_SEARCH_RESULT result;
    PRTL_SPLAY_LINKS node = RtlpFindElement(Table, Buffer, &result);

    if (result != TableFoundNode) {
        return FALSE;
    }
    Table->TableRoot = RtlDelete(node);
    RemoveEntryList(&ELEMENT_OF(node)->Order);
    Table->NumberGenericTableElements--;
    Table->OrderedPointer = &Table->InsertOrderList;
    Table->WhichOrderedElement = 0;
    Table->FreeRoutine(Table, ELEMENT_OF(node));
    return TRUE;
}

/* In order; each element becomes the root, and the next call goes on behind it. NULL: the end. */
PVOID NTAPI
RtlEnumerateGenericTable(PRTL_GENERIC_TABLE Table, BOOLEAN Restart)
{
    PRTL_SPLAY_LINKS node;

    if (Table->TableRoot == NULL) {
        return NULL;
    }
    node = Restart ? RtlpFirstElement(Table) : RtlRealSuccessor(Table->TableRoot);
    if (node == NULL) {
        return NULL;
    }
    Table->TableRoot = RtlSplay(node);
    return DATA(ELEMENT_OF(node));
}

/* In order, the tree as it is. *RestartKey NULL: the first element. NULL at the end. */
PVOID NTAPI
RtlEnumerateGenericTableWithoutSplaying(PRTL_GENERIC_TABLE Table, PVOID *RestartKey)
{
    PRTL_SPLAY_LINKS node =
        *RestartKey == NULL ? RtlpFirstElement(Table) : RtlRealSuccessor(*RestartKey);

    if (node == NULL) {
        return NULL;
    }
    *RestartKey = node;
    return DATA(ELEMENT_OF(node));
}

/* Element number I in the order of insertion, from 0; NULL beyond the last. */
PVOID NTAPI
RtlGetElementGenericTable(PRTL_GENERIC_TABLE Table, ULONG I)
{
    PLIST_ENTRY entry = Table->OrderedPointer;
    ULONG at = Table->WhichOrderedElement;
    ULONG wanted = I + 1;

    if (I >= Table->NumberGenericTableElements) {
        return NULL;
    }
    if (wanted < at / 2) {
        entry = &Table->InsertOrderList;
        at = 0;
    }
    for (; at < wanted; at++) {
        entry = entry->Flink;
    }
    for (; at > wanted; at--) {
        entry = entry->Blink;
    }
    Table->OrderedPointer = entry;
    Table->WhichOrderedElement = at;
    return DATA(CONTAINING_RECORD(entry, RTLP_ELEMENT, Order));
}

ULONG NTAPI
RtlNumberGenericTableElements(PRTL_GENERIC_TABLE Table)
{
    return Table->NumberGenericTableElements;
}

BOOLEAN NTAPI
RtlIsGenericTableEmpty(PRTL_GENERIC_TABLE Table)
{
    NT_ENTER(RtlIsGenericTableEmpty);
    return Table->TableRoot == NULL;
}

#pragma GCC visibility pop
