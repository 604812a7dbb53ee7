package devstack_test

import (
	"net/smtp"
	"testing"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestMailpitKeepsWhatItGetsAndFailsOnDemand(t *testing.T) {
	t.Parallel()
	m := stacktest.Mailpit(t)
	send := func() error {
		return smtp.SendMail(m.Address(), nil, "from@example.org", []string{"anna@example.org"},
			[]byte("Subject: Hello\r\nMessage-Id: <1@example.org>\r\n\r\nSome text\r\n"))
	}
	must(t, send())
	must(t, m.Fail(t.Context(), devstack.MailFaults{Recipient: 550}))
	if send() == nil {
		t.Error("took a mail that it was told to refuse")
	}
	must(t, m.Restart(t.Context()))
	got, err := m.Received(t.Context())
	must(t, err)
	if len(got) != 1 || got[0].Subject != "Hello" || got[0].MessageID != "1@example.org" {
		t.Errorf("got %+v", got)
	}
	headers, err := m.Headers(t.Context(), got[0].ID)
	must(t, err)
	if len(headers["Subject"]) != 1 {
		t.Errorf("headers %v", headers)
	}
	must(t, send()) // it forgets the faults
}
