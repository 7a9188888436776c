/** The hidden command of `cnictl` that is the launcher. By itself, because every plugin reads this file at its start. */
export const launcherCommand = "task-launcher";
