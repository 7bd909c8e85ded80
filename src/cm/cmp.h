/* SPDX-License-Identifier: MIT
 *
 * cm/cmp.h - what the files of cm share
 *
 * Invariants  CM1  A key is in its parent's SubKeys iff it is not Deleted; the tree holds one
 *                  reference then, each open handle's body one more.
 *             CM2  SubKeys are sorted by upper-cased name; Values keep the order of their making.
 */
#pragma once

#include "cm/cm.h"
#include "ob/filter.h"

#define CMP_TAG 'yeKC'      /* "CKey" */
#define CMP_TAG_PATH 'pRmC' /* "CmRp" */
#define CMP_MAX_KEY_NAME 255u
#define CMP_MAX_VALUE_NAME 16383u

typedef struct CMP_VALUE {
    LIST_ENTRY Link; /* CMP_KEY.Values */
    ULONG Type;
    ULONG Length;
    PVOID Data;          /* NULL when Length is 0 */
    UNICODE_STRING Name; /* characters follow the structure */
} CMP_VALUE;

/* Everything but References is guarded by CmpRegistryLock. */
typedef struct CMP_KEY {
    LONG References; /* atomic; CM1 */
    BOOLEAN Deleted;
    BOOLEAN Volatile;
    struct CMP_KEY *Parent; /* NULL: \Registry; meaningless once Deleted */
    LIST_ENTRY Link;        /* Parent->SubKeys */
    LIST_ENTRY SubKeys;
    LIST_ENTRY Values;
    ULONG SubKeyCount;
    ULONG ValueCount;
    LARGE_INTEGER LastWriteTime;
    UNICODE_STRING Class; /* may be empty */
    UNICODE_STRING Name;  /* characters follow the structure */
} CMP_KEY;

/* The object that a key handle names. */
typedef struct CMP_KEY_BODY {
    CMP_KEY *Key;
    LIST_ENTRY Contexts;  /* of registry callbacks; CmpContextLock */
    PUNICODE_STRING Name; /* CmCallbackGetKeyObjectID's; NULL until asked for; atomic */
} CMP_KEY_BODY;

extern POBJECT_TYPE CmpKeyObjectType;
extern CMP_KEY *CmpRootKey; /* \Registry */

/* ---- tree.c; *Locked: CmpRegistryLock is held, exclusively where something changes ---- */

NTSTATUS CmpInitializeTree(VOID);
VOID CmpDestroyTree(VOID);
VOID CmpLockShared(VOID);
VOID CmpLockExclusive(VOID);
VOID CmpUnlock(VOID);
VOID CmpReferenceKey(CMP_KEY *Key);
VOID CmpDereferenceKey(CMP_KEY *Key);

/* How CmpWalkPathLocked treats what is missing. */
typedef enum CMP_WALK {
    CmpWalkOpen,       /* STATUS_OBJECT_NAME_NOT_FOUND */
    CmpWalkCreateLast, /* makes the last key only */
    CmpWalkCreateAll   /* makes every key */
} CMP_WALK;

/*
 * Follows Path (parts separated by backslashes) from Key. *Found is referenced; *Created, if
 * wanted, tells whether its last key was made.
 */
NTSTATUS CmpWalkPathLocked(CMP_KEY *Key, PCUNICODE_STRING Path, CMP_WALK Walk, BOOLEAN Volatile,
                           CMP_KEY **Found, BOOLEAN *Created);
/* The same from an absolute name, which must begin with \Registry. */
NTSTATUS CmpWalkNameLocked(PCUNICODE_STRING Name, CMP_WALK Walk, BOOLEAN Volatile, CMP_KEY **Found,
                           BOOLEAN *Created);
/* STATUS_CANNOT_DELETE with subkeys. */
NTSTATUS CmpDeleteKeyLocked(CMP_KEY *Key);
CMP_VALUE *CmpFindValueLocked(CMP_KEY *Key, PCUNICODE_STRING Name);
NTSTATUS CmpSetValueLocked(CMP_KEY *Key, PCUNICODE_STRING Name, ULONG Type, const VOID *Data,
                           ULONG Length);
VOID CmpDeleteValueLocked(CMP_KEY *Key, CMP_VALUE *Value);
NTSTATUS CmpSetClassLocked(CMP_KEY *Key, PCUNICODE_STRING Class);
/* Length in bytes of the full name, without a terminator. */
ULONG CmpFullNameLengthLocked(CMP_KEY *Key);
/* Writes the full name; Buffer holds CmpFullNameLengthLocked bytes. */
VOID CmpGetFullNameLocked(CMP_KEY *Key, PWCH Buffer);

/* ---- query.c ---- */

NTSTATUS CmpQueryKeyLocked(CMP_KEY *Key, KEY_INFORMATION_CLASS Class, PVOID Buffer, ULONG Length,
                           PULONG ResultLength);
NTSTATUS CmpQueryValueLocked(const CMP_VALUE *Value, KEY_VALUE_INFORMATION_CLASS Class,
                             PVOID Buffer, ULONG Length, PULONG ResultLength);

/* ---- callback.c ---- */

/* A registry operation on its way through the callbacks. */
typedef struct CMP_OPERATION {
    PVOID Information;  /* REG_*_INFORMATION */
    PVOID *Contexts;    /* its CallContext, and behind that the object's or root object's context */
    CMP_KEY_BODY *Body; /* whose context that is */
    PVOID *Object;      /* what the post-notification names; read when it is sent */
    NTSTATUS Status;    /* of an operation that a callback took over or refused */
    BOOLEAN Proceed;    /* it is to be performed */
    PVOID CallContext[OBP_MAX_FILTERS];
    OBP_FILTER_WALK Walk;
} CMP_OPERATION;

VOID CmpInitializeCallbacks(VOID);
/* Forgets callbacks that nobody unregistered. */
VOID CmpShutdownCallbacks(VOID);
/*
 * Sends the pre-notification. FALSE: Operation->Status is the outcome, and the operation is not
 * performed. In both cases CmpAfter follows. Body may be NULL.
 */
BOOLEAN CmpBefore(CMP_OPERATION *Operation, REG_NOTIFY_CLASS Class, PVOID Information,
                  PVOID *Contexts, CMP_KEY_BODY *Body);
/* Sends the post-notification to those who let the operation pass. Returns the final status. */
NTSTATUS CmpAfter(CMP_OPERATION *Operation, REG_NOTIFY_CLASS Class, NTSTATUS Status);
/* The last handle closes: told, then the contexts of the object are given back. */
VOID CmpTellHandleClose(CMP_KEY_BODY *Body);
/* Gives the contexts of Body back to their callbacks; the object is about to go if Deleting. */
VOID CmpCleanUpContexts(CMP_KEY_BODY *Body, BOOLEAN Deleting);
/* The key's full name in one pool block (CMP_TAG), terminated. STATUS_KEY_DELETED. */
NTSTATUS CmpAllocateFullName(CMP_KEY *Key, PUNICODE_STRING *Name);
