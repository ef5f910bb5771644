#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* PATH, or where it is NULL the root BASE once more. */
static int open_root(const char *path, const struct nvb_root *base, struct nvb_root *ret,
                     struct nvb_error **err)
{
    if (path)
        return nvb_root_open(path, ret, err);
    int fd = fcntl(base->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return nvb_error_make(err, NVB_ERROR_INTERNAL, errno, "cannot open '%s' again", base->path);
    *ret = (struct nvb_root){.fd = fd, .path = nvb_strdup(base->path)};
    return 0;
}

int nvb_host_open(const struct nvb_host_options *options, struct nvb_host *ret,
                  struct nvb_error **err)
{
    _cleanup_host_ struct nvb_host host = NVB_HOST_INIT;
    if (nvb_root_open(options->host_root ? options->host_root : "/", &host.root, err) < 0 ||
        open_root(options->driver_root, &host.root, &host.driver, err) < 0 ||
        open_root(options->dev_root, &host.root, &host.dev, err) < 0)
        return -1;

    struct stat st;
    int r = nvb_root_stat(&host.root, NVB_SIMULATED_MARK, &st);
    host.simulated = r == 0 && S_ISREG(st.st_mode);

    *ret = host;
    host = (struct nvb_host)NVB_HOST_INIT;
    return 0;
}

void nvb_host_done(struct nvb_host *host)
{
    nvb_root_done(&host->root);
    nvb_root_done(&host->driver);
    nvb_root_done(&host->dev);
    host->simulated = false;
}
