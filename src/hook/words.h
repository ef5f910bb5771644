#ifndef NVB_HOOK_WORDS_H
#define NVB_HOOK_WORDS_H

/* The words of the hook's command line, for those who write it and for the hook that reads it. */

#define NVB_HOOK_NAME            "nvbind-hook"
#define NVB_HOOK_CREATE          "create"
#define NVB_HOOK_LIBRARY         "--library="
#define NVB_HOOK_LINK            "--link="
#define NVB_HOOK_MOUNT           "--mount="
#define NVB_HOOK_ARGUMENTS       "--arguments="
#define NVB_HOOK_NO_LINKS        "--no-links"
#define NVB_HOOK_NO_CACHE        "--no-cache"
#define NVB_HOOK_CUDA_COMPAT     "--cuda-compat="
#define NVB_HOOK_NO_DEVICE_FILES "--no-device-files"
#define NVB_HOOK_NO_OPENAT2      "--no-openat2"
#define NVB_HOOK_SEPARATOR       "::"

#if defined(__x86_64__)
#define NVB_HOOK_CLASS_NATIVE "x86_64"
#define NVB_HOOK_CLASS_32     "i386"
#elif defined(__aarch64__)
#define NVB_HOOK_CLASS_NATIVE "aarch64"
#define NVB_HOOK_CLASS_32     "armhf"
#else
#error "nvbind-hook runs on x86_64 and aarch64"
#endif

#endif
