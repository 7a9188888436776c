import { compileStarter } from "./starter.ts";
import { removeAbandonedWorlds } from "./world.ts";

/** Runs once before all tests (jest's globalSetup): a run that was killed earlier may have left worlds behind. */
export default function setup(): void {
	compileStarter();
	if (process.getuid?.() === 0) removeAbandonedWorlds();
}
