/** Codes of the options that this suite knows; RFC 2132, 3004, 3397, 3442. */
export const Option = {
	pad: 0,
	subnetMask: 1,
	routers: 3,
	domainNameServers: 6,
	hostName: 12,
	domainName: 15,
	staticRoutes: 33,
	requestedAddress: 50,
	leaseTime: 51,
	overload: 52,
	messageType: 53,
	serverIdentifier: 54,
	parameterRequestList: 55,
	message: 56,
	maximumMessageSize: 57,
	renewalTime: 58,
	rebindingTime: 59,
	vendorClassIdentifier: 60,
	clientIdentifier: 61,
	userClass: 77,
	domainSearch: 119,
	classlessStaticRoutes: 121,
	end: 255,
} as const;

/** Names that configurations may use: dhcp-options(5). The first six are all that the reference knows. */
const names: Readonly<Record<string, number>> = {
	"dhcp-client-identifier": Option.clientIdentifier,
	"subnet-mask": Option.subnetMask,
	routers: Option.routers,
	"host-name": Option.hostName,
	"user-class": Option.userClass,
	"vendor-class-identifier": Option.vendorClassIdentifier,
	"domain-name-servers": Option.domainNameServers,
	"domain-name": Option.domainName,
	"domain-search": Option.domainSearch,
	"static-routes": Option.staticRoutes,
	"classless-static-routes": Option.classlessStaticRoutes,
};

export const optionNames: readonly string[] = Object.keys(names);

/** The code of an option given by name or number; undefined for what is neither. */
export function optionCode(text: string): number | undefined {
	if (Object.hasOwn(names, text)) return names[text];
	return /^\d{1,3}$/.test(text) && Number(text) <= 255 ? Number(text) : undefined;
}

/** The types of messages (option 53). */
export const MessageType = {
	discover: 1,
	offer: 2,
	request: 3,
	decline: 4,
	ack: 5,
	nak: 6,
	release: 7,
} as const;

/** Values of options by their codes. */
export type Options = ReadonlyMap<number, Uint8Array>;

/** One behind the other, by code, without the closing one. A value has 255 bytes at most. */
export function encodeOptions(options: Options): Uint8Array {
	const sorted = [...options].sort(([a], [b]) => a - b);
	const bytes = new Uint8Array(sorted.reduce((length, [, value]) => length + 2 + value.byteLength, 0));
	let offset = 0;
	for (const [code, value] of sorted) {
		if (value.byteLength > 255) throw new RangeError(`option ${code} has ${value.byteLength} bytes`);
		bytes.set([code, value.byteLength], offset);
		bytes.set(value, offset + 2);
		offset += 2 + value.byteLength;
	}
	return bytes;
}

/**
 * The options of several fields, of which the later go on where the earlier end; what an option has in several places is
 * joined (RFC 3396). An option that its field cuts off is left out.
 */
export function decodeOptions(fields: readonly Uint8Array[]): Options {
	const options = new Map<number, Uint8Array>();
	for (const field of fields) {
		for (let offset = 0; offset < field.byteLength; ) {
			const code = field[offset++] ?? Option.end;
			if (code === Option.end) break;
			if (code === Option.pad) continue;
			const length = field[offset++];
			if (length === undefined || offset + length > field.byteLength) break;
			const value = field.subarray(offset, offset + length);
			offset += length;
			const earlier = options.get(code);
			options.set(code, earlier === undefined ? value.slice() : join(earlier, value));
		}
	}
	return options;
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
	const joined = new Uint8Array(first.byteLength + second.byteLength);
	joined.set(first);
	joined.set(second, first.byteLength);
	return joined;
}
