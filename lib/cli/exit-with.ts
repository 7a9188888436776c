/** Thrown by a command that has said everything, to end with an exit code of its own. */
export class ExitWith extends Error {
	override readonly name = "ExitWith";
	readonly exitCode: number;

	constructor(exitCode: number) {
		super(`exit ${exitCode}`);
		this.exitCode = exitCode;
	}
}
