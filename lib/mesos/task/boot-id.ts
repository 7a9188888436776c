import { readFileSync } from "node:fs";

/** Another one after every boot. */
export function bootId(): string {
	return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
