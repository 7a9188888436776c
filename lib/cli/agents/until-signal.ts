/** Ends the signal that it hands over when systemd or a terminal asks the process to end: SIGTERM, SIGINT. */
export async function untilSignal(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
	const controller = new AbortController();
	const end = () => controller.abort();
	const signals = ["SIGTERM", "SIGINT"] as const;
	for (const signal of signals) process.on(signal, end);
	try {
		await work(controller.signal);
	} finally {
		for (const signal of signals) process.off(signal, end);
	}
}
