import { errnoText } from "../../linux/errno.ts";

/** A request that the kernel refused: the errno and, where it gave one, its own explanation. */
export class NetlinkError extends Error {
	override readonly name = "NetlinkError";
	readonly errno: number;
	/** The extended-ack text of the kernel, or empty. */
	readonly kernelText: string;

	constructor(errno: number, kernelText = "") {
		super(kernelText === "" ? errnoText(errno) : `${errnoText(errno)} (the kernel says: ${kernelText})`);
		this.errno = errno;
		this.kernelText = kernelText;
	}
}
