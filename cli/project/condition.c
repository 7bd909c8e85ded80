/* SPDX-License-Identifier: MIT
 *
 * cli/project/condition.c - MSBuild conditions, and the !if lines of old `sources` files
 *
 *   or := and { ("or" | "||") and }        compare := value [ ("=="|"!="|"<"|...) value ]
 *   and := not { ("and" | "&&") not }      value := 'text' | "text" | word | function '(' value ')'
 *   not := "!" not | "(" or ")" | compare
 *
 * Both sides of a comparison are expanded; they are equal as numbers if both are, else as texts
 * without regard to case. Every part is evaluated: nothing in it has an effect.
 */
#include "cli/project/project.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct CLI_PARSER {
    CLI_EVALUATION *Evaluation;
    const char *Text;
    const char *At;
    const char *Failure;
    unsigned Depth;
} CLI_PARSER;

static int ParseOr(CLI_PARSER *Parser);

static void
SkipBlanks(CLI_PARSER *Parser)
{
    while (isspace((unsigned char)*Parser->At)) {
        Parser->At++;
    }
}

static void
Fail(CLI_PARSER *Parser, const char *Why)
{
    if (Parser->Failure == NULL) {
        Parser->Failure = Why;
    }
    Parser->At += strlen(Parser->At);
}

/* Takes Word if it is next; a word of letters must end there. */
static int
TakeWord(CLI_PARSER *Parser, const char *Word)
{
    size_t length = strlen(Word);

    SkipBlanks(Parser);
    if (strncasecmp(Parser->At, Word, length) != 0 ||
        (isalpha((unsigned char)Word[0]) && isalnum((unsigned char)Parser->At[length]))) {
        return 0;
    }
    Parser->At += length;
    return 1;
}

static char *
ParseQuoted(CLI_PARSER *Parser)
{
    const char *start = Parser->At + 1;
    const char *end = strchr(start, *Parser->At);

    if (end == NULL) {
        Fail(Parser, "a quote is not closed");
        return NULL;
    }
    Parser->At = end + 1;
    return CliUnescape(CliExpand(Parser->Evaluation, CliFormat("%.*s", (int)(end - start), start)));
}

/* A word without quotes, $( ) in it as a whole. */
static char *
ParseBare(CLI_PARSER *Parser)
{
    const char *start = Parser->At;
    int depth = 0;

    for (; *Parser->At != '\0'; Parser->At++) {
        char c = *Parser->At;

        if (c == '(' && (depth > 0 || (Parser->At > start && strchr("$%@", Parser->At[-1])))) {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (depth == 0 && (isspace((unsigned char)c) || strchr("()=!<>'\"&|,", c) != NULL)) {
            break;
        }
    }
    if (Parser->At == start) {
        Fail(Parser, *start == '\0' ? "it ends too early" : "a value is missing");
        return NULL;
    }
    return CliExpand(Parser->Evaluation, CliFormat("%.*s", (int)(Parser->At - start), start));
}

static char *
ParseText(CLI_PARSER *Parser)
{
    SkipBlanks(Parser);
    return *Parser->At == '\'' || *Parser->At == '"' ? ParseQuoted(Parser) : ParseBare(Parser);
}

static int
CallExists(CLI_PARSER *Parser, const char *Path)
{
    return Path[0] != '\0' &&
           Parser->Evaluation->Files->Find(Parser->Evaluation->Root, Path) != NULL;
}

/* exists('x'), hastrailingslash('x'), defined(x): NULL when the word before is no function. */
static char *
ParseCall(CLI_PARSER *Parser, const char *Name)
{
    char *argument = ParseText(Parser);
    int result;

    if (argument == NULL) {
        return NULL;
    }
    if (!TakeWord(Parser, ")")) {
        Fail(Parser, "a ')' is missing");
        return NULL;
    }
    if (strcasecmp(Name, "exists") == 0) {
        result = CallExists(Parser, argument);
    } else if (strcasecmp(Name, "hastrailingslash") == 0) {
        size_t length = strlen(argument);

        result = length != 0 && strchr("/\\", argument[length - 1]) != NULL;
    } else if (strcasecmp(Name, "defined") == 0) {
        result = CliGet(&Parser->Evaluation->Properties, argument) != NULL;
    } else {
        Fail(Parser, "a function in it is not known");
        return NULL;
    }
    return CliFormat("%s", result ? "true" : "false");
}

static char *
ParseValue(CLI_PARSER *Parser)
{
    int isQuoted;
    char *text;

    SkipBlanks(Parser);
    isQuoted = *Parser->At == '\'' || *Parser->At == '"';
    text = ParseText(Parser);
    if (text != NULL && !isQuoted && *Parser->At == '(') {
        Parser->At++;
        return ParseCall(Parser, text);
    }
    return text;
}

static int
IsNumber(const char *Text, double *Number)
{
    char *end;

    if (!isdigit((unsigned char)Text[0]) && strchr("+-.", Text[0]) == NULL) {
        return 0;
    }
    if (Text[strspn(Text, "+-.0123456789abcdefxABCDEFX")] != '\0') {
        return 0;
    }
    *Number = strtod(Text, &end);
    return end != Text && *end == '\0';
}

static int
Compare(CLI_PARSER *Parser, const char *Sign, const char *Left, const char *Right)
{
    double left;
    double right;
    int areNumbers = IsNumber(Left, &left) && IsNumber(Right, &right);

    if (Sign[0] == '=' || Sign[0] == '!') {
        int equal = areNumbers ? !(left < right) && !(right < left) : strcasecmp(Left, Right) == 0;

        return Sign[0] == '=' ? equal : !equal;
    }
    if (!areNumbers) {
        Fail(Parser, "only numbers can be less or greater");
        return 0;
    }
    if (Sign[0] == '<') {
        return Sign[1] == '=' ? left <= right : left < right;
    }
    return Sign[1] == '=' ? left >= right : left > right;
}

/* A value alone: true and false by any of MSBuild's names, or a number as nmake has it. */
static int
IsTrue(CLI_PARSER *Parser, const char *Text)
{
    static const char *const yes[] = {"true", "on", "yes", "!false", "!off", "!no"};
    static const char *const no[] = {"false", "off", "no", "!true", "!on", "!yes"};
    double number;

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(Text, yes[i]) == 0) {
            return 1;
        }
        if (strcasecmp(Text, no[i]) == 0) {
            return 0;
        }
    }
    if (IsNumber(Text, &number)) {
        return number < 0 || number > 0;
    }
    Fail(Parser, "a value in it is neither true nor false");
    return 0;
}

