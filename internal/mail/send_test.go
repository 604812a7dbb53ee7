package mail_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
	"rohrpost/tasks"
)

func TestAMailArrivesWithItsLinkAndItsJobsID(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	user := h.user(anna, "Anna", "user")
	job, row := h.ended(h.posted(mail.Mail{Template: mail.VerifyAddress, To: anna, User: user}), queue.Succeeded)

	got := received(t, server)
	require.Len(t, got, 1)
	require.Equal(t, devstack.MailAddress{Name: "Rohrpost", Address: "noreply@rohrpost.example"}, got[0].From)
	require.Equal(t, []devstack.MailAddress{{Address: anna}}, got[0].To)
	require.Equal(t, "Confirm your address", got[0].Subject)
	require.Equal(t, job.ID.String()+"@rohrpost.example", got[0].MessageID)
	link := regexp.MustCompile(site + `/verify#token=([\w-]{43})`)
	token := link.FindStringSubmatch(got[0].Text)
	require.NotNil(t, token, got[0].Text)
	require.Contains(t, got[0].HTML, `href="`+token[0]+`"`)
	require.Contains(t, got[0].Text, "24 hours")
	require.NotContains(t, got[0].Text+got[0].HTML, "Anna", "the address may be a stranger's, and the name any words")
	headers, err := server.Headers(t.Context(), got[0].ID)
	require.NoError(t, err)
	require.Equal(t, []string{"auto-generated"}, headers["Auto-Submitted"])

	require.Equal(t, mail.Sent, row.State)
	require.NotNil(t, row.SentAt)
	require.Equal(t, "<"+got[0].MessageID+">", text(row.MessageID))
	require.JSONEq(t, `{"mail_id":"`+row.ID.String()+`","template":"verify_address"}`, string(job.Args))
	require.Equal(t, 1, h.count("SELECT count(*) FROM mail_tokens WHERE token_hash = $1", mail.TokenHash(token[1])))
	var out mail.Outcome
	require.NoError(t, json.Unmarshal(job.Result, &out))
	require.Equal(t, mail.Outcome{MailID: row.ID, Outcome: mail.Sent, MessageID: text(row.MessageID)}, out)
	for _, table := range []string{"jobs", "mails", "mail_tokens"} {
		require.Zero(t, h.count("SELECT count(*) FROM "+table+" x WHERE x::text LIKE '%' || $1 || '%'", token[1]),
			"the token is in %s", table)
	}
}

func TestNoMailWithoutItsCommit(t *testing.T) {
	t.Parallel()
	h := desk(t, "")
	changed := errors.New("changed my mind")
	err := db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		_, err := h.Send(t.Context(), tx, mail.Mail{Template: mail.PasswordReset, To: anna})
		require.NoError(t, err)
		return changed
	})
	require.ErrorIs(t, err, changed)
	require.Zero(t, h.count("SELECT count(*) FROM mails"))
	require.Zero(t, h.count("SELECT count(*) FROM jobs"))
}

func TestAnUnknownAddressGetsNothingAndNobodyCanTell(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	job, row := h.ended(h.posted(mail.Mail{Template: mail.PasswordReset, To: anna}), queue.Succeeded)
	require.Equal(t, mail.Skipped, row.State)
	require.Contains(t, string(job.Result), `"skipped"`)
	require.Empty(t, received(t, server))
}

func TestAMailThatHasBecomePointlessIsSkipped(t *testing.T) {
	t.Parallel()
	h := open(t, "smtp://127.0.0.1:1") // nobody is asked
	moved, proven, former := h.user("moved@example.org", "M", "user"), h.user("p@example.org", "P", "user"),
		h.user("former@example.org", "F", "user")
	h.exec("UPDATE users SET verified_at = now() WHERE id = $1", proven)
	for _, m := range []mail.Mail{
		{Template: mail.VerifyAddress, To: "old@example.org", User: moved},
		{Template: mail.VerifyAddress, To: "p@example.org", User: proven},
		{Template: mail.BackupFailed, To: "former@example.org", User: former, Data: mail.BackupNotice{Message: "disk full"}},
	} {
		_, row := h.ended(h.posted(m), queue.Succeeded)
		require.Equal(t, mail.Skipped, row.State)
		require.NotEmpty(t, text(row.Reason))
	}
}

