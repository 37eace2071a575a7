package history

// Runs is how many runs are kept.
const Runs = maxRuns
