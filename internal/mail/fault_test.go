package mail_test

import (
	"context"
	"fmt"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
	"rohrpost/internal/queue"
)

func TestAServerThatPutsUsOffIsAskedAgain(t *testing.T) {
	t.Parallel()
	for name, faults := range map[string]devstack.MailFaults{
		"the sender": {Sender: 451}, "the recipient": {Recipient: 450},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := stacktest.Mailpit(t)
			h := open(t, server.URL())
			h.user(anna, "Anna", "user")
			require.NoError(t, server.Fail(t.Context(), faults))
			id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
			job := h.untilJob(id, func(j db.Job) bool { return j.Attempt > 2 && j.ErrorCode != nil })
			require.Equal(t, string(fault.Unavailable), text(job.ErrorCode))
			require.Regexp(t, "can't take it now: 45[01]", text(job.ErrorMessage))
			require.Equal(t, mail.Queued, h.mailOf(id).State)

			require.NoError(t, server.Fail(t.Context(), devstack.MailFaults{}))
			h.ended(id, queue.Succeeded)
			got := received(t, server)
			require.Len(t, got, 1)
			require.Equal(t, id.String()+"@rohrpost.example", got[0].MessageID)
		})
	}
}

func TestAServerThatIsDownGetsTheMailWhenItIsBack(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	h.user(anna, "Anna", "user")
	server.Kill()
	id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
	job := h.untilJob(id, func(j db.Job) bool { return j.Attempt > 2 && j.ErrorCode != nil })
	require.Equal(t, string(fault.Unavailable), text(job.ErrorCode))
	require.NoError(t, server.Start(t.Context()))
	h.ended(id, queue.Succeeded)
	require.Len(t, received(t, server), 1)
}

func TestARecipientThatDoesNotExistIsWrittenToOnce(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	h := open(t, server.URL())
	user := h.user(anna, "Anna", "user")
	require.NoError(t, server.Fail(t.Context(), devstack.MailFaults{Recipient: 550}))
	job, row := h.ended(h.posted(mail.Mail{Template: mail.PasswordReset, To: anna}), queue.Failed)
	require.EqualValues(t, 1, job.Attempt)
	require.Equal(t, string(mail.CodeAddressRefused), text(job.ErrorCode))
	require.Equal(t, "The mail server refused the address: 550 Chaos recipient error", text(job.ErrorMessage))
	require.Equal(t, mail.Failed, row.State)
	require.Equal(t, text(job.ErrorMessage), text(row.Reason))
	list, err := h.SuppressedAddresses(t.Context(), "", 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, anna, list[0].Address)

	require.NoError(t, server.Fail(t.Context(), devstack.MailFaults{}))
	verify := mail.Mail{Template: mail.VerifyAddress, To: anna, User: user}
	job, row = h.ended(h.posted(verify), queue.Succeeded)
	require.Equal(t, mail.Suppressed, row.State)
	require.Contains(t, string(job.Result), `"suppressed"`)
	require.Empty(t, received(t, server))

	require.NoError(t, h.release(" Anna@example.org "))
	require.Equal(t, fault.NotFound, fault.CodeOf(h.release(anna)))
	h.exec("UPDATE mails SET created_at = created_at - interval '2 minutes'")
	h.ended(h.posted(verify), queue.Succeeded)
	require.Len(t, received(t, server), 1)
}

func TestAServerThatRefusesUsIsNoReasonToSuppressAnybody(t *testing.T) {
	t.Parallel()
	for stage, said := range map[string]string{
		"greeting": "554 5.7.1 go away", "MAIL": "550 5.1.8 no such sender", "RCPT": "550 5.7.1 <anna@example.org> listed as spammer",
		"DATA": "554 5.6.0 no", "dot": "552 5.3.4 too big",
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			h := open(t, play(t, at(stage, said)).url)
			h.user(anna, "Anna", "user")
			job, row := h.ended(h.posted(mail.Mail{Template: mail.PasswordReset, To: anna}), queue.Failed)
			require.EqualValues(t, 1, job.Attempt)
			require.Equal(t, string(mail.CodeRefused), text(job.ErrorCode))
			require.Regexp(t, "refused: 55[024] ", text(job.ErrorMessage))
			require.NotContains(t, text(job.ErrorMessage), anna)
			require.Equal(t, mail.Failed, row.State)
			require.Zero(t, h.count("SELECT count(*) FROM suppressed_addresses"))

			_, err := h.engine.Rerun(h.ctx(), job.ID, queue.System)
			require.NoError(t, err)
			h.untilJob(job.ID, func(j db.Job) bool { return j.FinishedAt != nil && j.Epoch > job.Epoch })
		})
	}
}