func TestAMailWhoseAccountIsDeletedEndsInPeace(t *testing.T) {
	t.Parallel()
	h := open(t, "smtp://127.0.0.1:1")
	user := h.user(anna, "Anna", "user")
	job := h.posted(mail.Mail{Template: mail.VerifyAddress, To: anna, User: user})
	h.untilJob(job, func(j db.Job) bool { return j.Attempt > 1 })
	h.exec("DELETE FROM users WHERE id = $1", user)
	ended := h.untilJob(job, func(j db.Job) bool { return j.FinishedAt != nil })
	require.Equal(t, queue.Succeeded, ended.State)
	require.Contains(t, string(ended.Result), `"skipped"`)
}

func TestAMailThatWasSentIsNotSentAgainByARerun(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	h.user(anna, "Anna", "user")
	id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
	h.ended(id, queue.Succeeded)
	// As if the outcome of the job had been lost after the mail was on record.
	h.exec("UPDATE jobs SET state = 'failed', error_code = 'poison' WHERE id = $1", id)
	_, err := h.engine.Rerun(h.ctx(), id, queue.System)
	require.NoError(t, err)
	_, row := h.ended(id, queue.Succeeded)
	require.Equal(t, mail.Sent, row.State)
	require.Len(t, received(t, server), 1)
}

func TestMailboxesAreNotFlooded(t *testing.T) {
	t.Parallel()
	h := desk(t, "")
	reset := mail.Mail{Template: mail.PasswordReset, To: anna}
	h.posted(reset)
	_, err := h.send(reset)
	require.ErrorIs(t, err, mail.ErrTooSoon)
	require.Equal(t, fault.RateLimited, fault.CodeOf(err))
	h.posted(mail.Mail{Template: mail.PasswordReset, To: "bert@example.org"})
	for range 9 {
		h.exec("UPDATE mails SET created_at = created_at - interval '2 minutes'")
		h.posted(reset)
	}
	h.exec("UPDATE mails SET created_at = created_at - interval '2 minutes'")
	_, err = h.send(reset)
	require.ErrorIs(t, err, mail.ErrTooSoon, "ten a day")
	h.exec("UPDATE mails SET created_at = created_at - interval '1 day'")
	h.posted(reset)
}

func TestOfRequestsAtTheSameMomentOneIsMailed(t *testing.T) {
	t.Parallel()
	h := desk(t, "")
	errs := make(chan error)
	for range 8 {
		go func() {
			_, err := h.send(mail.Mail{Template: mail.PasswordReset, To: anna})
			errs <- err
		}()
	}
	sent := 0
	for range 8 {
		if err := <-errs; err == nil {
			sent++
		} else {
			require.ErrorIs(t, err, mail.ErrTooSoon)
		}
	}
	require.Equal(t, 1, sent)
}

func TestWhatCanNotBeMailedIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := desk(t, "")
	for _, to := range []string{
		"", "anna", "Anna <anna@example.org>", "anna@example.org, bert@example.org", "anna@example.org\r\nBcc: all@example.org",
		"anna@example.org\nRCPT TO:<bert@example.org>", "\"an\r\nna\"@example.org", "\"an na\"@example.org",
		"an\x00na@example.org", "an\u2028na@example.org", strings.Repeat("a", 250) + "@example.org",
	} {
		_, err := h.send(mail.Mail{Template: mail.PasswordReset, To: to})
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%q: %v", to, err)
	}
	_, err := h.send(mail.Mail{Template: "newsletter", To: anna})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	_, err = h.send(mail.Mail{Template: mail.BackupFailed, To: anna, Data: []int{1}})
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	require.Zero(t, h.count("SELECT count(*) FROM jobs"))
}

