#include "compose/variables.h"

#include <string.h>

#include "base/file.h"
#include "host/user.h"

#define FILE_MAX  ((size_t)1 << 20)
#define MAX_DEPTH 16
/* Each is looked for from the last one to the first. */
#define MAX_NAMES 4096

void nvb_compose_variables_done(struct nvb_compose_variables *variables)
{
    nvb_strv_done(&variables->words);
}

const char *nvb_compose_variables_get(const struct nvb_compose_variables *variables,
                                      const char *name)
{
    const size_t len = strlen(name);
    const char *value =
        variables->environment ? nvb_environment_get(variables->environment, name) : NULL;
    if (value)
        return value;
    for (; variables; variables = variables->parent)
        for (size_t i = variables->words.count; i-- > 0;) {
            const char *word = variables->words.items[i];
            if (strncmp(word, name, len) == 0 && word[len] == '=')
                return word + len + 1;
        }
    return NULL;
}

/* ---- in a value ---- */

struct reader {
    const struct nvb_compose_variables *variables;
    const char *at;
    unsigned depth;
    struct nvb_error **err;
};

static int fail(const struct reader *r, const char *what)
{
    (void)nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "%s '%.40s'", what, r->at);
    return nvb_error_hint(r->err, "'$NAME', '${NAME}', '${NAME:-default}', or '$$' for a '$'");
}

static size_t name_length(const char *text)
{
    static const char letters[] = "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    size_t len = strspn(text, letters);
    return len ? len + strspn(text + len, "_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                          "0123456789")
               : 0;
}

static int read_text(struct reader *r, bool braced, struct nvb_str *ret);

/* Behind "${": NAME, an op, a word up to "}". */
static int read_braced(struct reader *r, struct nvb_str *ret)
{
    const size_t len = name_length(r->at);
    _cleanup_free_ char *name = nvb_strndup(r->at, len);
    _cleanup_str_ struct nvb_str word = NVB_STR_INIT;
    if (len == 0)
        return fail(r, "there is no variable's name before");
    if (++r->depth > MAX_DEPTH)
        return fail(r, "variables are nested too deeply at");
    r->at += len;
    const char *value = nvb_compose_variables_get(r->variables, name);
    const bool colon = *r->at == ':';
    const char op = r->at[colon];
    const bool is_set = value && !(colon && value[0] == '\0');
    if (colon || op != '}') {
        if (!op || !strchr("-?+", op))
            return fail(r, "there is no '}' before");
        r->at += colon + 1;
    }
    if (read_text(r, true, &word) < 0)
        return -1;
    r->depth--;
    if (op == '?' && !is_set) {
        (void)nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "the variable %s is not set%s%s", name,
                             word.len ? ": " : "", word.data);
        return nvb_error_hint(r->err, "%s=… in the environment, or in the file .env", name);
    }
    if (op == '+')
        nvb_str_add(ret, is_set ? word.data : "");
    else if (op == '-' && !is_set)
        nvb_str_add(ret, word.data);
    else
        nvb_str_add(ret, value ? value : "");
    return 0;
}

static int read_variable(struct reader *r, struct nvb_str *ret)
{
    if (*r->at == '$') {
        r->at++;
        nvb_str_addc(ret, '$');
        return 0;
    }
    if (*r->at == '{') {
        r->at++;
        return read_braced(r, ret);
    }
    const size_t len = name_length(r->at);
    _cleanup_free_ char *name = nvb_strndup(r->at, len);
    if (len == 0)
        return fail(r, "'$' stands before");
    r->at += len;
    const char *value = nvb_compose_variables_get(r->variables, name);
    nvb_str_add(ret, value ? value : "");
    return 0;
}

static int read_text(struct reader *r, bool braced, struct nvb_str *ret)
{
    for (;;) {
        const size_t len = strcspn(r->at, braced ? "$}" : "$");
        nvb_str_addn(ret, r->at, len);
        r->at += len;
        if (ret->len > FILE_MAX)
            return nvb_error_make(r->err, NVB_ERROR_CONFIG, 0, "a value is longer than 1 MiB");
        if (*r->at == '\0')
            return braced ? fail(r, "there is no '}' behind '${' before") : 0;
        if (*r->at++ == '}')
            return 0;
        if (read_variable(r, ret) < 0)
            return -1;
    }
}

