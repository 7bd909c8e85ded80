/* SPDX-License-Identifier: MIT
 *
 * report_test.c - the bugcheck report as text and as JSON
 */
#include <stdio.h>

#include "kd/kdp.h"
#include "kernel_test.h"

static char ReportPath[64];

void
NtTestSetUp(void)
{
    snprintf(ReportPath, sizeof(ReportPath), "/tmp/ntbox-report-%u.json", HalpCurrentProcessId());
    setenv("NTBOX_REPORT", ReportPath, 1);
    KernelTestStart();
    SimTakeLog();
}

void
NtTestTearDown(void)
{
    InitpStopSystem();
}

/* Python's reader takes the file, and the expression about it (as r) is true. */
static VOID
CheckJson(const char *Expression)
{
    char command[1024];
    int status;

    snprintf(command, sizeof(command),
             "python3 -c 'import json,sys; r=json.load(open(\"%s\")); sys.exit(not (%s))'",
             ReportPath, Expression);
    status = system(command);
    remove(ReportPath);
    NT_EXPECT_EQ(status, 0);
}

NT_TEST(Report, TableHasNamesForCodes)
{
    NT_EXPECT_STR(KdpBugCheckName(0x0A), "IRQL_NOT_LESS_OR_EQUAL");
    NT_EXPECT_STR(KdpBugCheckName(0xC4), "DRIVER_VERIFIER_DETECTED_VIOLATION");
    NT_EXPECT_EQ(KdpBugCheckName(0x12345), NULL);
}

NT_TEST(Report, NamesCodeParametersThreadAndStack)
{
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 40, 'tseT');
    const char *log;

    NT_EXPECT_BUGCHECK(0x19, KiBugCheckDetail(0x19, 0x20, (ULONG_PTR)block, 0, 0,
                                              "said \"so\" with a \\ and a tab\t"));
    log = SimTakeLog();
    NT_EXPECT_CONTAINS(log, "*** ntbox: bugcheck 0x00000019 BAD_POOL_HEADER\n");
    NT_EXPECT_CONTAINS(
        log, "1: 0x0000000000000020  what is wrong: the block's header was overwritten\n");
    NT_EXPECT_CONTAINS(log, "said \"so\"");
    NT_EXPECT_CONTAINS(log, "IRQL 0");
    NT_EXPECT_CONTAINS(log, "parameter 2: ");
    NT_EXPECT_CONTAINS(log, "Test");
    NT_EXPECT_CONTAINS(log, "report_test.c:");
    CheckJson("r[\"code\"] == 0x19 and r[\"name\"] == \"BAD_POOL_HEADER\" and "
              "r[\"detail\"] == \"said \\\"so\\\" with a \\\\ and a tab\\t\" and "
              "len(r[\"parameters\"]) == 4 and \"Test\" in r[\"parameters\"][1][\"note\"] and "
              "any(f[\"file\"].endswith(\"report_test.c\") for f in r[\"stack\"])");
}

NT_TEST(Report, UnknownCodeIsReportedAsSuch)
{
    NT_EXPECT_BUGCHECK(0x12345, KeBugCheckEx(0x12345, 1, 2, 3, 4));
    NT_EXPECT_CONTAINS(SimTakeLog(), "bugcheck 0x00012345 (unknown code)");
    CheckJson("r[\"name\"] == \"\" and r[\"parameters\"][3][\"value\"] == \"0x0000000000000004\"");
}

NT_TEST(Report, IrqlAndProcessAreThoseOfTheThread)
{
    KIRQL old;

    KeRaiseIrql(DISPATCH_LEVEL, &old);
    NT_EXPECT_BUGCHECK(BAD_POOL_CALLER, ExAllocatePoolWithTag(PagedPool, 10, 'tseT'));
    NT_EXPECT_CONTAINS(SimTakeLog(), "IRQL 2");
    CheckJson("r[\"irql\"] == 2 and r[\"systemThread\"] is False");
}

NT_TEST(Report, BytesThatAreNoUtf8MakeValidJson)
{
    static KDP_REPORT report;

    report.Detail = "bad \xC3( \xFF \xED\xA0\x80 good \xC3\xBC \xF0\x9F\x98\x80 \x01";
    report.ProcessName = "";
    report.Driver = "";
    NT_EXPECT_EQ(KdpWriteJson(ReportPath, &report), HALP_OK);
    CheckJson("r[\"detail\"] == \"bad \\ufffd( \\ufffd \\ufffd\\ufffd\\ufffd good \\u00fc "
              "\\U0001f600 \\u0001\"");
}

/* Names as long as they can be, each byte six characters: frames are left out, nothing else. */
NT_TEST(Report, TooManyFramesAreLeftOut)
{
    static KDP_REPORT report;

    report.Detail = "";
    report.ProcessName = "";
    report.Driver = "";
    report.FrameCount = KDP_FRAMES;
    for (ULONG i = 0; i < KDP_FRAMES; ++i) {
        memset(report.Symbol[i].Module, 1, sizeof(report.Symbol[i].Module) - 1);
        memset(report.Symbol[i].Function, 1, sizeof(report.Symbol[i].Function) - 1);
        memset(report.Symbol[i].File, 1, sizeof(report.Symbol[i].File) - 1);
    }
    NT_EXPECT_EQ(KdpWriteJson(ReportPath, &report), HALP_OK);
    CheckJson("10 < len(r[\"stack\"]) < 48");
}
