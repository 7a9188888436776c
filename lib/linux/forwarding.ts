import { ensureSysctl, readSysctl } from "./sysctl.ts";

const parameters = { 4: "net/ipv4/ip_forward", 6: "net/ipv6/conf/all/forwarding" } as const;

/** `sysctl -w net.ipv4.ip_forward=1`, or its IPv6 counterpart. @throws SystemError */
export function enableForwarding(family: 4 | 6): void {
	ensureSysctl(parameters[family], "1");
}

/** @throws SystemError */
export function isForwarding(family: 4 | 6): boolean {
	return readSysctl(parameters[family]) === "1";
}
