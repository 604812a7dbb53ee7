// Package chaos breaks a private Rohrpost in every way it knows and checks that nothing was lost and nothing done twice.
//
// The processes are the real ones, started as children: apis, workers and schedulers, on a PostgreSQL, a Redis and a clamd
// of their own. Between each process and each server is a proxy that cuts, slows and swallows. Meanwhile there is work
// whose effects can be counted: transfers, each of which moves 1 from one account to another in the transaction that
// completes its job, alone or with others, and files that are uploaded over HTTP. One fault follows another, as a seed has
// it; for each the time is taken until all work that was under way has ended. At the end the books are closed, see
// [invariants].
//
// The kind of job exists in no other worker: `rohrpost chaos worker`, which the run starts, is a worker that knows it.
package chaos
