import { errorText } from "./error.ts";
import type { Log } from "./log.ts";
import type { Rollback } from "./plugin.ts";

interface Step {
	readonly what: string;
	readonly undo: () => void | Promise<void>;
}

/** The undo steps of one ADD. */
export interface RollbackStack extends Rollback {
	/** Undoes everything registered, the last first. An undo that fails is logged, and the next one still runs. */
	undoAll(log: Log): Promise<void>;
}

export function createRollback(): RollbackStack {
	const steps: Step[] = [];
	return {
		push(what, undo) {
			steps.push({ what, undo });
		},
		async undoAll(log) {
			for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
				try {
					await step.undo();
				} catch (thrown) {
					log.warn(`Cannot undo "${step.what}": ${errorText(thrown)}. DEL will try again`);
				}
			}
		},
	};
}
