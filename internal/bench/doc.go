// Package bench measures the job engine beside raw Asynq in the same run, on the same Redis and the same machine, the
// load generator included. Figures are only worth something as ratios within one run.
//
// Every job is a no-op, so that what is measured is the way of a job and not its work:
//
//   - drain: jobs are enqueued first, then a worker runs until the last has ended; jobs per second.
//   - idle: one job at a time; from before the enqueuing transaction to the first line of the handler.
//   - loaded: the same, at half of the drain rate, by an open loop: a late start is not forgiven by enqueuing later.
//
// The engine commits every job and every outcome to a PostgreSQL with fsync on; raw Asynq keeps them in Redis alone.
package bench
