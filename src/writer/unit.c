#include "writer/unit.h"

#include <string.h>

bool nvb_unit_is_plain(const char *text)
{
    size_t len = strlen(text);
    if (len == 0 || strchr(" \t", text[0]) || strchr(" \t\\", text[len - 1]))
        return false;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

static void add_doubled(struct nvb_str *s, char c)
{
    nvb_str_addc(s, c);
    if (c == '%' || c == '$')
        nvb_str_addc(s, c);
}

void nvb_unit_add_value(struct nvb_str *s, const char *text)
{
    for (; *text; text++)
        add_doubled(s, *text);
}

static bool is_harmless(const char *word)
{
    return *word && strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                 "_-./:=,@%+$~") == strlen(word);
}

void nvb_unit_add_word(struct nvb_str *s, const char *word)
{
    if (is_harmless(word)) {
        nvb_unit_add_value(s, word);
        return;
    }
    nvb_str_addc(s, '"');
    for (; *word; word++) {
        unsigned char c = (unsigned char)*word;
        if (c == '"' || c == '\\')
            nvb_str_addf(s, "\\%c", c);
        else if (c == '\n')
            nvb_str_add(s, "\\n");
        else if (c == '\t')
            nvb_str_add(s, "\\t");
        else if (c < 0x20 || c == 0x7f)
            nvb_str_addf(s, "\\x%02x", c);
        else
            add_doubled(s, (char)c);
    }
    nvb_str_addc(s, '"');
}

bool nvb_unit_is_name(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && len <= 200 && name[0] != '.' && name[0] != '-' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:-_.@") ==
               len;
}
