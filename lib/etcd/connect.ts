import { parseAddress } from "../ip/address.ts";
import { connectTcp } from "../linux/tcp.ts";
import { AttemptError, type Connect } from "./post.ts";

/** Connects to a member by TCP. */
export const connectPlain: Connect = ({ host, port }, deadline) => {
	const address = parseAddress(host);
	if (address === undefined) throw new AttemptError(`"${host}" is no IP address`, { sent: false });
	return connectTcp(address, { port, deadline });
};
