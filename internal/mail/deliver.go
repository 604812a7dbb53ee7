package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rohrpost/internal/fault"
	"rohrpost/internal/tracing"
)

// quitTimeout is for a polite end after the mail is through; a server that doesn't answer it has the mail all the same.
const quitTimeout = 2 * time.Second

// deliver hands msg to the server. On success the connection is open still: the caller writes down that the mail is sent,
// which must not wait for anything, and then calls bye. Errors: see [judge].
func (s *Server) deliver(ctx context.Context, msg *gomail.Msg) (bye func(), err error) {
	ctx, span := tracing.Call(ctx, "smtp send")
	x := &exchange{server: s, ctx: ctx}
	defer func() {
		tracing.End(span, err)
		if err != nil {
			x.close()
		}
	}()
	client, err := s.client(x.dial)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "The mail server is not configured in a way that works.")
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return nil, x.judge(err)
	}
	x.conn.allow(endGrace)
	if ctx.Err() != nil {
		return nil, x.judge(ctx.Err())
	}
	if err := client.SendWithSMTPClient(session, msg); err != nil {
		return nil, x.judge(err)
	}
	return func() {
		x.conn.allow(quitTimeout)
		x.conn.end()
		session.Quit() //nolint:errcheck // the mail is through
		x.close()
	}, nil
}

// exchange is one connection to the server. The library's context is for the dial only, and of what fails later it
// leaves the connection open.
type exchange struct {
	server *Server
	ctx    context.Context //nolint:containedctx // the library gives its own to the dial, which ends with it
	conn   *conn           // nil until connected
	stop   func() bool
}

// dial connects, and returns the bounded connection or the TLS on it.
func (x *exchange) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, x.server.dialTimeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, network, x.server.address())
	if err != nil {
		return nil, err
	}
	x.conn = &conn{Conn: raw, each: x.server.commandTimeout}
	x.stop = context.AfterFunc(x.ctx, x.conn.end)
	if !x.server.implicit {
		return x.conn, nil
	}
	secured := tls.Client(x.conn, x.server.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secured, nil
}

func (x *exchange) close() {
	if x.conn != nil {
		x.stop()
		x.conn.Close() //nolint:errcheck // nothing is left to be said on it
	}
}

func (x *exchange) judge(err error) error {
	var failed error
	if x.conn != nil {
		failed = x.conn.failure()
	}
	code, _, _, _ := answer(err)
	if cause := context.Cause(x.ctx); cause != nil && code == 0 {
		return fmt.Errorf("mail not handed over: %w", cause)
	}
	return judge(err, failed)
}

// client makes the library's client, which is for one mail.
func (s *Server) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	policy := s.policy
	if s.implicit {
		// The dial brings the TLS. With this policy the library looks whether the connection has it.
		policy = gomail.TLSOpportunistic
	}
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(s.tls),
		gomail.WithDialContextFunc(dial), gomail.WithTimeout(s.dialTimeout),
		gomail.WithoutNoop(),
		// After the mail is through, the answer to RSET could only turn a success into an error.
		gomail.WithoutRset(),
	}
	if s.helo != "" {
		options = append(options, gomail.WithHELO(s.helo))
	}
	if s.user != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(s.user), gomail.WithPassword(s.password))
	}
	return gomail.NewClient(s.host, options...)
}

// judge turns what went wrong into a coded error: CodeRefused and CodeAddressRefused, which trying again doesn't help,
// timeout, or unavailable. failed is the first error of the connection itself, if any.
func judge(err, failed error) error {
	code, enhanced, reason, text := answer(err)
	var netErr net.Error
	switch {
	case code >= 500 && reason == gomail.ErrSMTPRcptTo && aboutTheAddress(code, enhanced):
		return fault.New(CodeAddressRefused, "The mail server refused the address: %s", text)
	case code >= 500:
		return fault.New(CodeRefused, "The mail server refused: %s", text)
	case code >= 400:
		return fault.New(fault.Unavailable, "The mail server can't take it now: %s", text)
	case errors.As(failed, &netErr) && netErr.Timeout(), errors.As(err, &netErr) && netErr.Timeout(),
		errors.Is(err, context.DeadlineExceeded):
		return fault.Wrap(errors.New(text), fault.Timeout, "The mail server took too long to answer.")
	}
	return fault.Wrap(errors.New(text), fault.Unavailable, "The mail server can't be reached, or not as SMTP_URL says.")
}

// answer is what the server said, 0 if it was not the server. text names no recipient.
func answer(err error) (code int, enhanced string, reason gomail.SendErrReason, text string) {
	var sent *gomail.SendError
	if errors.As(err, &sent) {
		return sent.ErrorCode(), sent.EnhancedStatusCode(), sent.Reason, withoutRecipient(sent)
	}
	reason = gomail.ErrConnCheck
	var said *textproto.Error
	if errors.As(err, &said) {
		return said.Code, "", reason, plain(said.Error())
	}
	return 0, "", reason, oneLine(err.Error())
}
