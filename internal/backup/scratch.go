package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/internal/fault"
)

// scratchPrefix begins the names of databases that are restored into and dropped again.
const scratchPrefix = "rohrpost_scratch_"

// scratch is a database for one job.
type scratch struct {
	place
	server *pgx.Conn
	name   string
}

// makeScratch makes an empty database for a job. What a killed run of it, or of another job that does not run any more,
// has left is dropped first. drop it.
func (s *Service) makeScratch(ctx context.Context, job uuid.UUID) (*scratch, error) {
	data, err := parsePlace(s.Pool.Config().ConnString())
	if err != nil {
		return nil, err
	}
	at := data
	if s.cfg.ScratchURL != "" {
		if at, err = parsePlace(s.cfg.ScratchURL); err != nil {
			return nil, err
		}
	}
	prefix, options, err := s.scratchTerms(ctx, s.cfg.ScratchURL == "")
	if err != nil {
		return nil, err
	}
	conn, err := at.connect(ctx)
	if err != nil {
		return nil, err
	}
	sc := &scratch{server: conn, name: prefix + strings.ReplaceAll(job.String(), "-", "")}
	sc.place = at.database(sc.name)
	if err = s.dropLeftovers(ctx, conn, prefix, job); err == nil {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+sc.name+" TEMPLATE template0 "+options)
	}
	if err != nil {
		_ = conn.Close(ctx) // it has changed nothing
		if sqlState(err) == "42501" {
			return nil, fault.Wrap(err, fault.Forbidden, "The database user may not make the scratch database that a backup is "+
				"proved in: ALTER ROLE … CREATEDB allows it, or BACKUP_SCRATCH_URL names another server.")
		}
		return nil, fmt.Errorf("make a scratch database: %w", err)
	}
	return sc, nil
}

// scratchTerms are the prefix that only this database's scratch databases have, for servers that several installations
// share, and how to make one like it.
func (s *Service) scratchTerms(ctx context.Context, same bool) (prefix, options string, err error) {
	var id, encoding, collate, ctype string
	err = s.Pool.QueryRow(ctx, `SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || datname,
		pg_encoding_to_char(encoding), quote_literal(datcollate), quote_literal(datctype)
		FROM pg_database WHERE datname = current_database()`).Scan(&id, &encoding, &collate, &ctype)
	if err != nil {
		return "", "", fmt.Errorf("look at the database: %w", err)
	}
	sum := sha256.Sum256([]byte(id))
	options = "ENCODING '" + encoding + "'"
	if same { // another server may not know the locale
		options += " LC_COLLATE " + collate + " LC_CTYPE " + ctype
	}
	return scratchPrefix + hex.EncodeToString(sum[:4]) + "_", options, nil
}

func (s *Service) dropLeftovers(ctx context.Context, server *pgx.Conn, prefix string, job uuid.UUID) error {
	rows, err := server.Query(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
	if err != nil {
		return err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var jobs []uuid.UUID
	of := map[uuid.UUID]string{}
	for _, name := range found {
		if id, err := uuid.Parse(strings.TrimPrefix(name, prefix)); err == nil {
			jobs, of[id] = append(jobs, id), name
		}
	}
	running, err := s.queries.JobsRunning(ctx, s.Pool, jobs)
	if err != nil {
		return err
	}
	for _, id := range running {
		if id != job {
			delete(of, id)
		}
	}
	for _, name := range of {
		if _, err := server.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			return err
		}
	}
	return nil
}

// look reads what was restored.
func (sc *scratch) look(ctx context.Context) (got state, err error) {
	snap, err := takeSnapshot(ctx, sc.place)
	if err != nil {
		return got, err
	}
	defer snap.release(ctx)
	err = snap.look(ctx, snap.tx, func(int, int) error { return nil })
	return snap.state, err
}

// drop removes it. Should that fail, the next job does.
func (sc *scratch) drop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	_, err := sc.server.Exec(ctx, "DROP DATABASE IF EXISTS "+sc.name+" WITH (FORCE)")
	_ = sc.server.Close(ctx) // everything is committed
	if err != nil {
		return fmt.Errorf("drop the scratch database: %w", err)
	}
	return nil
}
