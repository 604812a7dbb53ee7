package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func queues() board {
	return board{
		name: "queues", title: "Queues and workers",
		about: "What waits, for how long, and who works on it.",
		rows: []row{
			{"Queues", []panel{
				{
					title: "Unfinished jobs", unit: units.Short, stacked: true,
					help: "parked ones wait for a limit of their owner or key and not for a worker. queued ones that only " +
						"grow: too few workers, or jobs that take longer than they did.",
					queries: []query{{`max by (queue, state) (rohrpost_queue_jobs)`, "{{queue}} {{state}}"}},
				},
				{
					title: "Oldest waiting job", unit: units.Seconds, runbook: "QueueWaits",
					help:    "How long it has been due. A straight line up: nobody takes jobs of that queue.",
					queries: []query{{`max by (queue) (rohrpost_queue_oldest_seconds)`, "{{queue}}"}},
				},
				{
					title: "Dead jobs", unit: units.Short, runbook: "DeadJobsRise",
					help:    "Failed for good, and nobody has discarded them. `rohrpost admin dead-letters groups` tells why.",
					queries: []query{{`max by (queue) (rohrpost_queue_dead_jobs)`, "{{queue}}"}},
				},
			}},
			{"Workers", []panel{
				{
					title: "Slots", unit: units.Short, runbook: "NoWorker",
					help: "Jobs that the living workers can run at once, by queue: one worker serves several. A queue " +
						"without slots has no worker.",
					queries: []query{{`max by (queue) (rohrpost_queue_slots)`, "{{queue}}"}},
				},
				{
					title: "Running jobs", unit: units.Short, stacked: true,
					help:    "By process. At the slots of a worker it is full.",
					queries: []query{{`sum by (job, instance) (rohrpost_jobs_running)`, "{{job}} {{instance}}"}},
				},
				{
					title: "Paused queues", unit: units.BoolYesNo, most: 1,
					help:    "Somebody paused them; `rohrpost admin queues resume QUEUE` undoes it.",
					queries: []query{{`max by (queue) (rohrpost_queue_paused)`, "{{queue}}"}},
				},
			}},
			{"Groups of workers", []panel{
				{
					title: "Workers wanted", unit: units.Short, runbook: "TooFewWorkers",
					help: "By group, beside those that live. `rohrpost admin scaling` has the reason in words.",
					queries: []query{
						{`max by (group) (rohrpost_workers_desired)`, "{{group}} wanted"},
						{`max by (group) (rohrpost_workers_living)`, "{{group}} living"},
					},
				},
				{
					title: "Who serves which queue", unit: units.Short,
					help:    "Weights of the queues of each group of workers; a queue without a line is served by none.",
					queries: []query{{`max by (job, queue) (rohrpost_worker_queue_weight)`, "{{job}}: {{queue}}"}},
				},
			}},
			{"Flow", []panel{
				{
					title: "Enqueued", unit: units.OpsPerSecond, stacked: true,
					help:    "Committed jobs by kind. What comes in faster than it is started, waits.",
					queries: []query{{`sum by (kind) (rate(rohrpost_jobs_enqueued_total[$__rate_interval]))`, "{{kind}}"}},
				},
				{
					title: "Started", unit: units.OpsPerSecond, stacked: true,
					help:    "Attempts by kind, repeated ones included.",
					queries: []query{{`sum by (kind) (rate(rohrpost_jobs_started_total[$__rate_interval]))`, "{{kind}}"}},
				},
				{
					title: "Ended", unit: units.OpsPerSecond, stacked: true,
					help:    "By outcome. retried: see the log for the cause. snoozed is part of the plan.",
					queries: []query{{`sum by (outcome) (rate(rohrpost_jobs_ended_total[$__rate_interval]))`, "{{outcome}}"}},
				},
			}},
			{"Time", []panel{
				{
					title: "From due to running", unit: units.Seconds, runbook: "QueueWaits",
					help:    "By kind. An idle installation starts a job within some milliseconds.",
					queries: quantiles("rohrpost_jobs_wait_seconds", "kind"),
				},
				{
					title: "From running to the end", unit: units.Seconds,
					help:    "By kind, one attempt. A dot leads to its trace, which shows what took the time.",
					queries: quantiles("rohrpost_jobs_run_seconds", "kind"),
				},
				{
					title: "Lateness of schedules", unit: units.Seconds, runbook: "SchedulesAreLate",
					help:    "From a tick to the start of its job. Seconds: the schedulers are busy. More: none ran for a while.",
					queries: quantiles("rohrpost_schedule_lateness_seconds", ""),
				},
			}},
			{"Trouble", []panel{
				{
					title: "Crashes", unit: units.Short, runbook: "WorkersDie",
					help:    "Jobs found running on a dead worker in 15 minutes, by kind. Look for the killer of processes in the machine's log.",
					queries: []query{{`sum by (kind) (increase(rohrpost_jobs_crashes_total[15m]))`, "{{kind}}"}},
				},
				{
					title: "Lost and found", unit: units.Short,
					help: "Jobs that Redis had lost and that were dispatched again, in 15 minutes: after a restart or a wipe of " +
						"Redis. At any other time it forgets: look at its maxmemory-policy, which has to be noeviction.",
					queries: []query{{`sum(increase(rohrpost_jobs_lost_total[15m]))`, "lost"}},
				},
				{
					title: "Dispatched", unit: units.OpsPerSecond,
					help: "Jobs handed to Redis. Far more than are started: the same jobs are handed over again and again.",
					queries: []query{
						{`sum(rate(rohrpost_jobs_dispatched_total[$__rate_interval]))`, "dispatched"},
						{`sum(rate(rohrpost_jobs_started_total[$__rate_interval]))`, "started"},
					},
				},
			}},
		},
	}
}
