/** A name for the host's end of a veth pair: `veth` and 8 random hexadecimal digits, as the reference makes them. */
export function randomVethName(): string {
	// Collisions are detected, so it need not be unpredictable.
	return `veth${Math.floor(Math.random() * 2 ** 32)
		.toString(16)
		.padStart(8, "0")}`;
}
