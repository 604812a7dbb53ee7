package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"rohrpost/db"
	"rohrpost/internal/fault"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

// The states of a mail.
const (
	Queued     = "queued"
	Sent       = "sent"
	Suppressed = "suppressed"
	Skipped    = "skipped"
	Failed     = "failed"
)

const (
	// queryTimeout bounds what a call asks of PostgreSQL: a few rows by key.
	queryTimeout = 5 * time.Second
	day          = 24 * time.Hour
	// limitKey is the one mail server that all mails go to.
	limitKey = "smtp"
)

// Service is the capability. It is safe for concurrent use.
type Service struct {
	pool    *db.Pool
	queries *db.Queries
	cfg     settings
	forms   map[string]forms
	log     *slog.Logger
	metrics *metrics
}

// New makes the service. Without a server in cfg, mails wait. A value of cfg that can't be used is an error that names
// it; the server itself may be down.
func New(pool *db.Pool, cfg Config, log *slog.Logger, opts ...Option) (*Service, error) {
	settings, err := cfg.settings()
	if err != nil {
		return nil, err
	}
	forms, err := parse()
	if err != nil {
		return nil, err
	}
	s := &Service{pool: pool, queries: db.New(), cfg: settings, forms: forms, log: log, metrics: newMetrics()}
	for _, opt := range opts {
		opt(s)
	}
	return s, nil
}

// Configured reports whether there is a server to send mail by.
func (s *Service) Configured() bool { return s.cfg.server != nil }

// Mail is a mail to be written down.
type Mail struct {
	Template string // one of the constants of this package
	To       string // an address and nothing else
	// User is the account that it is to. Nil where nobody should know yet whether there is one: the account of the
	// address, if any, is found when the mail is sent.
	User uuid.UUID
	Data any // what the template needs; nil for those without
	// About is what a notice is about, see [ErrTooSoon].
	About string
}

// Send writes a mail down and enqueues its job, in tx. Errors: code invalid for an address that is none, and
// [ErrTooSoon] for another mail of a kind that is spaced out; tx is fine after both.
func (s *Service) Send(ctx context.Context, tx pgx.Tx, m Mail) (queue.Record, error) {
	kind, known := kinds[m.Template]
	if !known {
		return queue.Record{}, fault.New(fault.Invalid, "There is no mail template %q.", m.Template)
	}
	if _, err := cleanAddress(m.To); err != nil {
		return queue.Record{}, err
	}
	data, err := kind.encode(m.Data)
	if err != nil {
		return queue.Record{}, fmt.Errorf("mail %s: %w", m.Template, err)
	}
	if err := s.space(ctx, tx, kind, m); err != nil {
		return queue.Record{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return queue.Record{}, fmt.Errorf("mail id: %w", err)
	}
	job, err := queue.Enqueue(ctx, tx, tasks.SendMail, tasks.SendMailArgs{MailID: id, Template: m.Template},
		queue.LimitKey(limitKey), queue.KeyLimit(s.cfg.connections))
	if err != nil {
		return queue.Record{}, err
	}
	row := db.InsertMailParams{
		ID: id, JobID: job.ID, Template: m.Template, Recipient: m.To, Data: data, About: m.About,
	}
	if m.User != uuid.Nil {
		row.UserID = &m.User
	}
	if _, err := s.queries.InsertMail(ctx, tx, row); err != nil {
		return queue.Record{}, fmt.Errorf("write down mail %s: %w", m.Template, err)
	}
	return job, nil
}

// space keeps mails of some kinds apart, whoever asks for them: nobody's mailbox is to be flooded through us. Of several
// transactions at once, one goes first.
func (s *Service) space(ctx context.Context, tx pgx.Tx, kind kind, m Mail) error {
	if kind.spacing == 0 {
		return nil
	}
	if err := s.crowded(ctx, tx, kind, m); err != nil {
		return err
	}
	if err := s.queries.LockMailsAbout(ctx, tx,
		db.LockMailsAboutParams{Recipient: m.To, Template: m.Template, About: m.About}); err != nil {
		return fmt.Errorf("space out mails %s: %w", m.Template, err)
	}
	return s.crowded(ctx, tx, kind, m)
}

func (s *Service) crowded(ctx context.Context, tx pgx.Tx, kind kind, m Mail) error {
	for span, most := range map[time.Duration]int64{kind.spacing: 1, day: kind.daily} {
		n, err := s.queries.CountMails(ctx, tx, db.CountMailsParams{
			Recipient: m.To, Template: m.Template, About: m.About, Seconds: span.Seconds()})
		if err != nil {
			return fmt.Errorf("count mails %s: %w", m.Template, err)
		}
		if n >= most {
			return ErrTooSoon
		}
	}
	return nil
}

// encode checks that data is what the template needs.
func (k kind) encode(data any) (json.RawMessage, error) {
	if k.data == nil {
		return json.RawMessage("{}"), nil
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	_, err = k.decode(raw)
	return raw, err
}

func (k kind) decode(raw json.RawMessage) (any, error) {
	if k.data == nil {
		return nil, nil
	}
	data := k.data()
	if err := json.Unmarshal(raw, data); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The mail's data can't be read.")
	}
	return data, nil
}

// Follow has a mail's state follow its job where that ends without its handler, or begins again. Every process that may
// end a job needs it, before its engine is started.
func (s *Service) Follow(engine *queue.Engine) {
	engine.OnState(tasks.SendMail.Name, func(ctx context.Context, tx pgx.Tx, job db.Job) error {
		state, reason := Failed, job.ErrorMessage
		if job.State == queue.Queued {
			state, reason = Queued, nil
		}
		if err := s.queries.FollowMailJob(ctx, tx,
			db.FollowMailJobParams{JobID: job.ID, State: state, Reason: reason}); err != nil {
			return fmt.Errorf("mail of job %s: %w", job.ID, err)
		}
		return nil
	})
}

// user is the account that a mail is to, nil if there is none (any more).
func (s *Service) user(ctx context.Context, m db.Mail) (*db.User, error) {
	var user db.User
	var err error
	if m.UserID != nil {
		user, err = s.queries.UserByID(ctx, s.pool, *m.UserID)
	} else {
		user, err = s.queries.UserByEmail(ctx, s.pool, m.Recipient)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("account of mail %s: %w", m.ID, err)
	}
	return &user, nil
}
