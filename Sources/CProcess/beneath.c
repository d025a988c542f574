// Opening beneath a folder: by openat2, which leaves nothing between the check and the use, or name
// by name with O_NOFOLLOW.
#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/syscall.h>
#if defined(SYS_openat2)
#include <linux/openat2.h>
#endif
#endif

#ifndef O_PATH
#define O_PATH 0
#endif

const int vigil_path_only = O_PATH;

int vigil_open_beneath(int folder, const char *name, int flags) {
#if defined(SYS_openat2)
    const struct open_how how = {
        .flags = (unsigned)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    const long descriptor = syscall(SYS_openat2, folder, name, &how, sizeof how);
    // Filters that do not know the call answer EPERM.
    if (descriptor >= 0 || (errno != ENOSYS && errno != EPERM)) return (int)descriptor;
#endif
    return vigil_open_beneath_walking(folder, name, flags);
}

// One name of a path. A link is no folder to the system; here it is to be told as a link.
static int open_folder(int folder, const char *name) {
    const int opened = openat(folder, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened >= 0 || errno != ENOTDIR) return opened;
    struct stat facts;
    const int isLink =
        fstatat(folder, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(facts.st_mode);
    errno = isLink ? ELOOP : ENOTDIR;
    return -1;
}

// One name of a path, of this length, in a folder.
static int open_part(int folder, const char *name, size_t length, int isLast, int flags) {
    char part[256];
    if (length >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(part, name, length);
    part[length] = 0;
    if (strcmp(part, "..") == 0) {
        errno = EXDEV;
        return -1;
    }
    // Of a name that ends in a slash nothing is left at last, and it is a folder.
    if (!isLast) return open_folder(folder, part);
    return openat(folder, length ? part : ".", flags | O_NOFOLLOW);
}

int vigil_open_beneath_walking(int folder, const char *name, int flags) {
    if (name[0] == '/' || name[0] == 0) {
        errno = name[0] ? EXDEV : ENOENT;
        return -1;
    }
    int current = folder;
    while (1) {
        name += strspn(name, "/");
        const size_t length = strcspn(name, "/");
        const int isLast = name[length] == 0;
        const int opened = open_part(current, name, length, isLast, flags);
        const int number = errno;
        if (current != folder) close(current);
        errno = number;
        if (opened < 0 || isLast) return opened;
        name += length;
        current = opened;
    }
}
