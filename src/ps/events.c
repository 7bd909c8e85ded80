/* SPDX-License-Identifier: MIT
 *
 * ps/events.c - the thread that reads the machine's events
 *
 * Opened with the first process or image routine, closed after the last: a kernel whose drivers
 * ask for no events costs the machine nothing. All functions but the thread run under
 * PspNotifyLock.
 */
#include <stdio.h>

#include "ps/psp.h"

static PSP_EVENT_OPTIONS PspEventOptions;
static HALP_EVENTS *PspEvents;  /* NULL: not open */
static PETHREAD PspEventThread; /* NULL: none; referenced */
static ULONG PspHolds;          /* DriverEntry routines that run */
static BOOLEAN PspStartWanted;  /* a routine came while events were held */
static LONG PspEventsStopping;  /* atomic: we end the source, it does not end by itself */

VOID
PspSetEventOptions(const PSP_EVENT_OPTIONS *Options)
{
    PspEventOptions = *Options;
}

static VOID
PspLogEvents(const char *Format, const char *Text)
{
    char line[600];
    int length = snprintf(line, sizeof(line), Format, Text);

    HalpWriteLog(line, (size_t)min(length, (int)sizeof(line) - 1));
}

static void
PspOnEvent(void *Context, const HALP_EVENT *Event)
{
    PspDeliverEvent(Event);
}

static VOID NTAPI
PspReadEvents(PVOID Context)
{
    HALP_EVENTS *events = Context;
    HALP_STATUS status;
    int commandStatus;

    do {
        status = HalpWaitEvents(events, HALP_NEVER, PspOnEvent, NULL);
    } while (status == HALP_OK || status == HALP_TIMEOUT);
    if (status != HALP_CLOSED) {
        PspLogEvents("ntbox: machine events ended: %s\n", HalpLastErrorText());
    }
    if (__atomic_load_n(&PspEventsStopping, __ATOMIC_ACQUIRE)) {
        return;
    }
    commandStatus = HalpCommandStatus(events);
    PspNoteEnded(NtboxMachineEventsEnded, commandStatus < 0 ? 0 : (ULONG64)commandStatus);
}

static VOID
PspReportNoEvents(HALP_STATUS Status)
{
    PspLogEvents("ntbox: no machine events: %s\n", HalpLastErrorText());
    PspNoteEnded(NtboxMachineEventsUnavailable, Status);
}

VOID
PspStartEvents(VOID)
{
    HALP_STATUS result;

    if (PspEventOptions.Disabled) {
        return;
    }
    if (PspHolds != 0) {
        PspStartWanted = TRUE;
        return;
    }
    PspNoteStarted();
    result = HalpOpenEvents(&PspEventOptions.Host, &PspEvents);
    if (result != HALP_OK) {
        PspEvents = NULL;
        PspReportNoEvents(result);
        return;
    }
    PspLogEvents("ntbox: machine events from %s\n", HalpDescribeEvents(PspEvents));
    if (!NT_SUCCESS(PspCreateReferencedSystemThread(PspReadEvents, PspEvents, &PspEventThread))) {
        HalpStopEvents(PspEvents);
        HalpCloseEvents(PspEvents);
        PspEvents = NULL;
        PspReportNoEvents(HALP_NO_MEMORY);
    }
}

VOID
PspHoldEvents(VOID)
{
    PspLockNotify();
    PspHolds++;
    PspUnlockNotify();
}

VOID
PspReleaseEvents(VOID)
{
    PspLockNotify();
    if (--PspHolds == 0 && PspStartWanted) {
        PspStartWanted = FALSE;
        PspStartEvents();
    }
    PspUnlockNotify();
}

VOID
PspStopEvents(VOID)
{
    PspStartWanted = FALSE;
    if (PspEvents != NULL) {
        __atomic_store_n(&PspEventsStopping, TRUE, __ATOMIC_RELEASE);
        HalpStopEvents(PspEvents);
        KeWaitForSingleObject(PspEventThread, Executive, KernelMode, FALSE, NULL);
        ObDereferenceObject(PspEventThread);
        HalpCloseEvents(PspEvents);
        PspEventThread = NULL;
        PspEvents = NULL;
        __atomic_store_n(&PspEventsStopping, FALSE, __ATOMIC_RELEASE);
    }
    PspForgetMachineProcesses();
}
