/* SPDX-License-Identifier: MIT
 *
 * rtl/splay.c - splay links: a search tree whose links lie in the caller's own structures
 *
 * The caller keeps the root, decides the order and serialises.
 *
 * Invariants  P1  The root is its own parent.
 *             P2  A rotation keeps the order; nothing here compares.
 * Source      WDK reference, ntddk.h RtlSplay, RtlDelete, RtlDeleteNoSplay, RtlRealSuccessor,
 *             RtlRealPredecessor, RtlSubtreeSuccessor, RtlSubtreePredecessor
 */
#include "rtl/rtl.h"

typedef RTL_SPLAY_LINKS *LINKS;

/* New, or NULL, takes Old's place below Old's parent; as the root it becomes its own parent. */
static VOID
RtlpReplaceSplay(LINKS Old, LINKS New)
{
    LINKS parent = Old->Parent;

    if (parent == Old) {
        if (New != NULL) {
            New->Parent = New;
        }
        return;
    }
    if (parent->LeftChild == Old) {
        parent->LeftChild = New;
    } else {
        parent->RightChild = New;
    }
    if (New != NULL) {
        New->Parent = parent;
    }
}

/* Node, which is no root, goes up to its parent's place. */
static VOID
RtlpRotateSplay(LINKS Node)
{
    LINKS parent = Node->Parent;
    LINKS inner;

    if (parent->LeftChild == Node) {
        inner = Node->RightChild;
        RtlpReplaceSplay(parent, Node);
        Node->RightChild = parent;
        parent->LeftChild = inner;
    } else {
        inner = Node->LeftChild;
        RtlpReplaceSplay(parent, Node);
        Node->LeftChild = parent;
        parent->RightChild = inner;
    }
    parent->Parent = Node;
    if (inner != NULL) {
        inner->Parent = parent;
    }
}

/* Two nodes change places: Links with Below, the last in order of its left subtree. */
static VOID
RtlpSwapWithPredecessor(LINKS Links, LINKS Below)
{
    LINKS below = Below->LeftChild;
    LINKS parent = Below->Parent;

    RtlpReplaceSplay(Links, Below);
    Below->RightChild = Links->RightChild;
    Below->RightChild->Parent = Below;
    if (parent == Links) {
        Below->LeftChild = Links;
        Links->Parent = Below;
    } else {
        Below->LeftChild = Links->LeftChild;
        Below->LeftChild->Parent = Below;
        parent->RightChild = Links;
        Links->Parent = parent;
    }
    Links->LeftChild = below;
    Links->RightChild = NULL;
    if (below != NULL) {
        below->Parent = Links;
    }
}

/*
 * Takes Links out. *Above: the node above the gap, NULL if there is none. Returns what took Links's
 * own place, NULL for nothing.
 */
static LINKS
RtlpRemoveSplay(LINKS Links, LINKS *Above)
{
    LINKS below = NULL;
    LINKS child;

    if (Links->LeftChild != NULL && Links->RightChild != NULL) {
        below = RtlSubtreePredecessor(Links);
        RtlpSwapWithPredecessor(Links, below);
    }
    child = Links->LeftChild != NULL ? Links->LeftChild : Links->RightChild;
    *Above = Links->Parent != Links ? Links->Parent : NULL;
    RtlpReplaceSplay(Links, child);
    return below != NULL ? below : child;
}

#pragma GCC visibility push(default)

/*
 * RtlSplay - make Links the root by rotations that halve the depth of the path to it
 *
 * Returns  Links
 */
PRTL_SPLAY_LINKS NTAPI
RtlSplay(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlSplay);
    while (Links->Parent != Links) {
        LINKS parent = Links->Parent;
        LINKS above = parent->Parent;
        if (above == parent) {
            RtlpRotateSplay(Links);
        } else if ((parent->LeftChild == Links) == (above->LeftChild == parent)) {
            RtlpRotateSplay(parent);
            RtlpRotateSplay(Links);
        } else {
            RtlpRotateSplay(Links);
            RtlpRotateSplay(Links);
        }
    }
    return Links;
}

/* The last of the left subtree, NULL without one. */
PRTL_SPLAY_LINKS NTAPI
RtlSubtreePredecessor(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlSubtreePredecessor);
    LINKS node = Links->LeftChild;

    while (node != NULL && node->RightChild != NULL) {
        node = node->RightChild;
    }
    return node;
}

/* The first of the right subtree, NULL without one. */
PRTL_SPLAY_LINKS NTAPI
RtlSubtreeSuccessor(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlSubtreeSuccessor);
    LINKS node = Links->RightChild;

    while (node != NULL && node->LeftChild != NULL) {
        node = node->LeftChild;
    }
    return node;
}

/* The one before Links in the whole tree, NULL for the first. */
PRTL_SPLAY_LINKS NTAPI
RtlRealPredecessor(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlRealPredecessor);
    if (Links->LeftChild != NULL) {
        return RtlSubtreePredecessor(Links);
    }
    while (Links->Parent->LeftChild == Links) {
        Links = Links->Parent;
    }
    return Links->Parent->RightChild == Links ? Links->Parent : NULL;
}

/* The one behind Links in the whole tree, NULL for the last. */
PRTL_SPLAY_LINKS NTAPI
RtlRealSuccessor(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlRealSuccessor);
    if (Links->RightChild != NULL) {
        return RtlSubtreeSuccessor(Links);
    }
    while (Links->Parent->RightChild == Links) {
        Links = Links->Parent;
    }
    return Links->Parent->LeftChild == Links ? Links->Parent : NULL;
}

/*
 * RtlDelete - take Links out and splay the node that was above it
 *
 * Returns  the new root, NULL for a tree that is empty now
 */
PRTL_SPLAY_LINKS NTAPI
RtlDelete(PRTL_SPLAY_LINKS Links)
{
    NT_ENTER(RtlDelete);
    LINKS above;
    LINKS child = RtlpRemoveSplay(Links, &above);

    return above != NULL ? RtlSplay(above) : child;
}

/* The same without splaying; *Root is written only if the root changes. */
VOID NTAPI
RtlDeleteNoSplay(PRTL_SPLAY_LINKS Links, PRTL_SPLAY_LINKS *Root)
{
    NT_ENTER(RtlDeleteNoSplay);
    BOOLEAN wasRoot = Links->Parent == Links;
    LINKS above;
    LINKS child = RtlpRemoveSplay(Links, &above);

    if (wasRoot) {
        *Root = child;
    }
}

#pragma GCC visibility pop
