const unitsMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `90s`, `10m`, `1h30m`, `2d`, or a number of seconds, in milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
	if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
	if (!/^(\d{1,9}[smhd])+$/.test(text)) return undefined;
	return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
		(sum, [, number, unit = ""]) => sum + Number(number) * (unitsMs[unit] ?? 0),
		0,
	);
}
