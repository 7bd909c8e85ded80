/* SPDX-License-Identifier: MIT
 *
 * kd/filter.c - which debug messages are shown
 *
 * A message has a component and a level. The level is a mask, or the number of one bit; the message
 * is shown if a bit of it is set in the component's mask or in that of WIN2000. As on Windows each
 * mask begins with the error level alone; that of DEFAULT, which DbgPrint uses, with the
 * information level too, because there is no debugger here in which to set it.
 *
 * NTBOX_DEBUG_FILTER is a list such as "IHVDRIVER=0xf,DEFAULT=0,101=-1": names without DPFLTR_ and
 * _ID, or numbers; "*" is WIN2000's mask.
 *
 * Source  WDK docs, "Reading and filtering debugging messages"; dpfilter.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kd/kdp.h"
#include <dpfilter.h>

#define KDP_COMPONENTS DPFLTR_ENDOFTABLE_ID
#define KDP_ERROR_MASK (1u << DPFLTR_ERROR_LEVEL)
#define KDP_INFO_MASK (1u << DPFLTR_INFO_LEVEL)

static ULONG KdpMask[KDP_COMPONENTS];         /* atomic */
static ULONG KdpWin2000Mask = KDP_ERROR_MASK; /* atomic */

static const struct {
    const char *Name;
    ULONG Component;
} KdpComponentNames[] = {
    {"DEFAULT", DPFLTR_DEFAULT_ID},       {"IHVDRIVER", DPFLTR_IHVDRIVER_ID},
    {"IHVVIDEO", DPFLTR_IHVVIDEO_ID},     {"IHVAUDIO", DPFLTR_IHVAUDIO_ID},
    {"IHVNETWORK", DPFLTR_IHVNETWORK_ID}, {"IHVSTREAMING", DPFLTR_IHVSTREAMING_ID},
    {"IHVBUS", DPFLTR_IHVBUS_ID},         {"SYSTEM", DPFLTR_SYSTEM_ID},
    {"VERIFIER", DPFLTR_VERIFIER_ID},     {"FLTMGR", DPFLTR_FLTMGR_ID},
};

static ULONG
KdpLevelMask(ULONG Level)
{
    return Level < 32 ? 1u << Level : Level;
}

static ULONG *
KdpMaskOf(ULONG ComponentId)
{
    return &KdpMask[ComponentId < KDP_COMPONENTS ? ComponentId : (ULONG)DPFLTR_DEFAULT_ID];
}

BOOLEAN
KdpIsShown(ULONG ComponentId, ULONG Level)
{
    ULONG mask = __atomic_load_n(KdpMaskOf(ComponentId), __ATOMIC_RELAXED) |
                 __atomic_load_n(&KdpWin2000Mask, __ATOMIC_RELAXED);

    return (mask & KdpLevelMask(Level)) != 0;
}

/* The mask that a part of the list names, or NULL. */
static ULONG *
KdpFindMask(const char *Name, SIZE_T Length)
{
    char *end;
    unsigned long long number;

    if (Length == 1 && Name[0] == '*') {
        return &KdpWin2000Mask;
    }
    NT_FOR_EACH (known, KdpComponentNames) {
        if (strlen(known->Name) == Length && memcmp(known->Name, Name, Length) == 0) {
            return &KdpMask[known->Component];
        }
    }
    number = strtoull(Name, &end, 0);
    return end == Name + Length && number < KDP_COMPONENTS ? &KdpMask[number] : NULL;
}

static VOID
KdpReportBadFilter(const char *Text)
{
    char line[256];
    int length = snprintf(line, sizeof(line),
                          "ntbox: NTBOX_DEBUG_FILTER is not understood from '%.80s' on; say "
                          "COMPONENT=MASK,COMPONENT=MASK\n",
                          Text);

    HalpWriteLog(line, (size_t)length);
}

static VOID
KdpReadFilter(const char *Text)
{
    while (*Text != 0) {
        SIZE_T length = strcspn(Text, "=,");
        ULONG *mask = KdpFindMask(Text, length);
        char *end = (char *)Text + length;
        if (mask == NULL || *end != '=') {
            KdpReportBadFilter(Text);
            return;
        }
        __atomic_store_n(mask, (ULONG)strtoll(end + 1, &end, 0), __ATOMIC_RELAXED);
        Text = *end == ',' ? end + 1 : end;
        if (*end != ',' && *end != 0) {
            KdpReportBadFilter(end);
            return;
        }
    }
}

VOID
KdpInitializeFilter(VOID)
{
    char text[512];

    NT_FOR_EACH (mask, KdpMask) {
        *mask = KDP_ERROR_MASK;
    }
    KdpWin2000Mask = KDP_ERROR_MASK;
    KdpMask[DPFLTR_DEFAULT_ID] = KDP_ERROR_MASK | KDP_INFO_MASK;
    if (HalpGetEnvironment("NTBOX_DEBUG_FILTER", text, sizeof(text)) > 0) {
        KdpReadFilter(text);
    }
}

#pragma GCC visibility push(default)

/* TRUE (as a status) if such a message would be shown. */
NTSTATUS NTAPI
DbgQueryDebugFilterState(ULONG ComponentId, ULONG Level)
{
    return KdpIsShown(ComponentId, Level);
}

/* STATUS_INVALID_PARAMETER_1: no such component. */
NTSTATUS NTAPI
DbgSetDebugFilterState(ULONG ComponentId, ULONG Level, BOOLEAN State)
{
    if (ComponentId >= KDP_COMPONENTS) {
        return STATUS_INVALID_PARAMETER_1;
    }
    if (State) {
        __atomic_fetch_or(&KdpMask[ComponentId], KdpLevelMask(Level), __ATOMIC_RELAXED);
    } else {
        __atomic_fetch_and(&KdpMask[ComponentId], ~KdpLevelMask(Level), __ATOMIC_RELAXED);
    }
    return STATUS_SUCCESS;
}

#pragma GCC visibility pop
