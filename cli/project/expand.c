/* SPDX-License-Identifier: MIT
 *
 * cli/project/expand.c - MSBuild's texts: $(Property), %(Metadata), @(Items), escapes, lists
 *
 * An unknown property is empty, as MSBuild has it. Of property functions those are known that find
 * files above the project; any other is a note, and empty.
 */
#include "cli/project/project.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- tables ---- */

static CLI_VALUE *
FindRow(const CLI_TABLE *Table, const char *Name)
{
    for (size_t i = 0; i < Table->Count; i++) {
        if (strcasecmp(Table->Rows[i].Name, Name) == 0) {
            return &Table->Rows[i];
        }
    }
    return NULL;
}

const char *
CliGet(const CLI_TABLE *Table, const char *Name)
{
    const CLI_VALUE *row = FindRow(Table, Name);

    return row != NULL ? row->Text : NULL;
}

static CLI_VALUE *
MakeRow(CLI_TABLE *Table, const char *Name)
{
    CLI_VALUE *row = FindRow(Table, Name);

    if (row != NULL) {
        return row;
    }
    if (Table->Count == Table->Size) {
        CLI_VALUE *rows;

        Table->Size = Table->Size != 0 ? Table->Size * 2 : 8;
        rows = CliAllocate(Table->Size * sizeof(*rows));
        if (Table->Count != 0) {
            memcpy(rows, Table->Rows, Table->Count * sizeof(*rows));
        }
        Table->Rows = rows;
    }
    row = &Table->Rows[Table->Count++];
    row->Name = CliFormat("%s", Name);
    return row;
}

void
CliSet(CLI_TABLE *Table, const char *Name, const char *Text)
{
    CLI_VALUE *row = MakeRow(Table, Name);

    if (!row->IsFixed) {
        row->Text = Text;
    }
}

void
CliSetFixed(CLI_TABLE *Table, const char *Name, const char *Text)
{
    CLI_VALUE *row = MakeRow(Table, Name);

    row->Text = Text;
    row->IsFixed = 1;
}

/* ---- a text that grows ---- */

typedef struct CLI_TEXT {
    char *Data;
    size_t Length;
    size_t Size;
    int IsTooLong;
} CLI_TEXT;

static void
AddText(CLI_TEXT *Text, const char *Piece, size_t Length)
{
    if (Text->Length + Length > CLI_TEXT_LIMIT) {
        Text->IsTooLong = 1;
        return;
    }
    if (Text->Length + Length + 1 > Text->Size) {
        char *data;

        Text->Size = (Text->Length + Length + 16) * 2;
        data = CliAllocate(Text->Size);
        if (Text->Length != 0) {
            memcpy(data, Text->Data, Text->Length);
        }
        Text->Data = data;
    }
    memcpy(Text->Data + Text->Length, Piece, Length);
    Text->Length += Length;
    Text->Data[Text->Length] = '\0';
}

/* ---- $( ) ---- */

/* The ')' that belongs to the '(' before At; NULL: there is none. */
static const char *
FindClose(const char *At)
{
    int depth = 1;

    for (; *At != '\0'; At++) {
        if (*At == '(') {
            depth++;
        } else if (*At == ')' && --depth == 0) {
            return At;
        }
    }
    return NULL;
}

static char *
Trim(const char *Text, size_t Length)
{
    while (Length != 0 && isspace((unsigned char)Text[0])) {
        Text++;
        Length--;
    }
    while (Length != 0 && isspace((unsigned char)Text[Length - 1])) {
        Length--;
    }
    return CliFormat("%.*s", (int)Length, Text);
}

static char *
Unquote(char *Text)
{
    size_t length = strlen(Text);

    if (length >= 2 && strchr("'\"`", Text[0]) != NULL && Text[length - 1] == Text[0]) {
        Text[length - 1] = '\0';
        return Text + 1;
    }
    return Text;
}

