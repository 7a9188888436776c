/** What helps where /dev/net/tun is missing or leads nowhere. */
export const driverHelp = "The plugin needs /dev/net/tun and its driver: modprobe tun";
