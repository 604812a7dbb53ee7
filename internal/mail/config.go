package mail

import (
	"net/mail"
	"net/url"
	"strings"

	"rohrpost/internal/fault"
)

const (
	defaultConnections = 4 // mail servers count the connections of a client, and many close the door at ten
	defaultPublicURL   = "http://127.0.0.1:8080"
)

// Config says by which server mail is sent, and from whom. Zero values work, but nothing is sent.
type Config struct {
	// URL is the server, see [Server]: smtp://user:password@host:587, smtps://user:password@host:465.
	URL string `env:"SMTP_URL" secret:"true"`
	// From is who mails are from: an address, or a name with one, such as Rohrpost <noreply@example.org>.
	From string `env:"MAIL_FROM"`
	// PublicURL is where users reach the web app: the links in mails begin with it. Default http://127.0.0.1:8080.
	PublicURL string `env:"PUBLIC_URL"`
	// Connections is how many mails may be on their way to the server at once, over all workers. Default 4.
	Connections int `env:"MAIL_CONNECTIONS"`
}

// settings is a Config that was understood.
type settings struct {
	server      *Server // nil where none is configured
	from        mail.Address
	publicURL   string
	connections int
}

func (c Config) settings() (settings, error) {
	s := settings{publicURL: defaultPublicURL, connections: defaultConnections}
	if c.Connections > 0 {
		s.connections = c.Connections
	}
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return s, fault.New(fault.Invalid, "PUBLIC_URL is not the address of a web site: it begins with http:// or https://")
		}
		s.publicURL = strings.TrimRight(u.String(), "/")
	}
	if c.URL == "" {
		return s, nil
	}
	var err error
	if s.server, err = ParseServer(c.URL); err != nil {
		return s, err
	}
	if c.From == "" {
		return s, fault.New(fault.Invalid, "MAIL_FROM is not set; with SMTP_URL it has to be")
	}
	from, err := mail.ParseAddress(c.From)
	if err != nil {
		return s, fault.Wrap(err, fault.Invalid, "MAIL_FROM is not an address such as Rohrpost <noreply@example.org>")
	}
	if s.from.Address, err = cleanAddress(from.Address); err != nil {
		return s, fault.Wrap(err, fault.Invalid, "MAIL_FROM is not an address that mail can be from")
	}
	s.from.Name = oneLine(from.Name)
	return s, nil
}
