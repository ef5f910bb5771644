/*
 * Prints the words of a key of a unit file, each ended by a zero byte, as systemd.service(5) tells
 * to read them ("Quoting", "Specifiers", "Command lines"):
 *
 *   unit_words KEY <unit
 *
 * Written for the tests alone and from that page, so that it shares no error with the writer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[1 << 20];

static int hex(const char *digits)
{
    char text[3] = {digits[0], digits[0] ? digits[1] : '\0', '\0'};
    char *end;
    long value = strtol(text, &end, 16);

    return end == text + 2 ? (int)value : -1;
}

static int octal(const char *digits)
{
    char text[4] = {digits[0], digits[0] ? digits[1] : '\0',
                    digits[0] && digits[1] ? digits[2] : '\0', '\0'};
    char *end;
    long value = strtol(text, &end, 8);

    return end == text + 3 ? (int)value : -1;
}

/* Prints what the escape at P stands for; returns how many characters it has. */
static size_t put_escape(const char *p)
{
    static const char letters[] = "abfnrtvs\\\"'";
    static const char values[] = "\a\b\f\n\r\t\v \\\"'";
    const char *at = p[1] ? strchr(letters, p[1]) : NULL;

    if (at) {
        putchar(values[at - letters]);
        return 2;
    }
    if (p[1] == 'x' && hex(p + 2) >= 0) {
        putchar(hex(p + 2));
        return 4;
    }
    if (octal(p + 1) >= 0) {
        putchar(octal(p + 1));
        return 4;
    }
    putchar('\\');
    return 1;
}

static void put_words(const char *p)
{
    while (*(p += strspn(p, " \t"))) {
        char quote = '\0';

        for (; *p && (quote || !strchr(" \t", *p));) {
            if (*p == '\\') {
                p += put_escape(p);
            } else if (quote ? *p == quote : *p == '"' || *p == '\'') {
                quote = quote ? '\0' : *p;
                p++;
            } else if ((*p == '%' || *p == '$') && p[1] == *p) {
                putchar(*p);
                p += 2;
            } else if (strncmp(p, "%N", 2) == 0 || strncmp(p, "%t", 2) == 0) {
                putchar(*p++); /* Quadlet's own: the name that it gives by default, its files */
                putchar(*p++);
            } else if (*p == '%' || *p == '$') {
                fprintf(stderr, "unit_words: a specifier or variable: %s\n", p);
                exit(1);
            } else {
                putchar(*p++);
            }
        }
        putchar('\0');
    }
}

int main(int argc, char **argv)
{
    size_t used = 0;
    size_t key = argc == 2 ? strlen(argv[1]) : 0;

    while (key && fgets(line + used, (int)(sizeof(line) - used), stdin)) {
        size_t len = strcspn(line, "\n");

        if (len > 0 && line[len] == '\n' && line[len - 1] == '\\') {
            line[len - 1] = ' ';
            used = len;
            line[used] = '\0';
            continue;
        }
        line[len] = '\0';
        if (strncmp(line, argv[1], key) == 0 && line[key] == '=')
            put_words(line + key + 1);
        used = 0;
    }
    return key ? 0 : 2;
}
