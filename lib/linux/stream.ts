/**
 * A connection that carries bytes both ways. Every wait has an end: `deadline` is a time of `performance.now()`.
 */
export interface Stream extends Disposable {
	/** Sends all of `data`. @throws SystemError ETIMEDOUT when the deadline comes first */
	send(data: Uint8Array, deadline: number): void;
	/** Receives what has come, at least one byte; 0 when the other side has closed. @throws SystemError, as for send */
	receive(buffer: Uint8Array, deadline: number): number;
}

/** A connection that is being made. */
export interface Pending<S extends Stream> extends Disposable {
	/** Waits for it, and gives it away. Who runs into the deadline may ask again. @throws SystemError, as for send */
	finish(deadline: number): S;
}
