/* SPDX-License-Identifier: MIT
 *
 * kd/report.c - what a bugcheck tells: text to the log, JSON to the file of NTBOX_REPORT
 *
 * ke lets one thread in, once. Facts come in the order of how safe they are to get: the code and
 * its parameters are in the log before pool, IRP and symbols are looked at. A fault in the report
 * ends the process at once.
 */
#include <stdarg.h>
#include <stdio.h>

#include "kd/kdp.h"

static char KdpReportPath[1024]; /* "" if no file is wanted */
static KDP_REPORT KdpReport;

__attribute__((format(printf, 1, 2))) static VOID
KdpLine(const char *Format, ...)
{
    char line[1400];
    va_list arguments;
    int length;

    va_start(arguments, Format);
    length = vsnprintf(line, sizeof(line) - 1, Format, arguments);
    va_end(arguments);
    length = min(length, (int)sizeof(line) - 2);
    line[length] = '\n';
    HalpWriteLog(line, (size_t)length + 1);
}

/* ---- gathering ---- */

static VOID
KdpGatherThread(KDP_REPORT *Report)
{
    KTHREAD *tcb = KiCurrentThreadPointer;
    PEPROCESS process;

    Report->Irql = KiBugCheckIrql;
    Report->ThreadId = HalpCurrentThreadId();
    Report->ProcessName = "";
    if (tcb == NULL) {
        return;
    }
    process = (PEPROCESS)tcb->Process;
    if (process != NULL) {
        Report->ProcessId = HandleToULong(process->UniqueProcessId);
        Report->ProcessName = process->ImageFileName;
    }
    if (PsInitialSystemProcess != NULL && tcb->OwnProcess == &PsInitialSystemProcess->Pcb) {
        Report->IsSystemThread = TRUE;
    }
}

static VOID
KdpGatherStack(KDP_REPORT *Report)
{
    Report->FrameCount = HalpCaptureFaultStack(Report->Frame, KDP_FRAMES);
    if (Report->FrameCount == 0) {
        Report->FrameCount = HalpCaptureStack(3, Report->Frame, KDP_FRAMES);
    }
    Report->Driver = "";
    for (ULONG i = 0; i < Report->FrameCount; ++i) {
        const char *driver = LdrpFindDriverName(Report->Frame[i]);
        if (driver != NULL) {
            Report->Driver = driver;
            break;
        }
    }
}

/* What a parameter is the address of: pool, or code. */
static VOID
KdpGatherNote(ULONG_PTR Value, char *Note)
{
    HALP_SYMBOL symbol;

    Note[0] = 0;
    if (Value < 0x10000) {
        return;
    }
    ExpDescribePoolText(Value, Note, KDP_NOTE);
    if (Note[0] != 0) {
        return;
    }
    if (HalpDescribeAddress(Value, &symbol) && symbol.Function[0] != 0) {
        if (symbol.Line != 0) {
            snprintf(Note, KDP_NOTE, "%.100s at %.100s:%u", symbol.Function, symbol.File,
                     symbol.Line);
        } else {
            snprintf(Note, KDP_NOTE, "%s!%s+0x%llx", symbol.Module, symbol.Function,
                     (unsigned long long)symbol.Offset);
        }
    }
}

static VOID
KdpGatherActivity(KDP_REPORT *Report)
{
    KTHREAD *tcb = KiCurrentThreadPointer;

    if (tcb == NULL) {
        return;
    }
    if (tcb->DpcRoutine != NULL) {
        KdpGatherNote((ULONG_PTR)tcb->DpcRoutine, Report->Dpc);
    }
    if (tcb->CurrentIrp != NULL) {
        IopDescribeIrp(tcb->CurrentIrp, Report->Irp, sizeof(Report->Irp));
    }
}

/* ---- writing ---- */