func TestNothingThatPeopleChooseMakesAHeader(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	const evil = "x\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>\u202e\u2028 \"quoted\" <a@b.c>"
	admin := h.user("admin@example.org", "Ad"+evil, "admin")
	file := db.File{ID: uuid.New(), Name: "inv" + evil + ".pdf", Signature: ptr("Eicar\nSubject: two")}
	require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error { return h.Quarantined(t.Context(), tx, file) }))
	h.untilJob(h.jobOf(mail.FileQuarantined), func(j db.Job) bool { return j.State == queue.Succeeded })

	got := received(t, server)
	require.Len(t, got, 1)
	require.Empty(t, got[0].Bcc)
	require.Empty(t, got[0].Cc)
	require.Len(t, got[0].To, 1)
	require.Equal(t, "admin@example.org", got[0].To[0].Address)
	require.NotContains(t, got[0].To[0].Name, "\n")
	require.Contains(t, got[0].Subject, "A file is in quarantine: invx Bcc: victim@example.org <script>")
	require.NotContains(t, got[0].HTML, "<script>")
	require.Contains(t, got[0].Text, "Eicar Subject: two")
	headers, err := server.Headers(t.Context(), got[0].ID)
	require.NoError(t, err)
	require.NotContains(t, headers, "Bcc")
	require.Len(t, headers["Subject"], 1)
	require.Len(t, headers["To"], 1)
	require.NotEqual(t, uuid.Nil, admin)
}

func TestAdminsHearOfDeadJobsOnceAnHour(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	h.user("a@example.org", "A", "admin")
	h.user("b@example.org", "B", "admin")
	h.user(anna, "Anna", "user")
	var first uuid.UUID
	for i := range 3 {
		require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
			job, err := queue.Enqueue(t.Context(), tx, tasks.Scan, tasks.ScanArgs{FileID: uuid.New()})
			if i == 0 {
				first = job.ID
			}
			return err
		}))
		if i == 0 { // the others come later than its mails
			h.untilJob(first, func(j db.Job) bool { return j.State == queue.Failed })
		}
	}
	require.Eventually(t, func() bool {
		return h.count("SELECT count(*) FROM jobs WHERE finished_at IS NULL") == 0
	}, patience, pollEvery)
	got := received(t, server)
	require.Len(t, got, 2)
	for _, m := range got {
		require.Equal(t, "A job failed for good: file:scan (panic)", m.Subject)
		require.Contains(t, m.Text, first.String())
		require.Contains(t, []string{"a@example.org", "b@example.org"}, m.To[0].Address)
	}
}

func TestABackupThatFailedIsTold(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	h.user("a@example.org", "A", "admin")
	job := uuid.New()
	require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.BackupDied(t.Context(), tx, job, "pg_dump died.")
	}))
	h.untilJob(h.jobOf(mail.BackupFailed), func(j db.Job) bool { return j.State == queue.Succeeded })
	got := received(t, server)
	require.Len(t, got, 1)
	require.Contains(t, got[0].Text, "pg_dump died.")
	require.Contains(t, got[0].Text, job.String())
	require.Contains(t, got[0].HTML, "Hello A,")
}

func TestWithoutAMailServerNoticesAreNotHoarded(t *testing.T) {
	t.Parallel()
	h := desk(t, "")
	h.user("a@example.org", "A", "admin")
	require.False(t, h.Configured())
	require.NoError(t, db.InTx(t.Context(), h.pool, func(tx pgx.Tx) error {
		return h.BackupDied(t.Context(), tx, uuid.New(), "pg_dump died.")
	}))
	require.Zero(t, h.count("SELECT count(*) FROM mails"))
}

// jobOf is the job of the only mail of a template.
func (h *house) jobOf(template string) (job uuid.UUID) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.ctx(), "SELECT job_id FROM mails WHERE template = $1", template).Scan(&job))
	return job
}

func ptr(s string) *string { return &s }
