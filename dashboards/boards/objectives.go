package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func objectives() board {
	return board{
		name: "slos", title: "Service level objectives",
		about: "What is promised, and how much of the room for failure is left. The alerts go off by the same figures.",
		rows: []row{
			{"99.9 % of the requests are answered, over 30 days", []panel{
				{
					title: "Error budget left", unit: units.PercentUnit, number: true, redBelow: 0.25, runbook: "ErrorBudgetBurns",
					help: "Of the failures that 99.9 % allow in 30 days, what has not happened yet. When little is left, take no " +
						"risks until it is back.",
					queries: []query{{`1 - (sum(increase(api_requests_total{status=~"5.."}[30d])) or vector(0))
  / (0.001 * sum(increase(api_requests_total[30d])))`, "left"}},
				},
				{
					title: "Burn rate now", unit: units.Short, number: true, redFrom: 14.4, runbook: "ErrorBudgetBurns",
					help:    "1 uses up the budget in just 30 days, 14.4 in two days.",
					queries: []query{{`api:requests_failed:ratio_rate1h / 0.001`, "burn rate"}},
				},
			}},
			{"How fast the budget burns", []panel{
				{
					title: "Burn rate by window", unit: units.Short, runbook: "ErrorBudgetShrinks",
					help: "A short window alone is a hiccup; an alert goes off when a long one and a short one agree: 14.4 over 1 h " +
						"or 6 over 6 h calls somebody, 3 over 1 d or 1 over 3 d waits for the morning.",
					queries: []query{
						{`api:requests_failed:ratio_rate5m / 0.001`, "5 min"},
						{`api:requests_failed:ratio_rate1h / 0.001`, "1 h"},
						{`api:requests_failed:ratio_rate6h / 0.001`, "6 h"},
						{`api:requests_failed:ratio_rate3d / 0.001`, "3 d"},
					},
				},
				{
					title: "Requests slower than 0.5 s", unit: units.PercentUnit, runbook: "RequestsAreSlow",
					help: "Without uploads, which take as long as their content. The objective is less than 1 %.",
					queries: []query{
						{`api:requests_slow:ratio_rate5m`, "5 min"},
						{`api:requests_slow:ratio_rate1h`, "1 h"},
					},
				},
			}},
			{"Jobs, schedules and backups in time", []panel{
				{
					title: "Oldest waiting job", unit: units.PercentUnit, runbook: "QueueWaits",
					help: "How long it has been due, of the time that jobs of its queue may wait. Over 100 % the objective is missed.",
					queries: []query{{`max by (queue) (rohrpost_queue_oldest_seconds)
  / on (queue) max by (queue) (rohrpost_queue_wait_slo_seconds)`, "{{queue}}"}},
				},
				{
					title: "Lateness of schedules", unit: units.Seconds, runbook: "SchedulesAreLate",
					help:    "Less than a second, unless no scheduler ran.",
					queries: quantiles("rohrpost_schedule_lateness_seconds", ""),
				},
				{
					title: "Age of the newest proved backup", unit: units.Seconds, runbook: "BackupTooOld",
					help:    "Less than 30 hours.",
					queries: []query{{`min(rohrpost_backup_verified_age_seconds)`, "age"}},
				},
			}},
		},
	}
}
