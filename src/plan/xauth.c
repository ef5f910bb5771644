#include "plan/xauth.h"

#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "config/expand.h"

/* From Xau and X's protocol numbers. */
#define FAMILY_LOCAL 256
#define FAMILY_WILD  65535
#define MAX_BYTES    ((size_t)1 << 20)

/* One field of a record: two bytes of length, then the bytes. */
struct field {
    const char *data;
    size_t len;
};

enum { ADDRESS, NUMBER, NAME, COOKIE, FIELDS };

static const char *find(const char *const *environment, const char *name)
{
    return nvb_environment_find(environment, name, strlen(name));
}

static unsigned read_u16(const char *p)
{
    return (unsigned)(unsigned char)p[0] << 8 | (unsigned char)p[1];
}

/* Reads the record at *AT and moves *AT behind it. Returns false at the end and where it breaks. */
static bool read_record(const struct nvb_str *text, size_t *at, unsigned *ret_family,
                        struct field *fields)
{
    size_t p = *at;
    if (text->len - p < 2)
        return false;
    *ret_family = read_u16(text->data + p);
    p += 2;
    for (size_t i = 0; i < FIELDS; i++) {
        if (text->len - p < 2)
            return false;
        fields[i].len = read_u16(text->data + p);
        fields[i].data = text->data + p + 2;
        p += 2;
        if (text->len - p < fields[i].len)
            return false;
        p += fields[i].len;
    }
    *at = p;
    return true;
}

static bool is_text(const struct field *field, const char *text, size_t len)
{
    return field->len == len && memcmp(field->data, text, len) == 0;
}

static void add_u16(struct nvb_str *s, unsigned n)
{
    nvb_str_addc(s, (char)(n >> 8 & 0xff));
    nvb_str_addc(s, (char)(n & 0xff));
}

static void add_wild(struct nvb_str *s, const struct field *fields)
{
    add_u16(s, FAMILY_WILD);
    add_u16(s, 0);
    for (size_t i = NUMBER; i < FIELDS; i++) {
        add_u16(s, (unsigned)fields[i].len);
        nvb_str_addn(s, fields[i].data, fields[i].len);
    }
}

/* The number of a display of this machine (":0", "unix:0.1"), or NULL. */
static const char *find_number(const char *display, size_t *ret_len)
{
    const char *number = display && nvb_has_prefix(display, "unix") ? display + 4 : display;
    if (!number || *number++ != ':')
        return NULL;
    *ret_len = strspn(number, "0123456789");
    return *ret_len && (number[*ret_len] == '\0' || number[*ret_len] == '.') ? number : NULL;
}

int nvb_xauth_make(const char *const *environment, struct nvb_str *ret)
{
    _cleanup_str_ struct nvb_str text = NVB_STR_INIT;
    const char *own = find(environment, "XAUTHORITY");
    const char *home = find(environment, "HOME");
    size_t len = 0;
    const char *number = find_number(find(environment, "DISPLAY"), &len);
    if (!number || (!own && !home))
        return 1;
    _cleanup_free_ char *path = own ? nvb_strdup(own) : nvb_strdupf("%s/.Xauthority", home);
    struct utsname machine;
    if (nvb_file_read_path(path, MAX_BYTES, &text, NULL) != 0 || uname(&machine) < 0)
        return 1;
    struct field fields[FIELDS];
    unsigned family = 0;
    const size_t before = ret->len;
    for (size_t at = 0; read_record(&text, &at, &family, fields);) {
        bool here = family == FAMILY_WILD ||
                    (family == FAMILY_LOCAL &&
                     is_text(&fields[ADDRESS], machine.nodename, strlen(machine.nodename)));
        if (here && (fields[NUMBER].len == 0 || is_text(&fields[NUMBER], number, len)))
            add_wild(ret, fields);
    }
    return ret->len > before ? 0 : 1;
}
