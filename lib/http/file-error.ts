/** What is wrong with a file that we are told to use, and would be wrong with it the next time. */
export class FileError extends Error {
	override readonly name = "FileError";
	/** What would help. */
	readonly details: string;

	constructor(message: string, details: string) {
		super(message);
		this.details = details;
	}
}
