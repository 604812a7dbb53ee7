package devstack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	postgresUser        = "rohrpost" // the cluster's superuser, and the name of the first database
	postgresConnections = 300        // several processes' pools and the tests' own connections
	postgresWithin      = 60 * time.Second
	postgresGrace       = 20 * time.Second // a fast shutdown writes a checkpoint
)

// PostgresOptions says what kind of PostgreSQL to start.
type PostgresOptions struct {
	// Durable keeps what was committed through a crash, as in production. Off, the server is faster and its data is
	// worth nothing after one: for tests.
	Durable bool
	// CountStatements turns on pg_stat_statements, where its library is installed.
	CountStatements bool
	// MaxConnections bounds the server's connections; 0 takes 300.
	MaxConnections int
}

// Postgres is a private PostgreSQL. Only TCP on 127.0.0.1, only with its password: other users of the machine stay out.
type Postgres struct {
	*Process
	password string
}

// StartPostgres makes a cluster in the stack's folder, unless one is there from an earlier run, and starts it. Without
// an installed PostgreSQL the error is a *NotInstalledError.
func (s *Stack) StartPostgres(ctx context.Context, opts PostgresOptions) (*Postgres, error) {
	as, err := accountOf("postgres")
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	name := s.name("postgres")
	home, err := s.home(name, as)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	c := cluster{stack: s, home: home, data: filepath.Join(home, "data"), as: as, durable: opts.Durable}
	if c.bin, err = postgresFor(c.data); err != nil {
		return nil, err
	}
	password, err := c.ensure(ctx, filepath.Join(s.dir, name+".password"))
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	pg := &Postgres{password: password}
	pg.Process = &Process{
		stack: s, name: name, folder: home, as: as, within: postgresWithin, grace: postgresGrace,
		// SIGINT ends sessions and shuts down in order; SIGQUIT gives up order, for what ignores the first.
		stops:   []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT},
		command: func(port int) (*exec.Cmd, error) { return c.command(port, opts) },
		probe:   pg.answers,
	}
	if err := s.add(pg); err != nil {
		return nil, err
	}
	if err := pg.Start(ctx); err != nil {
		return nil, err
	}
	if err := pg.ensureDatabase(ctx); err != nil {
		return nil, err
	}
	if opts.CountStatements && c.countsStatements() {
		return pg, pg.ensureStatements(ctx)
	}
	return pg, nil
}

// URL is the address of the database `rohrpost`, with the superuser's name and password.
func (p *Postgres) URL() string { return p.DatabaseURL(postgresUser) }

// DatabaseURL is URL for another database of the same server.
func (p *Postgres) DatabaseURL(database string) string {
	return postgresURL(p.password, p.Address(), database)
}

func postgresURL(password, address, database string) string {
	return "postgres://" + postgresUser + ":" + password + "@" + address + "/" + database + "?sslmode=disable"
}

// answers asks the database `postgres`, which is always there.
func (p *Postgres) answers(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, postgresURL(p.password, address, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // only read
	_, err = conn.Exec(ctx, "SELECT 1")
	return err
}

func (p *Postgres) ensureDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, postgresWithin)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // everything is committed
	var found bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", postgresUser).Scan(&found)
	if err == nil && !found {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+postgresUser)
	}
	if err != nil {
		return fmt.Errorf("postgres: database %s: %w", postgresUser, err)
	}
	return nil
}

// command is the server itself. It gets a plain environment: PGPORT and its like in ours would be taken as settings.
func (c *cluster) command(port int, opts PostgresOptions) (*exec.Cmd, error) {
	if err := c.dropStalePid(); err != nil {
		return nil, err
	}
	connections := opts.MaxConnections
	if connections == 0 {
		connections = postgresConnections
	}
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(port),
		"unix_socket_directories=", // a socket's path is limited to 107 bytes, a private folder's is not
		"max_connections=" + strconv.Itoa(connections),
		// Inside the folder: a killed server leaves nothing in /dev/shm, which containers keep small besides.
		"dynamic_shared_memory_type=mmap",
		"timezone=UTC", "log_timezone=UTC",
	}
	if opts.CountStatements && c.countsStatements() {
		settings = append(settings, statementSettings...)
	}
	if !opts.Durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	args := []string{"-D", c.data}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	cmd := exec.Command(filepath.Join(c.bin, "postgres"), args...) //nolint:gosec // an installed program
	cmd.Env = c.environ()
	return cmd, nil
}

func (c *cluster) environ() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.home, "LC_ALL=C.UTF-8", "TZ=UTC"}
}
