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
    static char line[3400]; /* one report a process, by one thread */
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
    KiDescribeHeld(tcb, Report->Holds, sizeof(Report->Holds));
    if (tcb->DpcRoutine != NULL) {
        KdpGatherNote((ULONG_PTR)tcb->DpcRoutine, Report->Dpc);
    }
    if (tcb->CurrentIrp != NULL) {
        IopDescribeIrp(tcb->CurrentIrp, Report->Irp, sizeof(Report->Irp));
    }
}

/* What the parameters mean: by the sub-code if it is known, else by the code. */
static VOID
KdpGatherMeanings(KDP_REPORT *Report)
{
    const KDP_BUGCODE *known = Report->Known;
    const KDP_SUBCODE *sub = Report->Sub;

    for (int i = 0; i < 4; ++i) {
        const char *meaning = known != NULL ? known->Parameter[i] : NULL;

        if (sub != NULL && i + 1 == sub->Index) {
            snprintf(Report->Meaning[i], KDP_NOTE, "%s: %s", meaning != NULL ? meaning : "",
                     sub->Meaning);
            continue;
        }
        meaning = sub != NULL ? sub->Parameter[i] : meaning;
        snprintf(Report->Meaning[i], KDP_NOTE, "%s", meaning != NULL ? meaning : "");
    }
}

/* ---- writing ---- */

/* One sentence a line; long ones are cut at semicolons too. */
static VOID
KdpWriteDetail(const char *Detail)
{
    const char *start = Detail;

    while (*start != 0) {
        const char *end = start;

        while (*end != 0 && !(end[0] == '.' && end[1] == ' ' && end[2] >= 'A' && end[2] <= 'Z') &&
               !(end[0] == ';' && end[1] == ' ' && end - start > 90)) {
            ++end;
        }
        if (*end == 0) {
            KdpLine("    %s%s", start, end[-1] == '.' ? "" : ".");
            return;
        }
        KdpLine("    %.*s", (int)(end + 1 - start), start);
        start = end + 2;
    }
}

static VOID
KdpWriteHead(const KDP_REPORT *Report)
{
    const KDP_BUGCODE *known = Report->Known;

    KdpLine("*** ntbox: bugcheck 0x%08X %s", (unsigned)Report->Code,
            known != NULL ? known->Name : "(unknown code)");
    for (int i = 0; i < 4; ++i) {
        KdpLine("    %d: 0x%016llX%s%s", i + 1, (unsigned long long)Report->Parameter[i],
                Report->Meaning[i][0] != 0 ? "  " : "", Report->Meaning[i]);
    }
    KdpWriteDetail(Report->Detail);
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
        if (Report->Note[i][0] != 0 && strstr(Report->Detail, Report->Note[i]) == NULL) {
            KdpLine("    parameter %d: %s", i + 1, Report->Note[i]);
        }
    }
    if (Report->Dpc[0] != 0) {
        KdpLine("    in the DPC routine %s", Report->Dpc);
    }
    if (Report->Holds[0] != 0) {
        KdpLine("    the thread holds %s", Report->Holds);
    }
    if (Report->Irp[0] != 0) {
        KdpLine("    IRP being dispatched: %s", Report->Irp);
    }
}

static VOID
KdpWriteFrame(ULONG Index, ULONG_PTR Frame, HALP_SYMBOL *Symbol)
{
    /* A return address belongs to the call before it; frame 0 of a fault is exact, -1 harms little.
     */
    if (!HalpDescribeAddress(Frame - 1, Symbol)) {
        memset(Symbol, 0, sizeof(*Symbol));
    }
    if (Symbol->Line != 0) {
        KdpLine("  %2u %s!%s  %s:%u", (unsigned)Index, Symbol->Module, Symbol->Function,
                Symbol->File, Symbol->Line);
    } else {
        KdpLine("  %2u %s!%s+0x%llx  [0x%llx]", (unsigned)Index, Symbol->Module, Symbol->Function,
                (unsigned long long)Symbol->Offset, (unsigned long long)Frame);
    }
}

static VOID
KdpWriteOtherStack(ULONG_PTR Block, const char *What, const ULONG_PTR *Frames, ULONG Count)
{
    HALP_SYMBOL symbol;

    if (Count == 0) {
        return;
    }
    KdpLine("    where block 0x%llx was %s:", (unsigned long long)Block, What);
    for (ULONG i = 0; i < Count; ++i) {
        KdpWriteFrame(i, Frames[i], &symbol);
    }
}

/* NTBOX_VERIFY=1 keeps who allocated and who freed a block: of each that a parameter lies in. */
static VOID
KdpWriteOtherStacks(const KDP_REPORT *Report)
{
    PVOID told[4] = {NULL, NULL, NULL, NULL};

    for (int i = 0; i < 4; ++i) {
        EXP_POOL_BLOCK block;
        BOOLEAN isFree;
        BOOLEAN again = FALSE;

        if (!ExpDescribePoolAddress(Report->Parameter[i], &block, &isFree)) {
            continue;
        }
        for (int k = 0; k < i; ++k) {
            again |= told[k] == block.Address;
        }
        told[i] = block.Address;
        if (!again) {
            KdpWriteOtherStack((ULONG_PTR)block.Address, "allocated", block.Stack,
                               block.StackDepth);
            KdpWriteOtherStack((ULONG_PTR)block.Address, "freed", block.FreeStack,
                               block.FreeStackDepth);
        }
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
    report->Sub = KdpFindSubCode(Code, Parameters);
    report->Detail = Detail != NULL ? Detail : "";
    KdpGatherMeanings(report);
    KdpGatherThread(report);
    KdpGatherStack(report);
    KdpWriteHead(report);
    for (int i = 0; i < 4; ++i) {
        KdpGatherNote(Parameters[i], report->Note[i]);
    }
    KdpGatherActivity(report);
    KdpWriteNotes(report);
    for (ULONG i = 0; i < report->FrameCount; ++i) {
        KdpWriteFrame(i, report->Frame[i], &report->Symbol[i]);
    }
    KdpWriteOtherStacks(report);
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
