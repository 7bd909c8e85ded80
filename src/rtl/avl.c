/* SPDX-License-Identifier: MIT
 *
 * rtl/avl.c - generic tables as AVL trees
 *
 * An element is an RTL_BALANCED_LINKS with the caller's data behind it. BalancedRoot.RightChild is
 * the tree, whose root has BalancedRoot as its parent. The caller serialises.
 *
 * Invariants  A1  Balance is the height of the right subtree less that of the left: -1, 0 or 1.
 *             A2  DepthOfTree is the height of the tree.
 * Source      WDK reference, ntddk.h RtlInitializeGenericTableAvl and its neighbours
 */
#include "rtl/rtl.h"

typedef RTL_BALANCED_LINKS *LINKS;

#define DATA(links) ((PVOID)((links) + 1))
#define LINKS_OF(data) ((LINKS)(data)-1)

static BOOLEAN
RtlpIsRight(const RTL_BALANCED_LINKS *Node)
{
    return Node->Parent->RightChild == Node;
}

/* New, or NULL, takes Old's place below Old's parent. */
static VOID
RtlpReplace(LINKS Old, LINKS New)
{
    if (RtlpIsRight(Old)) {
        Old->Parent->RightChild = New;
    } else {
        Old->Parent->LeftChild = New;
    }
    if (New != NULL) {
        New->Parent = Old->Parent;
    }
}

/* Node goes up to its parent's place, and the parent down to the other side. */
static VOID
RtlpRotateUp(LINKS Node)
{
    LINKS parent = Node->Parent;
    BOOLEAN right = RtlpIsRight(Node);
    LINKS inner = right ? Node->LeftChild : Node->RightChild;

    RtlpReplace(parent, Node);
    parent->Parent = Node;
    if (right) {
        Node->LeftChild = parent;
        parent->RightChild = inner;
    } else {
        Node->RightChild = parent;
        parent->LeftChild = inner;
    }
    if (inner != NULL) {
        inner->Parent = parent;
    }
}

/* Top is out of balance to Side (-1, 1). Returns the new top; it is lower than before iff its
 * balance is 0. */
static LINKS
RtlpRebalance(LINKS Top, CHAR Side)
{
    LINKS child = Side > 0 ? Top->RightChild : Top->LeftChild;
    LINKS inner;

    if (child->Balance != -Side) {
        RtlpRotateUp(child);
        Top->Balance = child->Balance == 0 ? Side : 0;
        child->Balance = child->Balance == 0 ? (CHAR)-Side : 0;
        return child;
    }
    inner = Side > 0 ? child->LeftChild : child->RightChild;
    RtlpRotateUp(inner);
    RtlpRotateUp(inner);
    Top->Balance = inner->Balance == Side ? (CHAR)-Side : 0;
    child->Balance = inner->Balance == -Side ? Side : 0;
    inner->Balance = 0;
    return inner;
}

static VOID
RtlpGrown(PRTL_AVL_TABLE Table, LINKS Node)
{
    while (Node->Parent != &Table->BalancedRoot) {
        LINKS parent = Node->Parent;
        CHAR side = RtlpIsRight(Node) ? 1 : -1;
        if (parent->Balance == side) {
            RtlpRebalance(parent, side);
            return;
        }
        parent->Balance += side;
        if (parent->Balance == 0) {
            return;
        }
        Node = parent;
    }
    Table->DepthOfTree++;
}

/* The subtree of Parent on Side has become lower. */
static VOID
RtlpShrunk(PRTL_AVL_TABLE Table, LINKS Parent, CHAR Side)
{
    while (Parent != &Table->BalancedRoot) {
        if (Parent->Balance == -Side) {
            Parent = RtlpRebalance(Parent, (CHAR)-Side);
            if (Parent->Balance != 0) {
                return;
            }
        } else {
            Parent->Balance -= Side;
            if (Parent->Balance != 0) {
                return;
            }
        }
        Side = RtlpIsRight(Parent) ? 1 : -1;
        Parent = Parent->Parent;
    }
    Table->DepthOfTree--;
}

static LINKS
RtlpLeftmost(LINKS Node)
{
    while (Node != NULL && Node->LeftChild != NULL) {
        Node = Node->LeftChild;
    }
    return Node;
}

static LINKS
RtlpNext(PRTL_AVL_TABLE Table, LINKS Node)
{
    if (Node->RightChild != NULL) {
        return RtlpLeftmost(Node->RightChild);
    }
    while (Node != &Table->BalancedRoot && RtlpIsRight(Node)) {
        Node = Node->Parent;
    }
    return Node == &Table->BalancedRoot ? NULL : Node->Parent;
}

