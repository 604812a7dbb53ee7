// Package devstack starts private servers for one process: PostgreSQL, Redis, clamd and Ollama, from the programs that
// are installed, on free loopback ports, with everything they write under one folder. `rohrpost dev` runs on it, and so
// do the tests: the same code, so what a developer sees is what the tests prove.
//
//	stack, err := devstack.Open(dir, log)       // "" takes a temporary folder that Close removes
//	defer stack.Close()                         // stops everything, the last started first
//	pg, err := stack.StartPostgres(ctx, devstack.PostgresOptions{Durable: true})
//	pool, err := db.Open(ctx, db.Config{URL: pg.URL()})
//
// Each server is a [Process]: it can be stopped and started again on the same port with the same data, which is how the
// fault tests take a server away. Servers end with the process that started them, even when that is killed with
// SIGKILL (see [spawn.Thread]), and a folder belongs to one process at a time.
//
// As root, PostgreSQL and clamd run as the users postgres and clamav; otherwise everything runs as the caller.
package devstack
