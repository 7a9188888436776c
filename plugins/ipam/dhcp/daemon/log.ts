import { writeStderr } from "../../../../lib/linux/stdio.ts";

/** A line on stderr, led by the time as the reference writes it: `2026/05/01 12:00:00 text`. */
export function log(text: string): void {
	const now = new Date();
	const two = (number: number) => String(number).padStart(2, "0");
	const date = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
	const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
	writeStderr(`${date} ${time} ${text.replaceAll("\n", " ")}\n`);
}
