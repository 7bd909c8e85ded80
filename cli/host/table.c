/* SPDX-License-Identifier: MIT
 *
 * cli/host/table.c - the tables of a host's answers, for people and as JSON
 *
 * Names in them are drivers' and clients': none of their bytes reaches a terminal or a JSON reader
 * as anything but text.
 */
#include "cli/host/host.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- reading ---- */

/* Backslash, tab and newline come as \\, \t and \n. */
static char *
Unescape(const char *Text, size_t Length)
{
    char *cell = CliAllocate(Length + 1);
    size_t used = 0;

    for (size_t i = 0; i < Length; i++) {
        if (Text[i] == '\\' && i + 1 < Length) {
            i++;
            cell[used++] = (char)(Text[i] == 't' ? '\t' : Text[i] == 'n' ? '\n' : Text[i]);
        } else {
            cell[used++] = Text[i];
        }
    }
    return cell;
}

/* Appends the fields of a line. */
static void
ReadFields(const char *Line, size_t Length, CLI_LIST *Fields)
{
    size_t start = 0;

    for (size_t i = 0; i <= Length; i++) {
        if (i == Length || Line[i] == '\t') {
            CliAppend(Fields, Unescape(Line + start, i - start));
            start = i + 1;
        }
    }
}

static void
ReadHeader(const char *Line, size_t Length, CLI_TABLE *Table)
{
    CLI_LIST fields = {0};

    ReadFields(Line, Length, &fields);
    for (size_t i = 0; i < fields.Count; i++) {
        char *colon = strchr(fields.Items[i], ':');

        if (colon != NULL) {
            *colon = '\0';
        }
        CliAppend(&Table->Columns, fields.Items[i]);
        CliAppend(&Table->Kinds, colon != NULL ? colon + 1 : "");
    }
}

void
CliReadTables(const char *Text, CLI_TABLE *Table)
{
    memset(Table, 0, sizeof(*Table));
    while (*Text != '\0') {
        size_t length = strcspn(Text, "\n");

        if (Text[0] == '#') {
            ReadHeader(Text + 1, length - 1, Table);
        } else {
            ReadFields(Text, length, &Table->Cells);
        }
        Text += length + (Text[length] == '\n');
    }
}

size_t
CliRowCount(const CLI_TABLE *Table)
{
    return Table->Columns.Count != 0 ? Table->Cells.Count / Table->Columns.Count : 0;
}

const char *
CliCell(const CLI_TABLE *Table, size_t Row, const char *Column)
{
    for (size_t i = 0; i < Table->Columns.Count && Row < CliRowCount(Table); i++) {
        if (strcmp(Table->Columns.Items[i], Column) == 0) {
            return Table->Cells.Items[Row * Table->Columns.Count + i];
        }
    }
    return NULL;
}

char *
CliUserName(uid_t UserId)
{
    const struct passwd *user = getpwuid(UserId);

    return user != NULL ? CliFormat("%s", user->pw_name) : CliFormat("%u", (unsigned)UserId);
}

/* ---- JSON ---- */