/* The nearest folder from Folder upwards in which Name is; NULL: none. */
static char *
FindAbove(const CLI_EVALUATION *Evaluation, const char *Folder, const char *Name)
{
    char *folder = CliFormat("%s", Folder);

    for (unsigned i = 0; i < CLI_DEPTH_LIMIT; i++) {
        if (Evaluation->Files->Find(folder, Name) != NULL) {
            return Evaluation->Files->Absolute(folder);
        }
        folder = CliFormat("%s/..", folder);
    }
    return NULL;
}

/* $([MSBuild]::Name(...)): NULL when it is none that is known. */
static char *
CallFunction(CLI_EVALUATION *Evaluation, const char *Text)
{
    static const char folderAbove[] = "[MSBuild]::GetDirectoryNameOfFileAbove(";
    static const char fileAbove[] = "[MSBuild]::GetPathOfFileAbove(";
    int wantsFile = strncasecmp(Text, fileAbove, strlen(fileAbove)) == 0;
    const char *comma = strchr(Text, ',');
    const char *start = strchr(Text, '(');
    const char *end = strrchr(Text, ')');
    const char *first;
    const char *second = Evaluation->Root;
    char *found;

    if ((!wantsFile && strncasecmp(Text, folderAbove, strlen(folderAbove)) != 0) || end == NULL ||
        (comma == NULL && !wantsFile)) {
        return NULL;
    }
    start++;
    if (comma == NULL) {
        first = Unquote(CliExpand(Evaluation, Trim(start, (size_t)(end - start))));
    } else {
        first = Unquote(CliExpand(Evaluation, Trim(start, (size_t)(comma - start))));
        second = Unquote(CliExpand(Evaluation, Trim(comma + 1, (size_t)(end - comma - 1))));
    }
    if (!wantsFile) {
        const char *swap = first;

        first = second;
        second = swap;
    }
    found = FindAbove(Evaluation, second[0] != '\0' ? second : Evaluation->Root, first);
    if (found == NULL) {
        return CliFormat("%s", "");
    }
    return wantsFile ? CliJoinPath(found, first) : found;
}

static const char *
ExpandProperty(CLI_EVALUATION *Evaluation, const char *Text, size_t Length)
{
    char *name = Trim(Text, Length);
    const char *value;
    char *called;

    if (name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] ==
        '\0') {
        value = CliGet(&Evaluation->Properties, name);
        return value != NULL ? value : "";
    }
    called = CallFunction(Evaluation, name);
    if (called == NULL) {
        CliNote(Evaluation->Project, "%s:%d: $(%.60s) is not known here and taken as empty",
                Evaluation->File, Evaluation->Line, name);
    }
    return called != NULL ? called : "";
}

/* ---- %( ) ---- */

/* Filename and the like of the item; NULL: Name is no such. */
static char *
WellKnown(const CLI_EVALUATION *Evaluation, const char *Name)
{
    const char *include = Evaluation->Item->Include;
    const char *base = include;
    const char *dot;

    for (const char *at = include; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\') {
            base = at + 1;
        }
    }
    dot = strrchr(base, '.');
    if (strcasecmp(Name, "Filename") == 0) {
        return CliFormat("%.*s", dot != NULL ? (int)(dot - base) : (int)strlen(base), base);
    }
    if (strcasecmp(Name, "Extension") == 0) {
        return CliFormat("%s", dot != NULL ? dot : "");
    }
    if (strcasecmp(Name, "Identity") == 0) {
        return CliFormat("%s", include);
    }
    if (strcasecmp(Name, "RelativeDir") == 0) {
        return CliFormat("%.*s", (int)(base - include), include);
    }
    if (strcasecmp(Name, "Directory") == 0 || strcasecmp(Name, "RootDir") == 0 ||
        strcasecmp(Name, "FullPath") == 0) {
        int isFile = strcasecmp(Name, "FullPath") == 0;

        return strcasecmp(Name, "RootDir") == 0
                   ? CliFormat("%s", "")
                   : CliFormat("%s/%.*s", Evaluation->Files->Absolute(Evaluation->Root),
                               isFile ? (int)strlen(include) : (int)(base - include), include);
    }
    return NULL;
}

