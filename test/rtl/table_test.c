/* SPDX-License-Identifier: MIT
 *
 * test/rtl/table_test.c - splay links and generic tables, against a model
 */
#include "rtl_test.h"

#define KEYS 64

typedef struct MODEL {
    RTL_GENERIC_TABLE Table;
    ULONG Order[KEYS]; /* keys in the table, as inserted */
    ULONG Count;
} MODEL;

static RTL_GENERIC_COMPARE_RESULTS NTAPI
Compare(PRTL_GENERIC_TABLE Table, PVOID First, PVOID Second)
{
    ULONG first = *(PULONG)First;
    ULONG second = *(PULONG)Second;

    return first < second ? GenericLessThan : first > second ? GenericGreaterThan : GenericEqual;
}

static PVOID NTAPI
Allocate(PRTL_GENERIC_TABLE Table, CLONG Size)
{
    NT_EXPECT_EQ(Size, sizeof(RTL_SPLAY_LINKS) + sizeof(LIST_ENTRY) + sizeof(ULONG));
    return TestAllocate(Size);
}

static VOID NTAPI
Free(PRTL_GENERIC_TABLE Table, PVOID Buffer)
{
    TestFree(Buffer);
}

/* Checks the links below Node; returns how many nodes there are. */
static ULONG
CheckNode(PRTL_SPLAY_LINKS Node, PRTL_SPLAY_LINKS Parent)
{
    if (Node == NULL) {
        return 0;
    }
    NT_EXPECT_EQ(Node->Parent, Parent);
    return 1 + CheckNode(Node->LeftChild, Node) + CheckNode(Node->RightChild, Node);
}

static LONG
Find(const MODEL *Model, ULONG Key)
{
    for (ULONG i = 0; i < Model->Count; i++) {
        if (Model->Order[i] == Key) {
            return (LONG)i;
        }
    }
    return -1;
}

static VOID
CheckModel(MODEL *Model)
{
    PVOID key = NULL;
    PULONG element;
    ULONG seen = 0;

    NT_EXPECT_EQ(RtlNumberGenericTableElements(&Model->Table), Model->Count);
    NT_EXPECT_EQ(RtlIsGenericTableEmpty(&Model->Table), Model->Count == 0);
    NT_EXPECT_EQ(CheckNode(Model->Table.TableRoot, Model->Table.TableRoot), Model->Count);
    for (ULONG previous = 0;
         (element = RtlEnumerateGenericTableWithoutSplaying(&Model->Table, &key)) != NULL;
         previous = *element) {
        NT_EXPECT_TRUE(seen == 0 || *element > previous);
        NT_EXPECT_TRUE(Find(Model, *element) >= 0);
        seen++;
    }
    NT_EXPECT_EQ(seen, Model->Count);
}

static VOID
Start(MODEL *Model)
{
    memset(Model, 0, sizeof(*Model));
    RtlInitializeGenericTable(&Model->Table, Compare, Allocate, Free, Model);
    NT_EXPECT_EQ(Model->Table.TableContext, Model);
}

static VOID
Insert(MODEL *Model, ULONG Key)
{
    BOOLEAN isNew = 7;
    BOOLEAN expected = Find(Model, Key) < 0;
    PULONG element = RtlInsertElementGenericTable(&Model->Table, &Key, sizeof(Key), &isNew);

    NT_EXPECT_EQ(*element, Key);
    NT_EXPECT_EQ(isNew, expected);
    NT_EXPECT_EQ((PRTL_SPLAY_LINKS)Model->Table.TableRoot, CONTAINING_RECORD(
                                                               element,
                                                               struct {
                                                                   RTL_SPLAY_LINKS Links;
                                                                   LIST_ENTRY Order;
                                                                   ULONG Key;
                                                               },
                                                               Key));
    if (expected) {
        Model->Order[Model->Count++] = Key;
    }
}

static VOID
Delete(MODEL *Model, ULONG Key)
{
    LONG at = Find(Model, Key);

    NT_EXPECT_EQ(RtlDeleteElementGenericTable(&Model->Table, &Key), at >= 0);
    if (at >= 0) {
        Model->Count--;
        memmove(&Model->Order[at], &Model->Order[at + 1],
                (Model->Count - (ULONG)at) * sizeof(ULONG));
    }
}

static VOID
Empty(MODEL *Model)
{
    while (Model->Count > 0) {
        Delete(Model, Model->Order[Model->Count / 2]);
        CheckModel(Model);
    }
}

