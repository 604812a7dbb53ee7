package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func ai() board {
	return board{
		name: "ai", title: "AI",
		about: "What models are asked, how fast they answer, and what goes wrong.",
		rows: []row{
			{"Questions", []panel{
				{
					title: "Generations by status", unit: units.OpsPerSecond, stacked: true, runbook: "ModelServerDown",
					help: "unavailable, timeout: the model server is away or stuck. model_not_found: somebody asks for a model " +
						"that is not installed. cancelled is what users do.",
					queries: []query{{`sum by (status) (rate(ai_requests_total[$__rate_interval]))`, "{{status}}"}},
				},
				{
					title: "Share that fails, by model", unit: units.PercentUnit, most: 1, runbook: "ModelServerDown",
					help: "Without those that were cancelled.",
					queries: []query{{`sum by (model) (rate(ai_requests_total{status!~"ok|cancelled"}[$__rate_interval]))
  / sum by (model) (rate(ai_requests_total[$__rate_interval]))`, "{{model}}"}},
				},
				{
					title: "Under way and waiting", unit: units.Short, runbook: "QueueWaits",
					help: "A model answers few questions at a time; the others wait parked. Another model server, or a smaller " +
						"model, shortens the line.",
					queries: []query{
						{`sum(ai_running)`, "under way"},
						{`max by (state) (rohrpost_queue_jobs{queue="ai",state!="running"})`, "{{state}}"},
					},
				},
			}},
			{"Speed", []panel{
				{
					title: "Time to the first text", unit: units.Seconds,
					help: "Loading the model included: seconds after a pause are the model coming into memory (keep_alive of " +
						"Ollama). Always: prompts are long, or the machine is small.",
					queries: quantiles("ai_time_to_first_token_seconds", "model"),
				},
				{
					title: "Time of an answer", unit: units.Seconds,
					help:    "From the question put to the model to the end of its answer.",
					queries: quantiles("ai_request_duration_seconds", "model"),
				},
				{
					title: "Tokens a second within an answer", unit: units.CountsPerSecond,
					help:    "Median by model. It falls when several models share the machine.",
					queries: []query{{quantile("0.5", "ai_tokens_per_second", "model"), "{{model}}"}},
				},
			}},
			{"Use", []panel{
				{
					title: "Tokens", unit: units.CountsPerSecond, stacked: true,
					help:    "Read (prompt) and written (completion), all answers together.",
					queries: []query{{`sum by (model, direction) (rate(ai_tokens_total[$__rate_interval]))`, "{{model}} {{direction}}"}},
				},
				{
					title: "Looks at the list of models", unit: units.OpsPerSecond,
					help:    "Answered by the cache, or by asking the model server. Mostly by the server: few people look.",
					queries: []query{{`sum by (from) (rate(ai_model_lists_total[$__rate_interval]))`, "{{from}}"}},
				},
				{
					title: "The model server's answer to a probe", unit: units.Seconds, runbook: "ModelServerDown",
					help:    "2 s and the server counts as away.",
					queries: []query{{`max by (job) (rohrpost_dependency_response_seconds{dependency="ollama"})`, "{{job}}"}},
				},
			}},
		},
	}
}