func TestNoStageOfASilentServerIsWaitedForLongerThanAllowed(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"greeting", "EHLO", "MAIL", "RCPT", "DATA", "dot"} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			h := desk(t, play(t, at(stage, hang)).url)
			h.Patience(200 * time.Millisecond)
			err := h.Hand(t.Context(), anna)
			require.Equal(t, fault.Timeout, fault.CodeOf(err), "%v", err)
		})
		t.Run(stage+", hung up", func(t *testing.T) {
			t.Parallel()
			h := desk(t, play(t, at(stage, hangUp)).url)
			err := h.Hand(t.Context(), anna)
			require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
		})
	}
}

func TestAServerThatIsSlowWithEachAnswerIsWaitedFor(t *testing.T) {
	t.Parallel()
	const pace = 150 * time.Millisecond
	server := play(t, func(string) string {
		<-time.After(pace) // the slowness is what is tested
		return ""
	})
	h := desk(t, server.url)
	h.Patience(4 * pace) // less than all of its answers take
	require.NoError(t, h.Hand(t.Context(), anna))
	require.Len(t, server.taken(), 1)
}

func TestACancelledMailIsLetGoOf(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 1)
	server := play(t, func(stage string) string {
		if stage != "EHLO" {
			return ""
		}
		asked <- struct{}{}
		return hang
	})
	h := open(t, server.url)
	h.user(anna, "Anna", "user")
	id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
	<-asked
	_, err := h.engine.Cancel(h.ctx(), id, queue.System)
	require.NoError(t, err)
	_, row := h.ended(id, queue.Cancelled)
	require.Equal(t, mail.Failed, row.State)
	require.Eventually(t, func() bool { now, _ := server.connections(); return now == 0 }, patience, pollEvery)
}

func TestTheLastAnswerIsHeardEvenIfTheWorkerHasToStop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	server := play(t, func(stage string) string {
		if stage == "dot" {
			cancel()
		}
		return ""
	})
	require.NoError(t, desk(t, server.url).Hand(ctx, anna))
}

func TestAMailIsOnRecordBeforeTheServerSaysGoodbye(t *testing.T) {
	t.Parallel()
	server := play(t, at("QUIT", hang))
	h := open(t, server.url)
	h.user(anna, "Anna", "user")
	_, row := h.ended(h.posted(mail.Mail{Template: mail.PasswordReset, To: anna}), queue.Succeeded)
	require.Equal(t, mail.Sent, row.State)
	require.Len(t, server.taken(), 1)
}

func TestAMailWhoseAnswerWasLostIsRepeatedUnderTheSameID(t *testing.T) {
	t.Parallel()
	var dots atomic.Int32
	server := play(t, func(stage string) string {
		if stage == "dot" && dots.Add(1) == 1 {
			return hangUp
		}
		return ""
	})
	h := open(t, server.url)
	h.user(anna, "Anna", "user")
	id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
	h.ended(id, queue.Succeeded)
	mails := server.taken()
	require.Len(t, mails, 2)
	for _, m := range mails {
		require.Contains(t, m, "Message-ID: <"+id.String()+"@rohrpost.example>")
	}
	require.Equal(t, 2, h.count("SELECT count(*) FROM mail_tokens WHERE used_at IS NULL"), "either link is good")
	require.Regexp(t, regexp.MustCompile(`(?m)^Auto-Submitted: auto-generated$`), mails[1])
}

func TestAMailThatWasTakenIsNotSentByTheRunThatTookTheJob(t *testing.T) {
	t.Parallel()
	var h *house
	server := play(t, func(stage string) string {
		if stage == "dot" { // the scheduler believes us dead and puts the job back into the queue
			h.exec(`UPDATE jobs SET epoch = epoch + 1, state = 'queued', dispatched_at = NULL, worker_id = NULL,
				run_at = now() + interval '1 hour'`)
		}
		return ""
	})
	h = open(t, server.url)
	h.user(anna, "Anna", "user")
	id := h.posted(mail.Mail{Template: mail.PasswordReset, To: anna})
	require.Eventually(t, func() bool { return h.mailOf(id).State == mail.Sent }, patience, pollEvery)
	h.exec("UPDATE jobs SET run_at = now()")
	h.engine.Wake("mail")
	job, _ := h.ended(id, queue.Succeeded)
	require.EqualValues(t, 2, job.Epoch)
	require.Len(t, server.taken(), 1)
}

func TestConnectionsToTheServerAreBounded(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := play(t, func(stage string) string {
		if stage == "MAIL" {
			<-release
		}
		return ""
	})
	h := open(t, server.url)
	for i := range 12 {
		email := fmt.Sprintf("u%d@example.org", i)
		h.user(email, "U", "user")
		h.posted(mail.Mail{Template: mail.PasswordReset, To: email})
	}
	require.Eventually(t, func() bool { now, _ := server.connections(); return now == 4 }, patience, pollEvery)
	close(release)
	require.Eventually(t, func() bool {
		return h.count("SELECT count(*) FROM mails WHERE state = 'sent'") == 12
	}, patience, pollEvery)
	_, most := server.connections()
	require.LessOrEqual(t, most, 4+1, "one may be saying goodbye while the next one comes")
}
