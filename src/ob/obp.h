/* SPDX-License-Identifier: MIT
 *
 * ob/obp.h - headers, types, directories and handle entries (private to ob)
 *
 * Invariants  B1  A header lies directly before its body, both 16-byte aligned.
 *             B2  Header.Magic is OBP_MAGIC until the object is deleted, OBP_MAGIC_DEAD after.
 *             B3  Header.Name != NULL iff the object is in a directory; the entry holds one
 *                 reference to the object and one to the directory.
 *             B4  A handle entry's Value is 0 (free), or a header's address with flag bits below.
 *                 Its lock bit is held for a few instructions only, never across a call-out.
 * Locks       ObpNameLock (fast mutex) guards every directory and Header.Name.
 *             OBP_HANDLE_TABLE.Lock (spin) guards its list of free entries.
 */
#pragma once

#include "ob/ob.h"

#define OBP_MAGIC 0x4A424F21u
#define OBP_MAGIC_DEAD 0x44414544u
#define OBP_TAG_NAME 0x6D4E624Fu    /* 'ObNm' */
#define OBP_TAG_TABLE 0x6274624Fu   /* 'Obtb' */
#define OBP_TAG_CAPTURE 0x7043624Fu /* 'ObCp' */
#define OBP_LINK_LIMIT 32u
#define OBP_BUCKETS 37u
#define OBP_BUGCHECK_REFERENCE 0x18
#define OBP_BUGCHECK_HANDLE 0x93

typedef struct OBP_NAME OBP_NAME;

typedef struct OBP_HEADER {
    LONG_PTR PointerCount; /* atomic */
    LONG HandleCount;      /* atomic */
    LONG KernelHandles;    /* atomic: of those, in the system's table */
    POBJECT_TYPE Type;
    OBP_NAME *Name;                /* B3 */
    PSECURITY_DESCRIPTOR Security; /* se's */
    struct OBP_HEADER *NextDeferred;
    ULONG Magic;         /* B2 */
    BOOLEAN IsPermanent; /* ObpNameLock */
} __attribute__((aligned(16))) OBP_HEADER;

struct _OBJECT_TYPE {
    OBP_TYPE_OPS Ops;
    UNICODE_STRING Name;
    ULONG Tag;
    LONG Objects; /* atomic */
};

/* An entry of a directory. */
struct OBP_NAME {
    OBP_NAME *Next; /* in its bucket */
    struct OBP_DIRECTORY *Directory;
    OBP_HEADER *Header;
    ULONG Hash;
    UNICODE_STRING Text; /* follows the structure */
};

typedef struct OBP_DIRECTORY {
    OBP_NAME *Bucket[OBP_BUCKETS];
} OBP_DIRECTORY;

typedef struct OBP_LINK {
    UNICODE_STRING Target; /* follows the structure */
} OBP_LINK;

#define OBP_ENTRY_LOCKED 1ull
#define OBP_ENTRY_PROTECTED 2ull
#define OBP_ENTRY_INHERITED 4ull
#define OBP_ENTRY_FLAGS 15ull
#define OBP_PROTECT_CLOSE 1u /* OBJ_PROTECT_CLOSE; the DDK headers lack it */
#define OBP_PAGE_ENTRIES 256u
#define OBP_TABLE_PAGES 4096u

typedef struct OBP_HANDLE_ENTRY {
    ULONG64 Value; /* B4; atomic */
    ACCESS_MASK Access;
    ULONG NextFree; /* index, 0: none; the table's Lock */
} OBP_HANDLE_ENTRY;

struct OBP_HANDLE_TABLE {
    PEPROCESS Process;
    KSPIN_LOCK Lock;
    ULONG FirstFree;
    ULONG LastFree;
    ULONG PageCount;
    LONG Count;                              /* atomic: handles in use */
    LONG Limit;                              /* that it may have; 0: as many as fit */
    OBP_HANDLE_ENTRY *Page[OBP_TABLE_PAGES]; /* set once, atomic */
};

extern OBP_DIRECTORY *ObpRoot;
extern POBJECT_TYPE ObpTypeType;

static inline OBP_HEADER *
ObpHeader(PVOID Object)
{
    return (OBP_HEADER *)Object - 1;
}

static inline PVOID
ObpBody(OBP_HEADER *Header)
{
    return Header + 1;
}

