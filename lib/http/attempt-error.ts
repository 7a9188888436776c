/** Why the other side gave no answer. */
export class AttemptError extends Error {
	override readonly name = "AttemptError";
	/** The request, or a part of it, has left. */
	readonly sent: boolean;
	/** It is not the other side that is away, but we or it that is not who it should be: what would help. */
	readonly refusal: string | undefined;

	constructor(cause: string, { sent, refusal }: { sent: boolean; refusal?: string }) {
		super(cause);
		this.sent = sent;
		this.refusal = refusal;
	}
}