int nvb_compose_interpolate(const struct nvb_compose_variables *variables, const char *text,
                            char **ret, struct nvb_error **err)
{
    struct reader r = {.variables = variables, .at = text, .err = err};
    _cleanup_str_ struct nvb_str value = NVB_STR_INIT;
    if (read_text(&r, false, &value) < 0)
        return -1;
    *ret = value.len ? nvb_str_steal(&value) : nvb_strdup("");
    return 0;
}

void nvb_compose_escape(const char *text, struct nvb_str *ret)
{
    for (; *text; text++) {
        if (*text == '$')
            nvb_str_addc(ret, '$');
        nvb_str_addc(ret, *text);
    }
}

/* ---- .env ---- */

static void skip_line(const char **at)
{
    *at += strcspn(*at, "\n");
    *at += **at == '\n';
}

/* Behind a quote: up to the next one, over lines. */
static void read_quoted(const char **at, char quote, struct nvb_str *ret)
{
    for (; **at && **at != quote; (*at)++) {
        static const char plain[] = "nrt", meant[] = "\n\r\t";
        const char *escape = NULL;
        if (quote == '"' && **at == '\\' && (*at)[1]) {
            (*at)++;
            escape = strchr(plain, **at);
            /* An escaped $ is one for the variables' reader as well. */
            if (**at == '$')
                nvb_str_addc(ret, '$');
        }
        nvb_str_addc(ret, escape ? meant[escape - plain] : **at);
    }
}

static void read_bare(const char **at, struct nvb_str *ret)
{
    const size_t end = strcspn(*at, "\r\n");
    size_t len = 0;
    while (len < end && !((*at)[len] == '#' && (len == 0 || (*at)[len - 1] == ' ')))
        len++;
    while (len > 0 && ((*at)[len - 1] == ' ' || (*at)[len - 1] == '\t'))
        len--;
    nvb_str_addn(ret, *at, len);
}

static int read_line(struct nvb_compose_variables *variables, const char **at,
                     struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str raw = NVB_STR_INIT;
    _cleanup_free_ char *value = NULL;
    *at += strspn(*at, " \t");
    if (nvb_has_prefix(*at, "export "))
        *at += strlen("export ") + strspn(*at + strlen("export "), " \t");
    const size_t len = strcspn(*at, "=:# \t\r\n");
    _cleanup_free_ char *name = nvb_strndup(*at, len);
    const char *behind = *at + len + strspn(*at + len, " \t");
    if (len == 0 || (*behind != '=' && *behind != ':')) {
        skip_line(at);
        return 0;
    }
    *at = behind + 1 + strspn(behind + 1, " \t");
    const char quote = **at == '"' || **at == '\'' ? **at : '\0';
    if (quote) {
        (*at)++;
        read_quoted(at, quote, &raw);
    } else {
        read_bare(at, &raw);
    }
    skip_line(at);
    if (quote == '\'')
        value = nvb_strdup(raw.data);
    else if (nvb_compose_interpolate(variables, raw.data, &value, err) < 0)
        return -1;
    variables->size += len + strlen(value);
    if (variables->size > FILE_MAX)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "the variables are more than 1 MiB");
    if (variables->words.count >= MAX_NAMES)
        return nvb_error_make(err, NVB_ERROR_CONFIG, 0, "more than %d variables", MAX_NAMES);
    nvb_strv_addf(&variables->words, "%s=%s", name, value);
    return 0;
}

int nvb_compose_variables_read(struct nvb_compose_variables *variables, const char *path,
                               struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    int r = nvb_file_read_path(path, FILE_MAX, &text, err);
    if (r != 0)
        return r;
    const char *at = text.data;
    unsigned line = 1;
    while (*at) {
        const char *start = at;
        if (read_line(variables, &at, err) < 0)
            return nvb_error_at(err, path, line, 1);
        for (; start < at; start++)
            line += *start == '\n';
    }
    return 0;
}
