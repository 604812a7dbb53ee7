package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

func servers() board {
	return board{
		name: "servers", title: "Database and Redis",
		about: "The servers that everything stands on, and our connections to them.",
		rows: []row{
			{"Are they there", []panel{
				{
					title: "Answers", unit: units.BoolYesNo, most: 1, runbook: "DatabaseDown",
					help: "By who asks, at each scrape.",
					queries: []query{{`min by (dependency, job) (rohrpost_dependency_up{dependency=~"postgresql|redis"})`,
						"{{dependency}} for {{job}}"}},
				},
				{
					title: "Time of an answer to a probe", unit: units.Seconds, runbook: "RedisDown",
					help: "Milliseconds at most. PostgreSQL's has the wait for a free connection in it; Redis's rises when somebody " +
						"runs a slow command (`redis-cli slowlog get`).",
					queries: []query{{`max by (dependency, job) (rohrpost_dependency_response_seconds{dependency=~"postgresql|redis"})`,
						"{{dependency}} for {{job}}"}},
				},
			}},
			{"Statements", []panel{
				{
					title: "Statements", unit: units.OpsPerSecond,
					help: "The ten most frequent, by name in the folder queries.",
					queries: []query{{`topk(10, sum by (statement) (rate(rohrpost_db_statement_duration_seconds_count[$__rate_interval])))`,
						"{{statement}}"}},
				},
				{
					title: "Where the time goes", unit: units.Short,
					help: "Seconds of statements a second, the ten greatest: connections that each keeps busy. " +
						"`rohrpost admin queries` has the server's own view.",
					queries: []query{{`topk(10, sum by (statement) (rate(rohrpost_db_statement_duration_seconds_sum[$__rate_interval])))`,
						"{{statement}}"}},
				},
				{
					title: "Slow end", unit: units.Seconds,
					help:    "p99, the ten slowest. A dot leads to a trace. One of them: look at its plan. All: the server's disk or cores.",
					queries: []query{{"topk(10, " + quantile("0.99", "rohrpost_db_statement_duration_seconds", "statement") + ")", "{{statement}}"}},
				},
			}},
			{"Trouble with statements", []panel{
				{
					title: "Slow ones", unit: units.OpsPerSecond,
					help:    "Over DATABASE_SLOW_AFTER. The log has each with its caller.",
					queries: []query{{`sum by (statement) (rate(rohrpost_db_statements_slow_total[$__rate_interval]))`, "{{statement}}"}},
				},
				{
					title: "Failed ones", unit: units.OpsPerSecond,
					help:    "By name; a job that was stopped, or a key that is there already, is among them.",
					queries: []query{{`sum by (statement) (rate(rohrpost_db_statements_failed_total[$__rate_interval]))`, "{{statement}}"}},
				},
				{
					title: "Prepared anew", unit: units.OpsPerSecond,
					help: "Misses of the connections' caches. It belongs to new connections; if it stays high, raise " +
						"DATABASE_STATEMENT_CACHE or find what writes its statements anew each time.",
					queries: []query{{`sum by (job) (rate(rohrpost_db_statements_prepared_total[$__rate_interval]))`, "{{job}}"}},
				},
				{
					title: "Deadlocks", unit: units.Short,
					help:    "In an hour. The server's log has both statements.",
					queries: []query{{`max(increase(rohrpost_db_server_deadlocks_total[1h]))`, "deadlocks"}},
				},
			}},
			{"Connections to PostgreSQL", []panel{
				{
					title: "By state", unit: units.Short, stacked: true, runbook: "DatabasePoolExhausted",
					help:    "acquired ones that stay at the limit of a process: see Waits.",
					queries: []query{{`sum by (job, state) (rohrpost_db_pool_connections)`, "{{job}} {{state}}"}},
				},
				{
					title: "Waits", unit: units.Seconds, runbook: "DatabasePoolExhausted",
					help: "Mean time that a call waited for a connection. It rises before calls are refused: find what holds " +
						"connections, or raise DATABASE_MAX_CONNS while the server has idle cores.",
					queries: []query{{`sum by (job) (rate(rohrpost_db_pool_wait_seconds_total[$__rate_interval]))
  / sum by (job) (rate(rohrpost_db_pool_acquires_total[$__rate_interval]))`, "{{job}}"}},
				},
				{
					title: "Waits without an end", unit: units.OpsPerSecond, runbook: "DatabasePoolExhausted",
					help: "refused ones took longer than DATABASE_WAIT; abandoned ones are these and those whose caller left.",
					queries: []query{
						{`sum by (job) (rate(rohrpost_db_pool_refused_total[$__rate_interval]))`, "{{job}} refused"},
						{`sum by (job) (rate(rohrpost_db_pool_abandoned_total[$__rate_interval]))`, "{{job}} abandoned"},
						{`sum by (job) (rate(rohrpost_db_pool_waits_total[$__rate_interval]))`, "{{job}} waited"},
					},
				},
				{
					title: "Opened and closed", unit: units.OpsPerSecond,
					help: "closed by lifetime once an hour each. Opened all the time: DATABASE_MIN_CONNS is too low for the load, " +
						"or the server hangs up.",
					queries: []query{
						{`sum by (job) (rate(rohrpost_db_pool_opened_total[$__rate_interval]))`, "{{job}} opened"},
						{`sum by (job, cause) (rate(rohrpost_db_pool_closed_total[$__rate_interval]))`, "{{job}} {{cause}}"},
					},
				},
			}},
			{"The PostgreSQL server", []panel{
				{
					title: "Connections", unit: units.Short, runbook: "DatabasePoolExhausted",
					help: "Of all clients, and the most it takes. At the top nobody gets in, administrators neither.",
					queries: []query{
						{`max(rohrpost_db_server_connections)`, "connections"},
						{`max(rohrpost_db_server_max_connections)`, "most"},
					},
				},
				{
					title: "Pages found in memory", unit: units.PercentUnit, most: 1,
					help: "Of those read of our database. Below 99 % for long: give shared_buffers more memory, or find the " +
						"statement that reads a whole table.",
					queries: []query{{`sum(max by (from) (rate(rohrpost_db_server_pages_total{from="memory"}[$__rate_interval])))
  / sum(max by (from) (rate(rohrpost_db_server_pages_total[$__rate_interval])))`, "memory"}},
				},
				{
					title: "Size of the database", unit: units.BytesIEC,
					help:    "It follows what is kept and for how long; see docs/cleanup.md.",
					queries: []query{{`max(rohrpost_db_server_bytes)`, "size"}},
				},
			}},
			{"Connections to Redis", []panel{
				{
					title: "Redis connections by state", unit: units.Short, stacked: true, runbook: "RedisPoolExhausted",
					help:    "Subscriptions are not among them.",
					queries: []query{{`sum by (job, state) (rohrpost_redis_pool_connections)`, "{{job}} {{state}}"}},
				},
				{
					title: "Taken from the pool", unit: units.OpsPerSecond,
					help:    "hit: one was free. Misses all the time: the pool is too small, or connections are closed too soon.",
					queries: []query{{`sum by (from) (rate(rohrpost_redis_pool_acquires_total[$__rate_interval]))`, "{{from}}"}},
				},
				{
					title: "Waits for a connection to Redis", unit: units.Seconds, runbook: "RedisPoolExhausted",
					help: "Mean time of a wait for a connection, and waits that were too long.",
					queries: []query{
						{`sum by (job) (rate(rohrpost_redis_pool_wait_seconds_total[$__rate_interval]))
  / (sum by (job) (rate(rohrpost_redis_pool_waits_total[$__rate_interval])) > 0)`, "{{job}}"},
						{`sum by (job) (rate(rohrpost_redis_pool_refused_total[$__rate_interval]))`, "{{job}} refused a second"},
					},
				},
				{
					title: "Closed", unit: units.OpsPerSecond,
					help:    "Too old, or idle for too long.",
					queries: []query{{`sum by (job) (rate(rohrpost_redis_pool_closed_total[$__rate_interval]))`, "{{job}}"}},
				},
			}},
		},
	}
}
