#ifndef NVB_TESTS_HOSTS_LAY_H
#define NVB_TESTS_HOSTS_LAY_H

#include "base/error.h"

/*
 * Lays a recorded host out as a folder that discovery can be pointed at. HOST is the recording, a
 * folder with a files.txt; its lines are
 *
 *     folder  PATH
 *     link    PATH TARGET          a symbolic link, as it stands
 *     text    PATH                 a copy of root/PATH beside the files.txt
 *     empty   PATH                 an empty file
 *     data    PATH SIZE            a sparse file of zeros
 *     node    PATH                 a device node's stand-in: an empty file that all may use
 *     program PATH                 a program that does nothing
 *     library PATH SONAME CLASS    a real ELF shared object; SONAME "-": none; CLASS 32 or 64
 *     cut     PATH SONAME CLASS SIZE    the first SIZE bytes of one
 *     fifo    PATH
 *     socket  PATH
 *     cache   KEY PATH CLASS       an entry of /etc/ld.so.cache
 *     write   PATH TEXT            a file of this text (\n, \t); it replaces what is there
 *     mode    PATH OCTAL           the mode of what was laid
 *     device  PATH MAJOR MINOR     a real character device: for root alone
 *     remove  PATH                 a file, link or empty folder goes
 *
 * and empty lines and those that begin with "#". Folders above a path are made. TREE must be an
 * empty folder. Returns 0 or -1.
 */
int nvb_lay_host(const char *host, const char *tree, struct nvb_error **err);

/* The same for lines that are no file; they have no texts to copy. */
int nvb_lay_lines(const char *lines, const char *tree, struct nvb_error **err);

/*
 * The roots of a host that was laid in TREE, for struct nvb_host_options. Where the recording has
 * an options.txt, its lines "driver-root PATH" and "dev-root PATH" name folders of the tree; the
 * others are NULL. All owned. Returns 0 or -1.
 */
struct nvb_lay_options {
    char *host_root, *driver_root, *dev_root;
};

int nvb_lay_read_options(const char *host, const char *tree, struct nvb_lay_options *ret,
                         struct nvb_error **err);
void nvb_lay_options_done(struct nvb_lay_options *options);

#endif
