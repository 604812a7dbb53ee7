// Package tuning makes models: by tuning at a service that speaks OpenAI's API, with a dataset of ours, and at the Ollama
// server from a model that it has, with a system text and parameters.
//
//	Start            Tune: upload            create the job         look, snooze, look …
//	request ─▶ queued ──────▶ uploading ──────▶ creating ──────▶ tuning ──────▶ succeeded: a known model
//	             ▲                │                 │               │
//	             └─ a rerun: ─────┴─────────────────┴───────────────┴──▶ failed, cancelled
//	                a new round
//
// The service knows no transactions. So each step is on record before it is taken and after it, and between the two lies a
// window in which the service may have done something that we were not told of. A run that finds the first record and not
// the second looks at the service before it does anything again: for files by their name, for the job by its metadata and
// its training file, both made of the tuning's id and round (see ref). What an answer was lost of may still be under way,
// so it waits first, for Config.Settle since it asked. A second job is started only if a service takes longer than that
// between taking a request and showing what came of it, or if a worker was frozen for longer right before it asked.
//
// Between two looks the job waits in the queue and no worker waits with it. The service's events are put on record as they
// are found and told on the job's live stream from there, each once under a key of its own. A service that is away while it
// tunes costs no attempt: it is asked again, more and more seldom, until Config.Deadline.
//
// Whatever ends a tuning enqueues, in the same transaction, a [tasks.EndTuning] that stops the job at the service if there
// is one and deletes what was uploaded, however long the service is away.
package tuning
