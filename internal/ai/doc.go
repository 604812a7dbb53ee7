// Package ai puts people's questions to language models on an Ollama server, or at the service where they were tuned.
// [Service.Ask] records a question and enqueues it in one transaction; [Service.Infer], in a worker, streams the answer
// token by token and records it together with the job's outcome.
//
// The model server is the weakest part of the chain, so nothing about it is believed: an answer counts only if the server
// said that it is done; the time to the first chunk and between two chunks is bounded; a model that keeps failing rests
// for a while (its breaker is open) instead of costing each job its full timeout; and a stopped generation is left at a
// moment that doesn't wedge the server (see leave.go).
//
// An attempt that fails after its first tokens is run again from the start, as a model can't be told to go on from the
// middle. Its tokens are new then, and so clients drop the text they have when an event `state` with state "running"
// arrives on the job's stream: the engine publishes one at the start of each attempt, before any token of it.
package ai