NT_TEST(RtlTable, AgreesWithAModelUnderRandomOperations)
{
    ULONG seed = 11;
    MODEL model;

    Start(&model);
    for (ULONG i = 0; i < 20000; i++) {
        ULONG key = RtlRandomEx(&seed) % KEYS;
        PULONG element;
        switch (RtlRandomEx(&seed) % 4) {
        case 0:
            Insert(&model, key);
            break;
        case 1:
            Delete(&model, key);
            break;
        case 2:
            element = RtlLookupElementGenericTable(&model.Table, &key);
            NT_EXPECT_EQ(element != NULL, Find(&model, key) >= 0);
            NT_EXPECT_TRUE(element == NULL || *element == key);
            break;
        default:
            element = RtlGetElementGenericTable(&model.Table, key);
            NT_EXPECT_EQ(element != NULL, key < model.Count);
            NT_EXPECT_TRUE(element == NULL || *element == model.Order[key]);
            break;
        }
        if (i % 8 == 0) {
            CheckModel(&model);
        }
    }
    Empty(&model);
}

NT_TEST(RtlTable, EnumerationSplaysEachElementInOrder)
{
    ULONG expected = 0;
    MODEL model;

    Start(&model);
    NT_EXPECT_EQ(RtlEnumerateGenericTable(&model.Table, TRUE), NULL);
    NT_EXPECT_EQ(RtlEnumerateGenericTable(&model.Table, FALSE), NULL);
    for (ULONG i = 0; i < KEYS; i++) {
        Insert(&model, i * 29 % KEYS);
    }
    for (PULONG e = RtlEnumerateGenericTable(&model.Table, TRUE); e != NULL;
         e = RtlEnumerateGenericTable(&model.Table, FALSE)) {
        NT_EXPECT_EQ(*e, expected++);
        NT_EXPECT_EQ((ULONG_PTR)model.Table.TableRoot + 40, e);
    }
    NT_EXPECT_EQ(expected, KEYS);
    CheckModel(&model);
    Empty(&model);
}

NT_TEST(RtlTable, FullLookUpTellsWhereAnElementBelongs)
{
    ULONG keys[] = {20, 10, 30, 5, 15};
    TABLE_SEARCH_RESULT result;
    BOOLEAN isNew;
    PVOID place;
    MODEL model;

    Start(&model);
    NT_EXPECT_EQ(RtlLookupElementGenericTableFull(&model.Table, &keys[0], &place, &result), NULL);
    NT_EXPECT_EQ(result, TableEmptyTree);
    NT_FOR_EACH (key, keys) {
        NT_EXPECT_EQ(RtlLookupElementGenericTableFull(&model.Table, key, &place, &result), NULL);
        NT_EXPECT_NE(result, TableFoundNode);
        NT_EXPECT_EQ(*(PULONG)RtlInsertElementGenericTableFull(&model.Table, key, sizeof(*key),
                                                               &isNew, place, result),
                     *key);
        NT_EXPECT_TRUE(isNew);
        model.Order[model.Count++] = *key;
        CheckModel(&model);
    }
    NT_EXPECT_NE(RtlLookupElementGenericTableFull(&model.Table, &keys[1], &place, &result), NULL);
    NT_EXPECT_EQ(result, TableFoundNode);
    NT_EXPECT_EQ(model.Table.TableRoot, place);
    RtlInsertElementGenericTableFull(&model.Table, &keys[1], sizeof(ULONG), &isNew, place, result);
    NT_EXPECT_FALSE(isNew);
    Empty(&model);
}

NT_TEST(RtlTable, WithoutMemoryNothingIsInserted)
{
    ULONG key = 1;
    BOOLEAN isNew = TRUE;
    MODEL model;

    Start(&model);
    Insert(&model, 2);
    NoMemory = TRUE;
    NT_EXPECT_EQ(RtlInsertElementGenericTable(&model.Table, &key, sizeof(key), &isNew), NULL);
    NT_EXPECT_FALSE(isNew);
    CheckModel(&model);
    NoMemory = FALSE;
    Empty(&model);
}

/* ---- links by themselves ---- */

typedef struct NODE {
    RTL_SPLAY_LINKS Links;
    ULONG Key;
} NODE;

static ULONG
InOrder(PRTL_SPLAY_LINKS Root, ULONG *Keys)
{
    PRTL_SPLAY_LINKS node = Root;
    ULONG count = 0;

    while (node != NULL && node->LeftChild != NULL) {
        node = node->LeftChild;
    }
    NT_EXPECT_TRUE(node == NULL || RtlRealPredecessor(node) == NULL);
    while (node != NULL) {
        PRTL_SPLAY_LINKS next = RtlRealSuccessor(node);
        Keys[count++] = ((NODE *)node)->Key;
        NT_EXPECT_TRUE(next == NULL || RtlRealPredecessor(next) == node);
        node = next;
    }
    return count;
}

/* The tree of 0..KEYS-1 as a line to the right. */
static PRTL_SPLAY_LINKS
Line(NODE *Nodes)
{
    for (ULONG i = 0; i < KEYS; i++) {
        Nodes[i].Key = i;
        RtlInitializeSplayLinks(&Nodes[i].Links);
        if (i > 0) {
            RtlInsertAsRightChild(&Nodes[i - 1].Links, &Nodes[i].Links);
        }
    }
    return &Nodes[0].Links;
}