static VOID
KdpWriteHead(const KDP_REPORT *Report)
{
    const KDP_BUGCODE *known = Report->Known;

    KdpLine("*** ntbox: bugcheck 0x%08X %s", (unsigned)Report->Code,
            known != NULL ? known->Name : "(unknown code)");
    for (int i = 0; i < 4; ++i) {
        const char *meaning = known != NULL ? known->Parameter[i] : NULL;
        KdpLine("    %d: 0x%016llX%s%s", i + 1, (unsigned long long)Report->Parameter[i],
                meaning != NULL ? "  " : "", meaning != NULL ? meaning : "");
    }
    if (Report->Detail[0] != 0) {
        KdpLine("    %s%s", Report->Detail,
                Report->Detail[strlen(Report->Detail) - 1] == '.' ? "" : ".");
    }
    KdpLine("    thread %u%s, process %u%s%s, IRQL %u", (unsigned)Report->ThreadId,
            Report->IsSystemThread ? " (system)" : "", (unsigned)Report->ProcessId,
            Report->ProcessName[0] != 0 ? " " : "", Report->ProcessName, Report->Irql);
    if (Report->Driver[0] != 0) {
        KdpLine("    driver %s", Report->Driver);
    }
}

static VOID
KdpWriteNotes(const KDP_REPORT *Report)
{
    for (int i = 0; i < 4; ++i) {
        if (Report->Note[i][0] != 0) {
            KdpLine("    parameter %d: %s", i + 1, Report->Note[i]);
        }
    }
    if (Report->Dpc[0] != 0) {
        KdpLine("    in the DPC routine %s", Report->Dpc);
    }
    if (Report->Irp[0] != 0) {
        KdpLine("    IRP %s", Report->Irp);
    }
}

static VOID
KdpWriteFrame(KDP_REPORT *Report, ULONG Index)
{
    HALP_SYMBOL *symbol = &Report->Symbol[Index];

    /* A return address belongs to the call before it; frame 0 of a fault is exact, -1 harms little.
     */
    if (!HalpDescribeAddress(Report->Frame[Index] - 1, symbol)) {
        memset(symbol, 0, sizeof(*symbol));
    }
    if (symbol->Line != 0) {
        KdpLine("  %2u %s!%s  %s:%u", (unsigned)Index, symbol->Module, symbol->Function,
                symbol->File, symbol->Line);
    } else {
        KdpLine("  %2u %s!%s+0x%llx  [0x%llx]", (unsigned)Index, symbol->Module, symbol->Function,
                (unsigned long long)symbol->Offset, (unsigned long long)Report->Frame[Index]);
    }
}

static VOID
KdpWriteReport(ULONG Code, const ULONG_PTR Parameters[4], const char *Detail)
{
    KDP_REPORT *report = &KdpReport;

    memset(report, 0, sizeof(*report));
    report->Code = Code;
    report->Known = KdpFindBugCode(Code);
    memcpy(report->Parameter, Parameters, sizeof(report->Parameter));
    report->Detail = Detail != NULL ? Detail : "";
    KdpGatherThread(report);
    KdpGatherStack(report);
    KdpWriteHead(report);
    for (int i = 0; i < 4; ++i) {
        KdpGatherNote(Parameters[i], report->Note[i]);
    }
    KdpGatherActivity(report);
    KdpWriteNotes(report);
    for (ULONG i = 0; i < report->FrameCount; ++i) {
        KdpWriteFrame(report, i);
    }
    if (KdpReportPath[0] != 0 && KdpWriteJson(KdpReportPath, report) != HALP_OK) {
        KdpLine("*** ntbox: cannot write %s: %s", KdpReportPath, HalpLastErrorText());
    }
}

VOID
KdpInitializeSystem(VOID)
{
    KdpInitializeFilter();
    if (HalpGetEnvironment("NTBOX_REPORT", KdpReportPath, sizeof(KdpReportPath)) < 0) {
        KdpReportPath[0] = 0;
    }
    KiRegisterBugCheckReport(KdpWriteReport);
}
