// Package queue is the job engine: durable jobs in PostgreSQL, carried to workers by Asynq on Redis.
//
// PostgreSQL holds the record of every job and takes every decision. Redis carries only the job's id and epoch (a claim
// check), so wiping it loses nothing. A job moves through these states, and only through the guarded updates in
// queries/jobs.sql; zero rows updated means that somebody else owns the job, and the caller stops.
//
//	                 retry, snooze, hand-back, crash
//	              ┌─────────────────────────────────────┐
//	              ▼                                     │
//	enqueue ─▶ queued ── dispatch ▶ (Redis) ─ claim ─▶ running ──▶ succeeded
//	              ▲ │                                   │ │
//	              │ └─────────────▶ cancelled ◀─────────┘ └──────▶ failed
//	              │                     │                            │
//	              └──────── rerun ──────┴────────────────────────────┘
//
// Each job carries an epoch, its fencing token. It grows whenever the job leaves the hands it was in without their
// doing: the worker died, Redis lost the task, the job was parked, handed back or rerun. What the former holder still
// writes (outcome, progress, tokens) names the old epoch and is refused.
//
// Asynq's task id is "<job id>:<epoch>", so dispatching twice is harmless. Its own retry and archive are used, so that
// Asynqmon shows what goes on, but a task that comes back is only run if PostgreSQL lets it be claimed.
//
// What concurrent jobs ask of PostgreSQL and Redis goes together where it can (package batch, together.go), and tasks
// travel by package express, which wakes the workers. With [Config.Plain] each job goes by itself; no guarantee depends on
// it.
//
// A queue's line in Redis is short, and shared out in turns among owners: what waits in PostgreSQL is taken that way, and
// gets its place in the line that way (turns.go). An owner with nothing in line is let in also where it is full.
//
// Where nobody waits, a job goes straight: it counts as dispatched from its insert on, and is handed over once that is
// committed (look.go). Others are marked by the look that takes them.
//
// Where PostgreSQL's disk is waited for: the enqueuing, and every end of an attempt. A claim or a dispatch mark may be
// forgotten by a crash of PostgreSQL in the next half second. The job is then claimed again; the run that was forgotten ends
// at its worker's next heartbeat, and what it writes to the record until then is refused, since its started_at isn't the one
// on record. Until then it counts against no limit, and should it take the machine down, as no crash.
//
// What is told live is what is on record already, so that the first states of a job that nobody follows are left out
// (publish.go). Readers look at the record once they have subscribed.
//
// The parts: [Enqueue] writes the record inside the caller's transaction. [Engine] dispatches committed jobs, cancels,
// and finds what was lost. [Runner] claims, runs and settles inside a worker.
package queue