NT_TEST(RtlSplay, MakesTheNodeTheRootAndKeepsTheOrder)
{
    ULONG keys[KEYS];
    NODE nodes[KEYS];
    ULONG seed = 3;

    NT_EXPECT_EQ(InOrder(Line(nodes), keys), KEYS);
    for (ULONG i = 0; i < 1000; i++) {
        PRTL_SPLAY_LINKS root = &nodes[RtlRandomEx(&seed) % KEYS].Links;
        NT_EXPECT_EQ(RtlSplay(root), root);
        NT_EXPECT_TRUE(RtlIsRoot(root));
        NT_EXPECT_EQ(CheckNode(root, root), KEYS);
        NT_EXPECT_EQ(InOrder(root, keys), KEYS);
        for (ULONG k = 0; k < KEYS; k++) {
            NT_EXPECT_EQ(keys[k], k);
        }
    }
}

static ULONG
Depth(PRTL_SPLAY_LINKS Node)
{
    ULONG left = Node == NULL ? 0 : Depth(Node->LeftChild);
    ULONG right = Node == NULL ? 0 : Depth(Node->RightChild);

    return Node == NULL ? 0 : 1 + max(left, right);
}

NT_TEST(RtlSplay, HalvesTheDepthOfALongPath)
{
    NODE nodes[KEYS];

    Line(nodes);
    NT_EXPECT_TRUE(Depth(RtlSplay(&nodes[KEYS - 1].Links)) <= KEYS / 2 + 2);
}

NT_TEST(RtlSplay, DeletionsKeepTheOthersInOrder)
{
    ULONG keys[KEYS];
    NODE nodes[KEYS];
    ULONG seed = 9;

    for (ULONG splaying = 0; splaying < 2; splaying++) {
        PRTL_SPLAY_LINKS root = Line(nodes);
        BOOLEAN gone[KEYS] = {0};
        ULONG left = KEYS;
        for (ULONG i = 0; i < KEYS; i++) {
            root = RtlSplay(&nodes[i].Links);
        }
        for (ULONG i = 0; i < 4; i++) {
            root = RtlSplay(&nodes[RtlRandomEx(&seed) % KEYS].Links);
        }
        while (left > 0) {
            ULONG key = RtlRandomEx(&seed) % KEYS;
            if (gone[key]) {
                continue;
            }
            if (splaying) {
                root = RtlDelete(&nodes[key].Links);
            } else {
                RtlDeleteNoSplay(&nodes[key].Links, &root);
            }
            gone[key] = TRUE;
            left--;
            NT_EXPECT_EQ(root == NULL, left == 0);
            NT_EXPECT_EQ(CheckNode(root, root), left);
            NT_EXPECT_EQ(InOrder(root, keys), left);
            for (ULONG k = 0; k < left; k++) {
                NT_EXPECT_FALSE(gone[keys[k]]);
                NT_EXPECT_TRUE(k == 0 || keys[k] > keys[k - 1]);
            }
        }
    }
}

/* The keys of a subtree in order, from *Count on. */
static VOID
Collect(PRTL_SPLAY_LINKS Node, ULONG *Keys, ULONG *Count)
{
    if (Node != NULL) {
        Collect(Node->LeftChild, Keys, Count);
        Keys[(*Count)++] = ((NODE *)Node)->Key;
        Collect(Node->RightChild, Keys, Count);
    }
}

/* The last of the left subtree and the first of the right one; NULL without such a subtree. */
NT_TEST(RtlSplay, NeighboursInTheSubtree)
{
    ULONG keys[KEYS];
    NODE nodes[KEYS];
    PRTL_SPLAY_LINKS root = Line(nodes);
    ULONG seed = 11;

    for (ULONG i = 0; i < 50; i++) {
        for (ULONG key = 0; key < KEYS; key++) {
            PRTL_SPLAY_LINKS node = &nodes[key].Links;
            PRTL_SPLAY_LINKS before = RtlSubtreePredecessor(node);
            PRTL_SPLAY_LINKS behind = RtlSubtreeSuccessor(node);
            ULONG left = 0;
            ULONG right = 0;
            Collect(node->LeftChild, keys, &left);
            NT_EXPECT_EQ(before, left == 0 ? NULL : &nodes[keys[left - 1]].Links);
            NT_EXPECT_TRUE(left == 0 || keys[left - 1] == key - 1);
            Collect(node->RightChild, keys, &right);
            NT_EXPECT_EQ(behind, right == 0 ? NULL : &nodes[keys[0]].Links);
            NT_EXPECT_TRUE(right == 0 || keys[0] == key + 1);
        }
        root = RtlSplay(&nodes[RtlRandomEx(&seed) % KEYS].Links);
    }
    NT_EXPECT_EQ(CheckNode(root, root), KEYS);
}

NT_TEST(RtlSplay, ANodeAloneHasNoNeighbours)
{
    RTL_SPLAY_LINKS node;

    RtlInitializeSplayLinks(&node);
    NT_EXPECT_EQ(RtlSubtreePredecessor(&node), NULL);
    NT_EXPECT_EQ(RtlSubtreeSuccessor(&node), NULL);
}
