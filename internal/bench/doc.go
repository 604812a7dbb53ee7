// Package bench measures Rohrpost beside what one could pick instead, in the same run, on the same private servers and
// the same machine, the load generator included. Figures are only worth something as ratios within one run.
//
// [Jobs] puts job engines on trial, see package trial: ours, which commits every job and every outcome to a PostgreSQL
// with fsync on; raw Asynq, which keeps them in Redis alone; and other engines by programs of their own.
package bench
