// Package trial measures one job engine. It knows nothing of the engines but [Subject], and imports none of them: the
// programs that compare other engines link it from modules of their own, see [Serve].
//
// Every job is a no-op, so that what is measured is the way of a job and not its work. Load generator and worker share
// one process and the machine's cores; worker processes serve six queues, and all jobs are in the first.
//
//   - enqueue: eight clients, one job a transaction, each as soon as its last one is durable.
//   - enqueue many: one client, in batches as large as the engine likes them.
//   - drain: jobs are enqueued first, then a worker runs until the last has ended.
//   - idle: one job at a time, after a short pause; from before its enqueuing to the first line of the handler.
//   - rest: what a worker without jobs costs: processor time of its process and of the servers, commands to Redis.
//   - load: as idle, at half of what enqueuing and working sustain together, by an open loop: a late start is not
//     forgiven by enqueuing later.
//   - neighbour: one owner has a backlog; how long the job of another owner waits for its start meanwhile.
//
// Latencies go through HDR histograms of microseconds with three digits.
package trial
