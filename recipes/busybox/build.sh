# Configures busybox with everything on, then turns off what needs a Linux kernel of its own, and
# builds. Run in the source folder by the recipe.
set -e
# `make oldconfig` asks about what depends on a changed answer; the default is right each time.
make defconfig >/dev/null
while read -r option value; do
    case "$option" in '' | '#'*) continue ;; esac
    sed -i "s/^CONFIG_$option=.*//;s/^# CONFIG_$option is not set//" .config
    if [ "$value" = n ]; then echo "# CONFIG_$option is not set"; else echo "CONFIG_$option=$value"; fi >>.config
done <"$RECIPE/options"
yes '' | make oldconfig >/dev/null
sh -e "$RECIPE/make.sh"
