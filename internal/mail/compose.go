package mail

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"
	gomail "github.com/wneessen/go-mail"

	"rohrpost/db"
	"rohrpost/internal/fault"
)

// compose makes the mail's text and, where it has a link, a token of its own.
func (s *Service) compose(ctx context.Context, m db.Mail, user *db.User, job uuid.UUID) (*gomail.Msg, error) {
	kind, known := kinds[m.Template]
	if !known {
		return nil, fault.New(fault.Invalid, "There is no mail template %q.", m.Template)
	}
	v := view{Site: s.cfg.publicURL}
	if kind.named {
		v.Name = oneLine(user.Name)
	}
	var err error
	if v.Data, err = kind.decode(m.Data); err != nil {
		return nil, err
	}
	if kind.path != "" {
		if v.Token, err = s.mint(ctx, m.Template, user, kind.life); err != nil {
			return nil, err
		}
		// Behind the #, where it stays in the browser: it is in no log and in no Referer.
		v.Link, v.ValidFor = s.cfg.publicURL+kind.path+"#token="+v.Token, span(kind.life)
	}
	text, err := s.forms[m.Template].render(v)
	if err != nil {
		return nil, fmt.Errorf("mail %s: %w", m.ID, err)
	}
	return s.letter(mail.Address{Name: v.Name, Address: m.Recipient}, text, s.messageID(job))
}

// letter puts a text into an envelope. Nothing that it is given can add a header or a recipient: names and subjects are
// made one line and encoded, an address has to be one.
func (s *Service) letter(to mail.Address, text rendered, messageID string) (*gomail.Msg, error) {
	address, err := cleanAddress(to.Address)
	if err != nil {
		return nil, err
	}
	to = mail.Address{Name: oneLine(to.Name), Address: address}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := msg.SetAddrHeader(gomail.HeaderFrom, s.cfg.from.String()); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "MAIL_FROM is not an address that mail can be from.")
	}
	if err := msg.SetAddrHeader(gomail.HeaderTo, to.String()); err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "This is not an address that mail can be sent to.")
	}
	msg.Subject(oneLine(text.subject))
	msg.SetDate()
	msg.SetGenHeader(gomail.HeaderMessageID, messageID)
	// Keeps holiday answers and the like from coming back (RFC 3834).
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, text.text)
	msg.AddAlternativeString(gomail.TypeTextHTML, text.html)
	return msg, nil
}

// messageID is the same for each attempt of a job.
func (s *Service) messageID(job uuid.UUID) string {
	return "<" + job.String() + "@" + s.cfg.from.Address[strings.LastIndexByte(s.cfg.from.Address, '@')+1:] + ">"
}

// span says a duration as people do.
func span(d time.Duration) string {
	if d%time.Hour != 0 {
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	if d == time.Hour {
		return "an hour"
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}
