package devstack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// MailAddress is who a mail is from or to.
type MailAddress struct{ Name, Address string }

// ReceivedMail is a mail that Mailpit has taken.
type ReceivedMail struct {
	ID        string
	MessageID string // without the brackets
	From      MailAddress
	To        []MailAddress
	Cc        []MailAddress
	Bcc       []MailAddress // also who was in the envelope and in no header
	Subject   string
	Date      time.Time
	Text      string
	HTML      string
}

// Received returns all mails, the newest first.
func (m *Mailpit) Received(ctx context.Context) ([]ReceivedMail, error) {
	var list struct{ Messages []struct{ ID string } }
	if err := m.call(ctx, http.MethodGet, "/api/v1/messages?limit=1000", nil, &list); err != nil {
		return nil, err
	}
	mails := make([]ReceivedMail, len(list.Messages))
	for i, listed := range list.Messages {
		if err := m.call(ctx, http.MethodGet, "/api/v1/message/"+listed.ID, nil, &mails[i]); err != nil {
			return nil, err
		}
	}
	return mails, nil
}

// Headers returns the headers of a mail, by their names in canonical form.
func (m *Mailpit) Headers(ctx context.Context, id string) (map[string][]string, error) {
	var headers map[string][]string
	err := m.call(ctx, http.MethodGet, "/api/v1/message/"+id+"/headers", nil, &headers)
	return headers, err
}

// MailFaults are the answers that Mailpit gives instead of taking a mail, from 400 to 599; 0 lets it work.
type MailFaults struct {
	Sender, Recipient, Authentication int
}

// Fail has Mailpit answer with faults from now on.
func (m *Mailpit) Fail(ctx context.Context, faults MailFaults) error {
	type trigger struct{ ErrorCode, Probability int }
	of := func(code int) trigger {
		if code == 0 {
			return trigger{}
		}
		return trigger{code, 100}
	}
	return m.call(ctx, http.MethodPut, "/api/v1/chaos", map[string]trigger{
		"Sender": of(faults.Sender), "Recipient": of(faults.Recipient), "Authentication": of(faults.Authentication),
	}, nil)
}

// call asks the API, over a connection that ends with the call.
func (m *Mailpit) call(ctx context.Context, method, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("mailpit: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+address(int(m.api.Load()))+path, bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("mailpit: %w", err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return fmt.Errorf("mailpit: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("mailpit: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("mailpit: %s %s: %s: %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("mailpit: %s %s: %w", method, path, err)
	}
	return nil
}