static int
IsWellKnown(const char *Name)
{
    static const char *const names[] = {"Filename",  "Extension", "Identity", "RelativeDir",
                                        "Directory", "RootDir",   "FullPath"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(Name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* NULL: it stays as it is written. */
static const char *
ExpandMetadata(CLI_EVALUATION *Evaluation, const char *Text, size_t Length)
{
    char *name = Trim(Text, Length);
    char *dot = strrchr(name, '.');
    const char *value;

    name = dot != NULL ? dot + 1 : name;
    if (IsWellKnown(name)) {
        return Evaluation->Item != NULL ? WellKnown(Evaluation, name) : NULL;
    }
    value = Evaluation->Metadata != NULL ? CliGet(Evaluation->Metadata, name) : NULL;
    return value != NULL ? value : "";
}

/* ---- @( ) ---- */

static char *
ExpandItems(CLI_EVALUATION *Evaluation, const char *Text, size_t Length)
{
    char *type = Trim(Text, Length);
    CLI_TEXT joined = {0};

    for (size_t i = 0; i < Evaluation->ItemCount; i++) {
        const CLI_ITEM *item = Evaluation->Items[i];

        if (strcasecmp(item->Type, type) == 0) {
            AddText(&joined, ";", joined.Length != 0 ? 1 : 0);
            AddText(&joined, item->Include, strlen(item->Include));
        }
    }
    return joined.Data != NULL ? joined.Data : CliFormat("%s", "");
}

/* ---- all of it ---- */

char *
CliExpand(CLI_EVALUATION *Evaluation, const char *Text)
{
    CLI_TEXT result = {0};

    AddText(&result, "", 0);
    while (*Text != '\0' && !result.IsTooLong) {
        size_t plain = strcspn(Text, "$%@");
        const char *value = NULL;
        const char *close;

        AddText(&result, Text, plain);
        Text += plain;
        if (*Text == '\0') {
            break;
        }
        close = Text[1] == '(' ? FindClose(Text + 2) : NULL;
        if (close != NULL && *Text == '$') {
            value = ExpandProperty(Evaluation, Text + 2, (size_t)(close - Text - 2));
        } else if (close != NULL && *Text == '%') {
            value = ExpandMetadata(Evaluation, Text + 2, (size_t)(close - Text - 2));
        } else if (close != NULL) {
            value = ExpandItems(Evaluation, Text + 2, (size_t)(close - Text - 2));
        }
        if (value != NULL) {
            AddText(&result, value, strlen(value));
            Text = close + 1;
        } else {
            AddText(&result, Text++, 1);
        }
    }
    if (result.IsTooLong) {
        CliProjectError(Evaluation->Project, "%s:%d: the text grows too long", Evaluation->File,
                        Evaluation->Line);
        return CliFormat("%s", "");
    }
    return result.Data;
}

static int
DigitOf(char Digit)
{
    const char *digits = "0123456789abcdef";
    const char *at = Digit != '\0' ? strchr(digits, tolower((unsigned char)Digit)) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

char *
CliUnescape(char *Text)
{
    char *to = Text;

    for (const char *from = Text; *from != '\0'; from++) {
        int high = *from == '%' ? DigitOf(from[1]) : -1;
        int low = high >= 0 ? DigitOf(from[2]) : -1;

        if (low >= 0 && high * 16 + low != 0) {
            *to++ = (char)(high * 16 + low);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return Text;
}

void
CliSplitList(const char *Text, CLI_LIST *List)
{
    while (*Text != '\0') {
        size_t length = strcspn(Text, ";");
        char *item = Trim(Text, length);

        if (item[0] != '\0') {
            CliAppend(List, CliUnescape(item));
        }
        Text += length + (Text[length] == ';' ? 1 : 0);
    }
}
