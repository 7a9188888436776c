/**
 * Why etcd did not do what was asked.
 *
 * `away`: nobody answers, or etcd has no quorum: another time it may work. `refused`: it answers and says no, or is not who
 * it should be: somebody has to change something.
 */
export class EtcdError extends Error {
	override readonly name = "EtcdError";
	readonly kind: "away" | "refused";
	/** What would help. */
	readonly details: string;
	/** The request was sent, so that etcd may have carried it out, or may do so yet. */
	readonly unsure: boolean;

	constructor(
		message: string,
		{ kind, details = "", unsure = false }: { kind: EtcdError["kind"]; details?: string; unsure?: boolean },
	) {
		super(message);
		this.kind = kind;
		this.details = details;
		this.unsure = unsure;
	}
}