static LINKS
RtlpPrevious(PRTL_AVL_TABLE Table, LINKS Node)
{
    if (Node->LeftChild != NULL) {
        Node = Node->LeftChild;
        while (Node->RightChild != NULL) {
            Node = Node->RightChild;
        }
        return Node;
    }
    while (Node->Parent != &Table->BalancedRoot && !RtlpIsRight(Node)) {
        Node = Node->Parent;
    }
    return Node->Parent == &Table->BalancedRoot ? NULL : Node->Parent;
}

static VOID
RtlpUnlink(PRTL_AVL_TABLE Table, LINKS Node)
{
    LINKS parent = Node->Parent;
    CHAR side = RtlpIsRight(Node) ? 1 : -1;

    if (Node->LeftChild == NULL || Node->RightChild == NULL) {
        RtlpReplace(Node, Node->LeftChild != NULL ? Node->LeftChild : Node->RightChild);
    } else {
        /* The successor, which has no left child, takes Node's place. */
        LINKS next = RtlpLeftmost(Node->RightChild);
        side = RtlpIsRight(next) ? 1 : -1;
        parent = next->Parent == Node ? next : next->Parent;
        RtlpReplace(next, next->RightChild);
        RtlpReplace(Node, next);
        next->LeftChild = Node->LeftChild;
        next->RightChild = Node->RightChild;
        next->Balance = Node->Balance;
        next->LeftChild->Parent = next;
        if (next->RightChild != NULL) {
            next->RightChild->Parent = next;
        }
    }
    RtlpShrunk(Table, parent, side);
}

#pragma GCC visibility push(default)

VOID NTAPI
RtlInitializeGenericTableAvl(PRTL_AVL_TABLE Table, PRTL_AVL_COMPARE_ROUTINE CompareRoutine,
                             PRTL_AVL_ALLOCATE_ROUTINE AllocateRoutine,
                             PRTL_AVL_FREE_ROUTINE FreeRoutine, PVOID TableContext)
{
    NT_ENTER(RtlInitializeGenericTableAvl);
    memset(Table, 0, sizeof(*Table));
    Table->BalancedRoot.Parent = &Table->BalancedRoot;
    Table->CompareRoutine = CompareRoutine;
    Table->AllocateRoutine = AllocateRoutine;
    Table->FreeRoutine = FreeRoutine;
    Table->TableContext = TableContext;
}

/*
 * RtlLookupElementGenericTableFullAvl - find an element, or the place where it would go
 *
 * NodeOrParent  receives the links of the element, or of what would be its parent; left as it is
 *               when the table is empty
 *
 * Returns  the element equal to Buffer, or NULL
 * Source   WDK reference, nf-ntddk-rtllookupelementgenerictablefullavl
 */
PVOID NTAPI
RtlLookupElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *NodeOrParent,
                                    TABLE_SEARCH_RESULT *SearchResult)
{
    LINKS node = Table->BalancedRoot.RightChild;

    *SearchResult = TableEmptyTree;
    while (node != NULL) {
        RTL_GENERIC_COMPARE_RESULTS order = Table->CompareRoutine(Table, Buffer, DATA(node));
        *NodeOrParent = node;
        if (order == GenericEqual) {
            *SearchResult = TableFoundNode;
            return DATA(node);
        }
        *SearchResult = order == GenericLessThan ? TableInsertAsLeft : TableInsertAsRight;
        node = order == GenericLessThan ? node->LeftChild : node->RightChild;
    }
    return NULL;
}

PVOID NTAPI
RtlLookupElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    TABLE_SEARCH_RESULT result;
    PVOID node = NULL;

    return RtlLookupElementGenericTableFullAvl(Table, Buffer, &node, &result);
}

/* As RtlInsertElementGenericTableAvl, at the place that the full look-up found. */
PVOID NTAPI
RtlInsertElementGenericTableFullAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                    PBOOLEAN NewElement, PVOID NodeOrParent,
                                    TABLE_SEARCH_RESULT SearchResult)
{
    LINKS node = NodeOrParent;

    if (NewElement != NULL) {
        *NewElement = FALSE;
    }
    if (SearchResult == TableFoundNode) {
        return DATA(node);
    }
    node = Table->AllocateRoutine(Table, (CLONG)(BufferSize + sizeof(*node)));
    if (node == NULL) {
        return NULL;
    }
    memset(node, 0, sizeof(*node));
    memcpy(DATA(node), Buffer, BufferSize);
    node->Parent = SearchResult == TableEmptyTree ? &Table->BalancedRoot : NodeOrParent;
    if (SearchResult == TableInsertAsLeft) {
        node->Parent->LeftChild = node;
    } else {
        node->Parent->RightChild = node;
    }
    Table->NumberGenericTableElements++;
    Table->OrderedPointer = NULL;
    RtlpGrown(Table, node);
    if (NewElement != NULL) {
        *NewElement = TRUE;
    }
    return DATA(node);
}

