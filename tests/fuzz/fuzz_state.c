/* The container's state, a bundle's config.json and the note of a compatibility library: three
 * readers of the same text over one scanner. */
#include "fuzz.h"

#include "base/json_scan.h"
#include "base/mem.h"
#include "hook/state.h"

static void check(int condition)
{
    if (!condition)
        abort();
}

/* Every string of it can be unescaped in its own room, and compares equal to what comes out. */
static void check_strings(const char *text, size_t size)
{
    struct nvb_json_scan s;
    enum nvb_json_token token;
    nvb_json_scan_init(&s, text, size);
    do {
        token = nvb_json_scan_next(&s);
        check(s.at <= size && s.depth <= NVB_JSON_MAX_DEPTH);
        if (token != NVB_JSON_STRING && token != NVB_JSON_KEY)
            continue;
        char *plain = nvb_malloc(s.len + 1);
        size_t len = nvb_json_unescape(s.start, s.len, plain);
        check(len <= s.len && (s.escaped || len == s.len));
        plain[len] = '\0';
        if (strlen(plain) == len)
            check(nvb_json_scan_is(&s, plain));
        free(plain);
    } while (token != NVB_JSON_END && token != NVB_JSON_ERROR);
    check(token != NVB_JSON_END || s.depth == 0);
    check(token != NVB_JSON_ERROR || s.problem != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly its size, so that a read beyond it is seen. */
    _cleanup_free_ char *text = nvb_malloc(size);
    _cleanup_free_ char *root = NULL;
    _cleanup_free_ char *bundle = NULL;
    _cleanup_free_ char *path = NULL;
    _cleanup_error_ struct nvb_error *err = NULL;
    _cleanup_error_ struct nvb_error *config_err = NULL;
    if (size > 0)
        memcpy(text, data, size);
    check_strings(text, size);
    if (hook_state_parse(text, size, &root, &bundle, &err) < 0)
        check(err != NULL && !root && !bundle);
    if (hook_config_parse(text, size, &path, &config_err) < 0)
        check(config_err != NULL && !path);
    else
        check(path != NULL);
    (void)hook_list_has(text, size, "driver", 550);
    return 0;
}
