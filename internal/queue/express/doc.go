// Package express carries Asynq's tasks faster under an unmodified Asynq: a go-redis hook that knows four of Asynq's
// scripts by their keys and does their work in fewer exchanges. What it doesn't know passes through as it is.
//
//   - Taking. Asynq asks Redis for one task at a time, and an idle worker asks again after a while. The hook takes as many
//     as the worker is about to start, gives them out one by one, and when there are none waits to be woken.
//   - Handing over. Tasks enqueued at the same time go in one exchange, which also wakes the workers. A task can get a place
//     before others ([Behind]), which Asynq has no way for.
//   - Acknowledging. Tasks done at the same time go in one exchange that nobody waits for: what became of the job is on
//     record in PostgreSQL, and Asynq's recoverer finds a task whose acknowledgement was lost.
//
// Everything stays where Asynq keeps it, so Asynqmon shows what is so. Tasks that were taken and not given out are put
// back when they wait for too long and when the hook is closed.
package express
