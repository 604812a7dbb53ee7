package backup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

const (
	lockKey = 0x726f68725f626b70 // any number that nobody else takes
	// A holder that says nothing for lockIdle is frozen, and PostgreSQL ends its session: others go on.
	lockIdle  = time.Minute
	lockPulse = lockIdle / 6
)

// errBusy tells that another job has the storage of the backups in hand.
var errBusy = errors.New("another job is at the storage of the backups")

// hold is the sole right to change what is in the storage of the backups. One job at a time has it: the engine sees to
// that among jobs of one kind, and this among kinds, and where a worker that was taken for dead comes back.
type hold struct {
	context.Context // ends when the right is lost
	conn            *pgx.Conn
	stop            context.CancelCauseFunc
	pulse           sync.WaitGroup
}

// hold takes the right, or returns errBusy. release it.
func (s *Service) hold(ctx context.Context) (*hold, error) {
	at, err := parsePlace(s.Pool.Config().ConnString())
	if err != nil {
		return nil, err
	}
	conn, err := at.connect(ctx)
	if err != nil {
		return nil, err
	}
	var got bool
	_, err = conn.Exec(ctx, fmt.Sprintf("SET idle_session_timeout = %d", lockIdle.Milliseconds()))
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&got)
	}
	if err == nil && !got {
		err = errBusy
	}
	if err != nil {
		_ = conn.Close(ctx) // nothing was changed
		return nil, fmt.Errorf("lock the storage of the backups: %w", err)
	}
	h := &hold{conn: conn}
	h.Context, h.stop = context.WithCancelCause(ctx)
	h.pulse.Go(h.beat)
	return h, nil
}

func (h *hold) beat() {
	tick := time.NewTicker(lockPulse)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-h.Done():
			return
		}
		ctx, cancel := context.WithTimeout(h, lockPulse)
		err := h.conn.Ping(ctx)
		cancel()
		if err != nil && h.Err() == nil {
			h.stop(fault.Wrap(err, fault.Unavailable, "The lock on the storage of the backups was lost."))
			return
		}
	}
}

func (h *hold) release() {
	h.stop(context.Canceled)
	h.pulse.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h), cleanupTimeout)
	defer cancel()
	_ = h.conn.Close(ctx) // a session that is gone has let go, too
}

// still makes sure, in a transaction that relies on it, that the right was not lost without our knowing yet.
func (h *hold) still(ctx context.Context, tx db.DBTX) error {
	var ours bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE l.locktype = 'advisory' AND l.granted AND l.pid = $1 AND d.datname = current_database())`,
		int32(h.conn.PgConn().PID())).Scan(&ours)
	if err != nil {
		return fmt.Errorf("look at the lock: %w", err)
	}
	if !ours {
		return fault.New(fault.Unavailable, "The lock on the storage of the backups was lost.")
	}
	return nil
}