/* Bytes of the UTF-8 character at Text; 0: it is none. */
static size_t
CharacterLength(const unsigned char *Text)
{
    size_t length = Text[0] < 0x80                      ? 1
                    : Text[0] >= 0xC2 && Text[0] < 0xE0 ? 2
                    : Text[0] >= 0xE0 && Text[0] < 0xF0 ? 3
                    : Text[0] >= 0xF0 && Text[0] < 0xF5 ? 4
                                                        : 0;

    for (size_t i = 1; i < length; i++) {
        if ((Text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((Text[0] == 0xE0 && Text[1] < 0xA0) || (Text[0] == 0xED && Text[1] > 0x9F) ||
        (Text[0] == 0xF0 && Text[1] < 0x90) || (Text[0] == 0xF4 && Text[1] > 0x8F)) {
        return 0;
    }
    return length;
}

static void
PrintString(const char *Text)
{
    const unsigned char *place = (const unsigned char *)Text;

    putchar('"');
    while (*place != '\0') {
        size_t length = CharacterLength(place);

        if (*place == '"' || *place == '\\') {
            printf("\\%c", *place);
        } else if (*place < 0x20) {
            printf("\\u%04x", *place);
        } else if (length == 0) {
            fputs("\\ufffd", stdout);
        } else {
            fwrite(place, 1, length, stdout);
        }
        place += length != 0 ? length : 1;
    }
    putchar('"');
}

static void
PrintValue(const char *Kind, const char *Cell)
{
    if (strcmp(Kind, "n") == 0) {
        fputs(Cell, stdout);
    } else if (strcmp(Kind, "b") == 0) {
        fputs(strcmp(Cell, "1") == 0 ? "true" : "false", stdout);
    } else {
        PrintString(Cell);
    }
}

void
CliPrintJson(const CLI_TABLE *Table)
{
    size_t columns = Table->Columns.Count;

    for (size_t row = 0; row < CliRowCount(Table); row++) {
        for (size_t i = 0; i < columns; i++) {
            const char *cell = Table->Cells.Items[row * columns + i];

            fputs(i == 0 ? "{" : ", ", stdout);
            PrintString(Table->Columns.Items[i]);
            fputs(": ", stdout);
            PrintValue(Table->Kinds.Items[i], cell);
            if (strcmp(Table->Columns.Items[i], "uid") == 0) {
                fputs(", \"user\": ", stdout);
                PrintString(CliUserName((uid_t)strtoul(cell, NULL, 10)));
            }
        }
        puts("}");
    }
}

/* ---- columns ---- */

char *
CliPrintable(const char *Text)
{
    char *text = CliFormat("%s", Text);

    for (unsigned char *place = (unsigned char *)text; *place != '\0';) {
        size_t length = CharacterLength(place);

        /* U+0080 to U+009F are control characters of some terminals, too. */
        if (length == 0 || *place < 0x20 || *place == 0x7F) {
            *place++ = '?';
        } else if (length == 2 && *place == 0xC2 && place[1] < 0xA0) {
            *place++ = '?';
            *place++ = '?';
        } else {
            place += length;
        }
    }
    return text;
}

/* Characters, not bytes; wide ones count once. */
static size_t
Width(const char *Text)
{
    size_t width = 0;

    for (; *Text != '\0'; Text++) {
        width += ((unsigned char)*Text & 0xC0) != 0x80;
    }
    return width;
}

/* What a person reads for a cell. */
static char *
ShowCell(const CLI_TABLE *Table, size_t Row, size_t Column)
{
    const char *cell = Table->Cells.Items[Row * Table->Columns.Count + Column];

    if (strcmp(Table->Columns.Items[Column], "uid") == 0) {
        return CliUserName((uid_t)strtoul(cell, NULL, 10));
    }
    if (strcmp(Table->Kinds.Items[Column], "b") == 0) {
        return CliFormat("%s", strcmp(cell, "1") == 0 ? "yes" : "no");
    }
    return cell[0] == '\0' ? CliFormat("-") : CliPrintable(cell);
}

static void
PrintCell(const char *Text, const char *Kind, size_t Room, int IsLast)
{
    int gap = (int)(Room - Width(Text));

    if (strcmp(Kind, "n") == 0) {
        printf("%*s%s%s", gap, "", Text, IsLast ? "" : "  ");
    } else {
        printf("%s%*s", Text, IsLast ? 0 : gap + 2, "");
    }
}

static const char *
ColumnName(const CLI_TABLE *Table, size_t Column)
{
    const char *name = Table->Columns.Items[Column];

    return strcmp(name, "uid") == 0 ? "user" : name;
}

void
CliPrintColumns(const CLI_TABLE *Table)
{
    size_t columns = Table->Columns.Count;
    size_t rows = CliRowCount(Table);
    size_t *rooms = CliAllocate((columns + 1) * sizeof(*rooms));
    char **cells = CliAllocate((rows * columns + 1) * sizeof(*cells));
    int bold = isatty(STDOUT_FILENO);

    for (size_t i = 0; i < columns; i++) {
        rooms[i] = strlen(ColumnName(Table, i));
        for (size_t row = 0; row < rows; row++) {
            char *cell = ShowCell(Table, row, i);

            cells[row * columns + i] = cell;
            rooms[i] = Width(cell) > rooms[i] ? Width(cell) : rooms[i];
        }
    }
    fputs(bold ? "\033[1m" : "", stdout);
    for (size_t i = 0; i < columns; i++) {
        const char *kind = strcmp(Table->Columns.Items[i], "uid") == 0 ? "" : Table->Kinds.Items[i];

        PrintCell(ColumnName(Table, i), kind, rooms[i], i + 1 == columns);
    }
    puts(bold ? "\033[0m" : "");
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < columns; i++) {
            const char *kind =
                strcmp(Table->Columns.Items[i], "uid") == 0 ? "" : Table->Kinds.Items[i];

            PrintCell(cells[row * columns + i], kind, rooms[i], i + 1 == columns);
        }
        putchar('\n');
    }
}
