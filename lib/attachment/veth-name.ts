/** A name for the host's end of a veth pair: `veth` and 8 random hexadecimal digits, as the reference makes them. */
export function randomVethName(): string {
	return `veth${Buffer.from(crypto.getRandomValues(new Uint8Array(4))).toString("hex")}`;
}
