import { CniError, ErrorCode } from "../../../cni/error.ts";

/** @throws CniError when the transaction found something else than was seen */
export async function done(transaction: Promise<boolean>): Promise<void> {
	if (await transaction) return;
	throw new CniError(ErrorCode.tryAgainLater, "Cannot put it right: it has changed in this moment", {
		details: "Look again",
	});
}
