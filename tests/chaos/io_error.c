/* Preloaded into the shop: while the file named by STOA_IO_ERROR_FLAG exists, what writes to a disk fails as
   a broken one does. Sockets and pipes are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static int is_broken(int fd) {
  static const char* flag;
  if (flag == NULL && (flag = getenv("STOA_IO_ERROR_FLAG")) == NULL) flag = "";
  struct stat of;
  return *flag != 0 && access(flag, F_OK) == 0 && fstat(fd, &of) == 0 && S_ISREG(of.st_mode);
}

#define BROKEN(fd) do { if (is_broken(fd)) { errno = EIO; return -1; } } while (0)
#define NEXT(name) static __typeof__(name)* next; if (next == NULL) next = (__typeof__(next))dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int fd, const void* data, size_t count, off64_t at) {
  NEXT(pwrite64);
  BROKEN(fd);
  return next(fd, data, count, at);
}

ssize_t pwrite(int fd, const void* data, size_t count, off_t at) {
  NEXT(pwrite);
  BROKEN(fd);
  return next(fd, data, count, at);
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  BROKEN(fd);
  return next(fd);
}

int fsync(int fd) {
  NEXT(fsync);
  BROKEN(fd);
  return next(fd);
}