/*
 * RtlInsertElementGenericTableAvl - copy Buffer into the table, unless an equal element is there
 *
 * Returns  the element in the table, the old or the new one; NULL without memory
 */
PVOID NTAPI
RtlInsertElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, CLONG BufferSize,
                                PBOOLEAN NewElement)
{
    TABLE_SEARCH_RESULT result;
    PVOID node = NULL;

    RtlLookupElementGenericTableFullAvl(Table, Buffer, &node, &result);
    return RtlInsertElementGenericTableFullAvl(Table, Buffer, BufferSize, NewElement, node, result);
}

/* FALSE if there is no such element. An enumeration goes on with the element behind it. */
BOOLEAN NTAPI
RtlDeleteElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer)
{
    PVOID data = RtlLookupElementGenericTableAvl(Table, Buffer);
    LINKS node;

    if (data == NULL) {
        return FALSE;
    }
    node = LINKS_OF(data);
    if (Table->RestartKey == node) {
        Table->RestartKey = RtlpPrevious(Table, node);
    }
    Table->DeleteCount++;
    Table->NumberGenericTableElements--;
    Table->OrderedPointer = NULL;
    RtlpUnlink(Table, node);
    Table->FreeRoutine(Table, node);
    return TRUE;
}

/* *RestartKey NULL: the first element. NULL at the end. */
PVOID NTAPI
RtlEnumerateGenericTableWithoutSplayingAvl(PRTL_AVL_TABLE Table, PVOID *RestartKey)
{
    LINKS node = *RestartKey == NULL ? RtlpLeftmost(Table->BalancedRoot.RightChild)
                                     : RtlpNext(Table, *RestartKey);

    if (node == NULL) {
        return NULL;
    }
    *RestartKey = node;
    return DATA(node);
}

PVOID NTAPI
RtlEnumerateGenericTableAvl(PRTL_AVL_TABLE Table, BOOLEAN Restart)
{
    PVOID key = Restart ? NULL : Table->RestartKey;
    PVOID data = RtlEnumerateGenericTableWithoutSplayingAvl(Table, &key);

    Table->RestartKey = key;
    return data;
}

/* The first of the elements that compare equal to Buffer; *RestartKey continues from it. */
PVOID NTAPI
RtlLookupFirstMatchingElementGenericTableAvl(PRTL_AVL_TABLE Table, PVOID Buffer, PVOID *RestartKey)
{
    LINKS node = Table->BalancedRoot.RightChild;
    LINKS found = NULL;

    while (node != NULL) {
        RTL_GENERIC_COMPARE_RESULTS order = Table->CompareRoutine(Table, Buffer, DATA(node));
        if (order == GenericEqual) {
            found = node;
        }
        node = order == GenericGreaterThan ? node->RightChild : node->LeftChild;
    }
    *RestartKey = found;
    return found != NULL ? DATA(found) : NULL;
}

/* The element number I in order, from 0; NULL beyond the last. Cheap for neighbouring calls. */
PVOID NTAPI
RtlGetElementGenericTableAvl(PRTL_AVL_TABLE Table, ULONG I)
{
    LINKS node = Table->OrderedPointer;
    ULONG at = Table->WhichOrderedElement;

    if (I >= Table->NumberGenericTableElements) {
        return NULL;
    }
    if (node == NULL || I < at / 2) {
        node = RtlpLeftmost(Table->BalancedRoot.RightChild);
        at = 0;
    }
    for (; at < I; at++) {
        node = RtlpNext(Table, node);
    }
    for (; at > I; at--) {
        node = RtlpPrevious(Table, node);
    }
    Table->OrderedPointer = node;
    Table->WhichOrderedElement = at;
    return DATA(node);
}

ULONG NTAPI
RtlNumberGenericTableElementsAvl(PRTL_AVL_TABLE Table)
{
    return Table->NumberGenericTableElements;
}

BOOLEAN NTAPI
RtlIsGenericTableEmptyAvl(PRTL_AVL_TABLE Table)
{
    NT_ENTER(RtlIsGenericTableEmptyAvl);
    return Table->NumberGenericTableElements == 0;
}

#pragma GCC visibility pop