/* Letters before the NUL; the host's wcslen counts 32-bit ones. */
static inline SIZE_T
ObpLetters(PCWSTR Text)
{
    SIZE_T letters = 0;

    while (Text[letters] != 0) {
        letters++;
    }
    return letters;
}

/* ---- object.c ---- */
NTSTATUS ObpInitializeObjects(VOID);
/* Drops ob's own reference to a type, unless objects of it are left: those need it. */
VOID ObpDropType(POBJECT_TYPE *Type);
DECLSPEC_NORETURN VOID ObpReportReference(OBP_HEADER *Header, LONG_PTR Count);

/* ---- name.c ---- */
VOID ObpAcquireNames(VOID);
VOID ObpReleaseNames(VOID);
VOID ObpInitializeNames(VOID);
/*
 * ObpInsertName for a caller of Mode, who must be allowed to make the object in its directory; the
 * object gets its descriptor, from Security or by default, before anybody can find it.
 */
NTSTATUS ObpInsertNameAs(PVOID Object, PCUNICODE_STRING Name, BOOLEAN Permanent,
                         PSECURITY_DESCRIPTOR Security, KPROCESSOR_MODE Mode);
/* A directory whose entries are all dropped, with those below it. */
VOID ObpEmptyDirectory(OBP_DIRECTORY *Directory);
/* What IsHandleLast means for a temporary object: its name goes. */
VOID ObpLastHandleClosed(OBP_HEADER *Header);

/* ---- handle.c ---- */
OBP_HANDLE_TABLE *ObpTableOf(PEPROCESS Process);
BOOLEAN ObpIsKernelHandle(HANDLE Handle);
/* Locks the entry of a handle; NULL: there is none, or not for Mode. *Table: where it is. */
OBP_HANDLE_ENTRY *ObpLockHandle(HANDLE Handle, KPROCESSOR_MODE Mode, OBP_HANDLE_TABLE **Table,
                                ULONG64 *Value);
NTSTATUS ObpCreateHandleIn(OBP_HANDLE_TABLE *Table, PVOID Object, ACCESS_MASK GrantedAccess,
                           ULONG Attributes, HANDLE *Handle);
NTSTATUS ObpCloseHandle(OBP_HANDLE_TABLE *Table, HANDLE Handle, KPROCESSOR_MODE Mode,
                        BOOLEAN Forced);
ULONG ObpEntryAttributes(ULONG64 Value);

static inline VOID
ObpUnlockEntry(OBP_HANDLE_ENTRY *Entry, ULONG64 Value)
{
    __atomic_store_n(&Entry->Value, Value, __ATOMIC_RELEASE);
}

static inline OBP_HEADER *
ObpEntryHeader(ULONG64 Value)
{
    return (OBP_HEADER *)(Value & ~OBP_ENTRY_FLAGS);
}

/* ---- capture.c, service.c, dispatcher.c ---- */
VOID ObpReleaseSecurity(PSECURITY_DESCRIPTOR Descriptor);
/* Explicit: captured, or NULL; Directory: where the object's name goes, or NULL. */
NTSTATUS ObpAssignSecurity(PVOID Object, PVOID Directory, PSECURITY_DESCRIPTOR Explicit,
                           KPROCESSOR_MODE Mode);
NTSTATUS ObpInitializeDispatcherTypes(VOID);
VOID ObpDropDispatcherTypes(VOID);
NTSTATUS ObpInitializeCallbacks(VOID);
VOID ObpDropCallbackType(VOID);
/*
 * The object behind a handle with SYNCHRONIZE, referenced, and what of it can be waited for.
 * STATUS_OBJECT_TYPE_MISMATCH: nothing.
 */
NTSTATUS ObpReferenceWaitable(HANDLE Handle, KPROCESSOR_MODE Mode, PVOID *Object, PVOID *Waitable);

/* ---- intercept.c ---- */

VOID ObpInitializeIntercepts(VOID);
/* Forgets object callbacks that nobody unregistered. */
VOID ObpShutdownIntercepts(VOID);
/*
 * ObpCreateHandleIn between the callbacks of the object's type. Source and Target: the processes of
 * a duplication, NULL otherwise. PASSIVE_LEVEL.
 */
NTSTATUS ObpInterceptHandle(OBP_HANDLE_TABLE *Table, PVOID Object, ACCESS_MASK Access,
                            ULONG Attributes, PEPROCESS Source, PEPROCESS Target, HANDLE *Handle);
