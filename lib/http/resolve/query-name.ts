import type { IpAddress } from "../../ip/address.ts";
import { askByDatagram } from "../../linux/datagram.ts";
import { addressesIn, encodeQuestion } from "./message.ts";

const port = 53;
const typeA = 1;
const typeAaaa = 28;

/** Asks a name server for the addresses of a name, IPv4 first; none when it knows of none. RFC 1035 @throws SystemError */
export function queryName(
	name: string,
	{ server, deadline }: { server: IpAddress; deadline: number },
): readonly IpAddress[] {
	return [typeA, typeAaaa].flatMap((type) => {
		const id = Math.floor(Math.random() * 0x10000);
		const question = encodeQuestion({ id, name, type });
		const accept = (answer: Uint8Array) => addressesIn(answer, { id, question, type });
		return askByDatagram({ address: server, port, deadline }, { question, accept });
	});
}
