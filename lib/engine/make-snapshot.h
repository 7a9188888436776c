/* Runs the modules, of which "entry.js" exports `main`, and writes the snapshot. @return the exit status */
int make_snapshot(const char *path, int count, char **module_paths);
