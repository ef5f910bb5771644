#include "doctor/x11.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/mem.h"

#define COOKIE_NAME       "MIT-MAGIC-COOKIE-1"
#define LIST_HOSTS        110
#define FAMILY_SERVER     5 /* ServerInterpreted: "localuser\0name" */
#define FAMILY_LOCAL_HOST 252
#define REPLY_MAX         ((size_t)1 << 20)

/* ---- the file of cookies: numbers in it have the high byte first ---- */

struct field {
    const char *data;
    size_t len;
};

static int take_field(const char **at, const char *end, struct field *ret)
{
    if (end - *at < 2)
        return -1;
    size_t len = (size_t)(unsigned char)(*at)[0] << 8 | (unsigned char)(*at)[1];
    if ((size_t)(end - *at - 2) < len)
        return -1;
    *ret = (struct field){*at + 2, len};
    *at += 2 + len;
    return 0;
}

static bool is(const struct field *field, const char *text)
{
    return field->len == strlen(text) && memcmp(field->data, text, field->len) == 0;
}

int nvb_x11_find_cookie(const char *file, size_t len, const char *number, const char **ret,
                        size_t *ret_len)
{
    const char *at = file;
    const char *end = file + len;
    while (end - at >= 2) {
        struct field address;
        struct field display;
        struct field name;
        struct field data;
        at += 2; /* the family */
        if (take_field(&at, end, &address) < 0 || take_field(&at, end, &display) < 0 ||
            take_field(&at, end, &name) < 0 || take_field(&at, end, &data) < 0)
            return 1;
        if ((display.len == 0 || is(&display, number)) && is(&name, COOKIE_NAME)) {
            *ret = data.data;
            *ret_len = data.len;
            return 0;
        }
    }
    return 1;
}

/* ---- the protocol, in this machine's byte order ---- */

static int read_all(int fd, void *to, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = read(fd, (char *)to + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            return -EPIPE;
        done += (size_t)n;
    }
    return 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = 1};
    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static void put16(unsigned char *to, size_t value)
{
    uint16_t v = (uint16_t)value;
    memcpy(to, &v, sizeof(v));
}

static uint16_t get16(const unsigned char *from)
{
    uint16_t v;
    memcpy(&v, from, sizeof(v));
    return v;
}

static uint32_t get32(const unsigned char *from)
{
    uint32_t v;
    memcpy(&v, from, sizeof(v));
    return v;
}

/* Connection setup: 12 bytes, the cookie's name and the cookie, each padded to four. */
static int set_up(int fd, const void *cookie, size_t len)
{
    unsigned char request[12 + 20 + 64] = {0};
    unsigned char answer[8];
    size_t name_len = cookie ? strlen(COOKIE_NAME) : 0;
    size_t at = 12;
    const uint16_t one = 1;
    if (len > 64)
        return -EINVAL;
    request[0] = *(const unsigned char *)&one ? 'l' : 'B';
    put16(request + 2, 11);
    put16(request + 6, name_len);
    put16(request + 8, cookie ? len : 0);
    if (cookie) {
        memcpy(request + at, COOKIE_NAME, name_len);
        at += 20;
        memcpy(request + at, cookie, len);
        at += (len + 3) / 4 * 4;
    }
    int r = nvb_write_all(fd, request, at);
    if (r == 0)
        r = read_all(fd, answer, sizeof(answer));
    if (r < 0)
        return r;
    size_t rest = (size_t)get16(answer + 6) * 4;
    _cleanup_free_ unsigned char *dropped = nvb_malloc(rest);
    r = read_all(fd, dropped, rest);
    return r < 0 ? r : answer[0] != 1;
}

static enum nvb_x11_access judge(const unsigned char *hosts, size_t len, size_t count)
{
    const unsigned char *at = hosts;
    const unsigned char *end = hosts + len;
    for (size_t i = 0; i < count && end - at >= 4; i++) {
        size_t size = get16(at + 2);
        if ((size_t)(end - at - 4) < (size + 3) / 4 * 4)
            break;
        if (at[0] == FAMILY_LOCAL_HOST || (at[0] != FAMILY_SERVER && size == 0))
            return NVB_X11_LOCAL;
        at += 4 + (size + 3) / 4 * 4;
    }
    return NVB_X11_CLOSED;
}

static int list_hosts(int fd, enum nvb_x11_access *ret)
{
    unsigned char request[4] = {LIST_HOSTS, 0};
    unsigned char head[32];
    put16(request + 2, 1);
    int r = nvb_write_all(fd, request, sizeof(request));
    if (r == 0)
        r = read_all(fd, head, sizeof(head));
    if (r < 0)
        return r;
    size_t len = (size_t)get32(head + 4) * 4;
    if (head[0] != 1 || len > REPLY_MAX)
        return -EPROTO;
    _cleanup_free_ unsigned char *hosts = nvb_malloc(len);
    r = read_all(fd, hosts, len);
    if (r < 0)
        return r;
    *ret = head[1] == 0 ? NVB_X11_ANY : judge(hosts, len, get16(head + 8));
    return 0;
}

int nvb_x11_ask_access(const char *path, const void *cookie, size_t len, enum nvb_x11_access *ret)
{
    _cleanup_close_ int fd = connect_to(path);
    if (fd < 0)
        return fd;
    int r = set_up(fd, cookie, len);
    return r != 0 ? r : list_hosts(fd, ret);
}
