package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func streams() board {
	return board{
		name: "streams", title: "Streams",
		about: "Live events on their way to clients.",
		rows: []row{
			{"Load", []panel{
				{
					title: "Open streams", unit: units.Short, stacked: true,
					help:    "By process. All fall at once: a process ended, or a proxy hung up; clients come back within a second.",
					queries: []query{{`sum by (job, instance) (rohrpost_stream_open)`, "{{job}} {{instance}}"}},
				},
				{
					title: "Events", unit: units.EventsPerSecond,
					help:    "Handed to streams, replayed ones included.",
					queries: []query{{`sum by (job) (rate(rohrpost_stream_events_total[$__rate_interval]))`, "{{job}}"}},
				},
			}},
			{"Are they in time", []panel{
				{
					title: "Lag", unit: units.Seconds, runbook: "StreamsLag",
					help: "From the append of a live event to its write to the client. Some milliseconds; if the slow end alone " +
						"rises, single clients are slow; if the median does, Redis or the api process is busy.",
					queries: quantiles("rohrpost_stream_lag_seconds", ""),
				},
				{
					title: "Why streams end", unit: units.OpsPerSecond, stacked: true,
					help: "over and gone are the usual ones. slow: clients were cut off and resume; if there are many, events are " +
						"larger than their connections take. failed: see the lines `stream` of the log.",
					queries: []query{{`sum by (cause) (rate(rohrpost_stream_ended_total[$__rate_interval]))`, "{{cause}}"}},
				},
				{
					title: "Reloads", unit: units.OpsPerSecond,
					help: "Clients told to read the record, as events were missing: after Redis lost its memory, or when they were away " +
						"for longer than the log goes back.",
					queries: []query{{`sum(rate(rohrpost_stream_reloads_total[$__rate_interval]))`, "reloads"}},
				},
			}},
		},
	}
}
