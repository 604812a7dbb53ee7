package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func overview() board {
	return board{
		name: "overview", title: "Overview",
		about: "How the installation is: rate, errors, duration, saturation. The other boards say more.",
		rows: []row{
			{"Now", []panel{
				{
					title: "Requests", unit: units.RequestsPerSecond, number: true,
					help:    "Answered by all api processes. None at all while users are there: look whether the api is up.",
					queries: []query{{`sum(rate(api_requests_total[$__rate_interval]))`, "requests"}},
				},
				{
					title: "Requests that fail", unit: units.PercentUnit, number: true, redFrom: 0.01, runbook: "ErrorBudgetBurns",
					help: "Share of the answers that are 5xx. See which in the row Errors.",
					queries: []query{{`sum(rate(api_requests_total{status=~"5.."}[$__rate_interval]))
  / sum(rate(api_requests_total[$__rate_interval])) or vector(0)`, "5xx"}},
				},
				{
					title: "Slow end of the requests", unit: units.Seconds, number: true, redFrom: 1, runbook: "RequestsAreSlow",
					help:    "99 of 100 requests are answered faster, uploads included. If it rises, look at Duration.",
					queries: []query{{quantile("0.99", "api_request_duration_seconds", ""), "p99"}},
				},
				{
					title: "Unfinished jobs", unit: units.Short, number: true,
					help:    "Queued, parked and running ones. If it only grows, see the board Queues and workers.",
					queries: []query{{`sum(max by (queue, state) (rohrpost_queue_jobs)) or vector(0)`, "jobs"}},
				},
				{
					title: "Living workers", unit: units.Short, number: true, redBelow: 1, runbook: "NoWorker",
					help:    "Worker processes whose heart beats. Without one, jobs wait.",
					queries: []query{{`max(rohrpost_workers)`, "workers"}},
				},
				{
					title: "Servers that are away", unit: units.Short, number: true, redFrom: 1, runbook: "DatabaseDown",
					help:    "Of those that our processes use, as at least one of them sees it. Which: in the row Saturation.",
					queries: []query{{`count(min by (dependency) (rohrpost_dependency_up) == 0) or vector(0)`, "away"}},
				},
			}},
			{"Rate", []panel{
				{
					title: "Requests by answer", unit: units.RequestsPerSecond, stacked: true,
					help:    "4xx that rise: somebody uses the API wrongly, or guesses passwords (401, 429). 5xx: see Errors.",
					queries: []query{{`sum by (status) (rate(api_requests_total[$__rate_interval]))`, "{{status}}"}},
				},
				{
					title: "Attempts by how they ended", unit: units.OpsPerSecond, stacked: true,
					help: "Attempts of jobs. Many retried ones: something that jobs need is away. Lost ones: workers " +
						"were thought dead, as when a machine stands still.",
					queries: []query{{`sum by (outcome) (rate(rohrpost_jobs_ended_total[$__rate_interval]))`, "{{outcome}}"}},
				},
			}},
			{"Errors", []panel{
				{
					title: "Failing requests by route", unit: units.RequestsPerSecond, runbook: "ErrorBudgetBurns",
					help: "5xx only. 503: something the api stands on is away or busy. 500: a mistake of ours; the log has " +
						"its cause under the request's id.",
					queries: []query{{`sum by (method, endpoint, status) (rate(api_requests_total{status=~"5.."}[$__rate_interval]))`,
						"{{status}} {{method}} {{endpoint}}"}},
				},
				{
					title: "Jobs that fail by kind", unit: units.OpsPerSecond, runbook: "DeadJobsRise",
					help: "For good, after all attempts. Sort them by cause with `rohrpost admin dead-letters groups`.",
					queries: []query{{`sum by (kind) (rate(rohrpost_jobs_ended_total{outcome="failed"}[$__rate_interval]))`,
						"{{kind}}"}},
				},
			}},
			{"Duration", []panel{
				{
					title: "Requests by route: slow end", unit: units.Seconds, runbook: "RequestsAreSlow",
					help: "p99 by route. One route: look at its statements on the board Database and Redis. All of them: " +
						"the pool of connections, or the machine.",
					queries: []query{{quantile("0.99", "api_request_duration_seconds", "method, endpoint"), "{{method}} {{endpoint}}"}},
				},
				{
					title: "Jobs: from due to running", unit: units.Seconds, runbook: "QueueWaits",
					help:    "How long jobs wait for a worker, by kind. More workers help while they are all busy.",
					queries: quantiles("rohrpost_jobs_wait_seconds", "kind"),
				},
			}},
			{"Saturation", []panel{
				{
					title: "Servers that answer", unit: units.BoolYesNo, most: 1, runbook: "DatabaseDown",
					help: "By who asks. One that answers some processes and not others: look at the network between " +
						"them. The runbooks DatabaseDown, RedisDown, ScannerDown, ModelServerDown say what to do.",
					queries: []query{{`min by (dependency, job) (rohrpost_dependency_up)`, "{{dependency}} for {{job}}"}},
				},
				{
					title: "Busy slots", unit: units.PercentUnit, stacked: true, runbook: "QueueWaits",
					help: "Running jobs of the slots that living workers have for the queue; workers share theirs among queues. At " +
						"100 % jobs begin to wait.",
					queries: []query{{`(max by (queue) (rohrpost_queue_jobs{state="running"}) or 0 * max by (queue) (rohrpost_queue_slots))
  / on (queue) max by (queue) (rohrpost_queue_slots)`, "{{queue}}"}},
				},
				{
					title: "Connections to PostgreSQL in use", unit: units.PercentUnit, most: 1, runbook: "DatabasePoolExhausted",
					help: "Of those that a process may open. At 100 % its calls wait, and are refused after DATABASE_WAIT.",
					queries: []query{{`max by (job) (rohrpost_db_pool_connections{state="acquired"} / on (job, instance) group_left ()
  rohrpost_db_pool_max_connections)`, "{{job}}"}},
				},
			}},
			{"Processes", []panel{
				{
					title: "CPU", unit: units.Short,
					help:    "Cores in use by process. One that stands at the cores of its machine is the bottleneck.",
					queries: []query{{`sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))`, "{{job}} {{instance}}"}},
				},
				{
					title: "Memory", unit: units.BytesIEC,
					help: "Resident. It should follow the load and come back; if it only grows, take a heap profile " +
						"before the process is killed.",
					queries: []query{{`sum by (job, instance) (process_resident_memory_bytes)`, "{{job}} {{instance}}"}},
				},
				{
					title: "Goroutines", unit: units.Short,
					help:    "They come with requests, streams and jobs. If they only grow, something leaks.",
					queries: []query{{`sum by (job, instance) (go_goroutines)`, "{{job}} {{instance}}"}},
				},
			}},
			{"Mail and backups", []panel{
				{
					title: "Mails by outcome", unit: units.OpsPerSecond,
					help: "unavailable, timeout: look at the mail server; mails are tried again for a day. suppressed: " +
						"addresses that bounced before.",
					queries: []query{{`sum by (outcome) (rate(rohrpost_mail_attempts_total[$__rate_interval]))`, "{{outcome}}"}},
				},
				{
					title: "Time of a delivery", unit: units.Seconds,
					help:    "Until the mail server took a mail or refused it. Some make you wait on purpose.",
					queries: quantiles("rohrpost_mail_delivery_duration_seconds", ""),
				},
				{
					title: "Age of the newest proved backup", unit: units.Seconds, runbook: "BackupTooOld",
					help:    "It should fall once a day. Nothing is shown before the first one.",
					queries: []query{{`min(rohrpost_backup_verified_age_seconds)`, "age"}},
				},
			}},
		},
	}
}