static int
ParseCompare(CLI_PARSER *Parser)
{
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
    char *left = ParseValue(Parser);

    if (left == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (TakeWord(Parser, signs[i])) {
            char *right = ParseValue(Parser);

            return right != NULL && Compare(Parser, signs[i], left, right);
        }
    }
    return IsTrue(Parser, left);
}

static int
ParseNot(CLI_PARSER *Parser)
{
    int result;

    if (++Parser->Depth > CLI_DEPTH_LIMIT) {
        Fail(Parser, "it is nested too deeply");
        return 0;
    }
    if (TakeWord(Parser, "!")) {
        result = !ParseNot(Parser);
    } else if (TakeWord(Parser, "(")) {
        result = ParseOr(Parser);
        if (!TakeWord(Parser, ")")) {
            Fail(Parser, "a ')' is missing");
        }
    } else {
        result = ParseCompare(Parser);
    }
    Parser->Depth--;
    return result;
}

static int
ParseAnd(CLI_PARSER *Parser)
{
    int result = ParseNot(Parser);

    while (TakeWord(Parser, "and") || TakeWord(Parser, "&&")) {
        int next = ParseNot(Parser);

        result = result && next;
    }
    return result;
}

static int
ParseOr(CLI_PARSER *Parser)
{
    int result = ParseAnd(Parser);

    while (TakeWord(Parser, "or") || TakeWord(Parser, "||")) {
        int next = ParseAnd(Parser);

        result = result || next;
    }
    return result;
}

int
CliCondition(CLI_EVALUATION *Evaluation, const char *Text)
{
    CLI_PARSER parser = {.Evaluation = Evaluation, .Text = Text, .At = Text};
    int result;

    if (Text == NULL || Text[strspn(Text, " \t\r\n")] == '\0') {
        return 1;
    }
    result = ParseOr(&parser);
    SkipBlanks(&parser);
    if (parser.Failure == NULL && *parser.At != '\0') {
        parser.Failure = "something follows it";
    }
    if (parser.Failure != NULL) {
        CliProjectError(Evaluation->Project, "%s:%d: condition \"%.200s\": %s", Evaluation->File,
                        Evaluation->Line, Text, parser.Failure);
        return 0;
    }
    return result;
}
