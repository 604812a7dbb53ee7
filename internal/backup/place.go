package backup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"rohrpost/internal/fault"
)

// place is a database, for us and for PostgreSQL's programs.
type place struct {
	config *pgx.ConnConfig
	tls    []string // what the address says of TLS, as variables of libpq
}

var tlsParams = regexp.MustCompile(`(?:^|[?&\s])(sslmode|sslrootcert|sslcert|sslkey)\s*=\s*'?([^&'\s]+)`)

// parsePlace reads the address of a database, as a URL or as key=value.
func parsePlace(address string) (place, error) {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return place{}, fault.New(fault.Invalid, "This is not the address of a database.") // err may quote a password
	}
	p := place{config: cfg.ConnConfig}
	for _, m := range tlsParams.FindAllStringSubmatch(address, -1) {
		value := m[2]
		if plain, err := url.QueryUnescape(value); err == nil && strings.Contains(address, "://") {
			value = plain
		}
		p.tls = append(p.tls, "PG"+strings.ToUpper(m[1])+"="+value)
	}
	return p, nil
}

// database is another database of the same server.
func (p place) database(name string) place {
	p.config = p.config.Copy()
	p.config.Database = name
	return p
}

func (p place) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, p.config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", p.config.Database, err)
	}
	return conn, nil
}

// env is how PostgreSQL's programs find the database: by variables, since arguments can be read by everybody on the
// machine. Nothing else of ours concerns them.
func (p place) env() []string {
	var hosts, ports []string
	seen := map[string]bool{}
	add := func(host string, port uint16) {
		if at := net.JoinHostPort(host, strconv.Itoa(int(port))); !seen[at] {
			seen[at] = true
			hosts, ports = append(hosts, host), append(ports, strconv.Itoa(int(port)))
		}
	}
	add(p.config.Host, p.config.Port)
	for _, f := range p.config.Fallbacks { // further servers, or the same one without TLS
		add(f.Host, f.Port)
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LC_ALL=C", "TZ=UTC", "PGCLIENTENCODING=UTF8",
		"PGHOST=" + strings.Join(hosts, ","), "PGPORT=" + strings.Join(ports, ","),
		"PGUSER=" + p.config.User, "PGPASSWORD=" + p.config.Password, "PGDATABASE=" + p.config.Database,
		"PGCONNECT_TIMEOUT=10", "PGAPPNAME=rohrpost backup",
	}
	for _, name := range []string{"PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"} {
		if value := os.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return append(env, p.tls...) // the last one counts
}

// serverVersion is the version of the server, as 15, and in full.
func serverVersion(ctx context.Context, conn *pgx.Conn) (major int, full string, err error) {
	var number int
	err = conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_version')").
		Scan(&number, &full)
	if err != nil {
		return 0, "", fmt.Errorf("version of the server: %w", err)
	}
	full, _, _ = strings.Cut(full, " ")
	return number / 10000, full, nil
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
