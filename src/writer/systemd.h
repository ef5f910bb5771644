#ifndef NVB_WRITER_SYSTEMD_H
#define NVB_WRITER_SYSTEMD_H

/* A systemd service whose main command is "nvbind run", so that GPUs and driver are looked for anew
 * at each start; and udev's rules. */

#include <sys/types.h>

#include "plan/parse.h"
#include "plan/plan.h"

struct nvb_systemd_options {
    const char *nvbind;      /* absolute path of the program */
    const char *config;      /* --config FILE, absolute, or NULL */
    const char *host_root;   /* --host-root DIR, absolute, or NULL */
    const char *name;        /* the container's name */
    const char *description; /* of the unit */
    const char *user;        /* User=, whose number is UID, or NULL: whoever runs systemd */
    uid_t uid;
    bool is_user; /* for a user's systemd */
};

/*
 * Appends the unit. REQUEST and PLAN are of the words that "nvbind run" would get; GPUs that were
 * named are written by UUID (else by PCI address), because an index may be another GPU after a
 * reboot. With Podman the unit is Type=notify and conmon its main process; Docker's client stays in
 * the foreground. Returns 0, or -1 with an error that names the option that goes against a service.
 */
int nvb_writer_systemd(const struct nvb_request *request, const struct nvb_plan *plan,
                       const struct nvb_systemd_options *options, struct nvb_str *ret,
                       struct nvb_error **err);

/*
 * Appends udev(7) rules by which members of GROUP may use the driver's nodes. The driver's nodes
 * are made by nvidia-modprobe with the mode that its module parameters tell, so the rules start
 * that program when the module comes, and a comment says the line for modprobe.d(5).
 */
void nvb_writer_udev(const char *group, unsigned gid, struct nvb_str *ret);

#endif
