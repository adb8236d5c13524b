# Compiles and links busybox, as far as that is not done, in the source folder.
make -j"$JOBS" CROSS_COMPILE="$HOST-" HOSTCC=gcc CONFIG_EXTRA_CFLAGS="$CFLAGS -w" SKIP_STRIP=y busybox busybox.links
