package history

// Runs is the number of saved runs.
const Runs = maxRuns
