#include "hook/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/json_scan.h"
#include "base/str.h"
#include "hook/root.h"

/* A state carries the annotations, a config.json every mount; both have tens of kilobytes. */
#define MAX_STATE  ((size_t)4 << 20)
#define MAX_CONFIG ((size_t)16 << 20)

static int refuse(const struct nvb_json_scan *s, const char *what, struct nvb_error **err)
{
    return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "cannot read the %s at byte %zu: %s", what,
                          s->at, s->problem ? s->problem : "it is not what it should be");
}

/* The value of the string token, which must be a path: no zero byte in it. */
static char *take_string(const struct nvb_json_scan *s)
{
    _cleanup_free_ char *text = nvb_malloc(s->len + 1);
    size_t len = nvb_json_unescape(s->start, s->len, text);
    text[len] = '\0';
    return len == strlen(text) ? TAKE_PTR(text) : NULL;
}

/* Reads the string that follows a key. */
static int read_string(struct nvb_json_scan *s, const char *what, char **ret,
                       struct nvb_error **err)
{
    if (nvb_json_scan_next(s) != NVB_JSON_STRING)
        return refuse(s, what, err);
    char *text = take_string(s);
    if (!text)
        return refuse(s, what, err);
    free(*ret);
    *ret = text;
    return 0;
}

int hook_state_parse(const char *text, size_t len, char **ret_root, char **ret_bundle,
                     struct nvb_error **err)
{
    static const char what[] = "container's state";
    _cleanup_free_ char *root = NULL;
    _cleanup_free_ char *bundle = NULL;
    struct nvb_json_scan s;
    nvb_json_scan_init(&s, text, len);
    if (nvb_json_scan_next(&s) != NVB_JSON_OBJECT)
        return refuse(&s, what, err);
    enum nvb_json_token token;
    while ((token = nvb_json_scan_next(&s)) == NVB_JSON_KEY) {
        int r;
        if (nvb_json_scan_is(&s, "root"))
            r = read_string(&s, what, &root, err);
        else if (nvb_json_scan_is(&s, "bundle"))
            r = read_string(&s, what, &bundle, err);
        else
            r = nvb_json_scan_skip(&s) < 0 ? refuse(&s, what, err) : 0;
        if (r < 0)
            return r;
    }
    if (token != NVB_JSON_OBJECT_END || nvb_json_scan_next(&s) != NVB_JSON_END)
        return refuse(&s, what, err);
    *ret_root = TAKE_PTR(root);
    *ret_bundle = TAKE_PTR(bundle);
    return 0;
}

/* Reads the object that follows the key "root". */
static int read_root(struct nvb_json_scan *s, const char *what, char **ret, struct nvb_error **err)
{
    if (nvb_json_scan_next(s) != NVB_JSON_OBJECT)
        return refuse(s, what, err);
    enum nvb_json_token token;
    while ((token = nvb_json_scan_next(s)) == NVB_JSON_KEY) {
        if (nvb_json_scan_is(s, "path")) {
            if (read_string(s, what, ret, err) < 0)
                return -1;
        } else if (nvb_json_scan_skip(s) < 0) {
            return refuse(s, what, err);
        }
    }
    return token == NVB_JSON_OBJECT_END ? 0 : refuse(s, what, err);
}

int hook_config_parse(const char *text, size_t len, char **ret_root, struct nvb_error **err)
{
    static const char what[] = "bundle's config.json";
    _cleanup_free_ char *path = NULL;
    struct nvb_json_scan s;
    nvb_json_scan_init(&s, text, len);
    if (nvb_json_scan_next(&s) != NVB_JSON_OBJECT)
        return refuse(&s, what, err);
    enum nvb_json_token token;
    while ((token = nvb_json_scan_next(&s)) == NVB_JSON_KEY) {
        if (nvb_json_scan_is(&s, "root")) {
            if (read_root(&s, what, &path, err) < 0)
                return -1;
        } else if (nvb_json_scan_skip(&s) < 0) {
            return refuse(&s, what, err);
        }
    }
    if (token != NVB_JSON_OBJECT_END || nvb_json_scan_next(&s) != NVB_JSON_END)
        return refuse(&s, what, err);
    if (!path)
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0, "the %s names no root", what);
    *ret_root = TAKE_PTR(path);
    return 0;
}

static int read_config(const char *bundle, char **ret_root, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *name = nvb_strdupf("%s/config.json", bundle);
    _cleanup_close_ int fd = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int r = fd < 0 ? -errno : hook_read_all(fd, MAX_CONFIG, &text);
    if (r == -EACCES)
        return 1;
    if (r < 0)
        return nvb_error_make(err, nvb_error_kind_of(-r), -r, "cannot read '%s'", name);
    if (hook_config_parse(text.data, text.len, &path, err) < 0)
        return -1;
    *ret_root = *path == '/' ? TAKE_PTR(path) : nvb_strdupf("%s/%s", bundle, path);
    return 0;
}

int hook_state_read(int fd, char **ret_root, struct nvb_error **err)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    _cleanup_free_ char *root = NULL;
    _cleanup_free_ char *bundle = NULL;
    int r = hook_read_all(fd, MAX_STATE, &text);
    if (r < 0)
        return nvb_error_make(err, NVB_ERROR_ENGINE, -r, "cannot read the container's state");
    if (hook_state_parse(text.data, text.len, &root, &bundle, err) < 0)
        return -1;
    if (root && *root == '/') {
        *ret_root = TAKE_PTR(root);
        return 0;
    }
    if (!bundle || *bundle != '/')
        return nvb_error_make(err, NVB_ERROR_ENGINE, 0,
                              "the container's state names neither its root nor its bundle");
    return read_config(bundle, ret_root, err);
}

/* Reads the list's items. Returns as hook_list_has(). */
static int list_has(struct nvb_json_scan *s, unsigned long number)
{
    int found = 0;
    if (nvb_json_scan_next(s) != NVB_JSON_ARRAY)
        return -1;
    for (;;) {
        enum nvb_json_token token = nvb_json_scan_next(s);
        if (token == NVB_JSON_ARRAY_END)
            return found;
        if (token != NVB_JSON_NUMBER)
            return -1;
        uint64_t n = 0;
        if (nvb_parse_u64(s->start, s->len, 10, &n) == 0 && n == number)
            found = 1;
    }
}

int hook_list_has(const char *text, size_t len, const char *key, unsigned long number)
{
    int found = 0;
    struct nvb_json_scan s;
    nvb_json_scan_init(&s, text, len);
    if (nvb_json_scan_next(&s) != NVB_JSON_OBJECT)
        return -1;
    enum nvb_json_token token;
    while ((token = nvb_json_scan_next(&s)) == NVB_JSON_KEY) {
        if (s.len == strlen(key) && strncasecmp(s.start, key, s.len) == 0)
            found = list_has(&s, number);
        else if (nvb_json_scan_skip(&s) < 0)
            return -1;
        if (found < 0)
            return -1;
    }
    return token == NVB_JSON_OBJECT_END && nvb_json_scan_next(&s) == NVB_JSON_END ? found : -1;
}
