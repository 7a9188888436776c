const firstMs = 1000;
const longestMs = 60_000;

/**
 * How long to wait after so many rounds that failed, beginning with 0: twice as long each time, up to a minute, and less than
 * that by chance, so that those who lost the same master do not come back together.
 *
 * @param random a number from 0 to 1
 */
export function backoffMs(failed: number, random: number): number {
	return Math.min(longestMs, firstMs * 2 ** Math.min(failed, 20)) * (0.5 + random / 2);
}
