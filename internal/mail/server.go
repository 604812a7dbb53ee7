package mail

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"rohrpost/internal/fault"
)

const (
	submissionPort  = 587 // RFC 6409
	submissionsPort = 465 // RFC 8314
	// dialTimeout is for the connection with its TLS, if any: a server that takes longer is better met later.
	dialTimeout = 15 * time.Second
	// commandTimeout is for each answer. It is long, as giving up on a server that is just about to take a mail means
	// to send it again (RFC 1047); servers that check what they get do take a minute.
	commandTimeout = 2 * time.Minute
)

// Server is a mail server as an URL names it:
//
//	smtp://host            port 587, STARTTLS or nothing is sent; on loopback STARTTLS if it is offered
//	smtps://host           port 465, TLS from the first byte
//	smtp://user:pass@host  logs in by the strongest way the server offers, never in clear
//
// Parameters: tls=required|offered|none for STARTTLS, ca=FILE for a certificate authority in PEM that isn't the
// system's, helo=NAME for how we introduce ourselves.
type Server struct {
	host     string
	port     int
	implicit bool // TLS from the first byte
	policy   gomail.TLSPolicy
	tls      *tls.Config
	user     string
	password string
	helo     string

	dialTimeout    time.Duration
	commandTimeout time.Duration
}

// ParseServer reads an SMTP_URL. Its errors don't repeat it, since it may hold a password.
func ParseServer(raw string) (*Server, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return nil, fault.New(fault.Invalid, "SMTP_URL is not like smtp://user:password@host:587 or smtps://user:password@host:465")
	}
	s := &Server{
		host: u.Hostname(), port: submissionPort, policy: gomail.TLSMandatory,
		tls:         &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12},
		dialTimeout: dialTimeout, commandTimeout: commandTimeout,
	}
	switch u.Scheme {
	case "smtp":
		if loopback(s.host) {
			s.policy = gomail.TLSOpportunistic
		}
	case "smtps":
		s.implicit, s.port = true, submissionsPort
	default:
		return nil, fault.New(fault.Invalid, "SMTP_URL begins with neither smtp:// nor smtps://")
	}
	if port := u.Port(); port != "" {
		if s.port, err = strconv.Atoi(port); err != nil || s.port < 1 || s.port > 65535 {
			return nil, fault.New(fault.Invalid, "SMTP_URL has a port that is none")
		}
	}
	if u.User != nil {
		s.user = u.User.Username()
		s.password, _ = u.User.Password()
	}
	return s, s.parameters(u.Query())
}

func (s *Server) parameters(query url.Values) error {
	for name, values := range query {
		value := values[len(values)-1]
		switch name {
		case "tls":
			policy, known := map[string]gomail.TLSPolicy{
				"required": gomail.TLSMandatory, "offered": gomail.TLSOpportunistic, "none": gomail.NoTLS,
			}[value]
			if !known || s.implicit {
				return fault.New(fault.Invalid, "SMTP_URL: tls is required, offered or none, and only for smtp://")
			}
			s.policy = policy
		case "ca":
			pem, err := os.ReadFile(value)
			if err != nil {
				return fault.Wrap(err, fault.Invalid, "SMTP_URL: the file of ca can't be read")
			}
			s.tls.RootCAs = x509.NewCertPool()
			if !s.tls.RootCAs.AppendCertsFromPEM(pem) {
				return fault.New(fault.Invalid, "SMTP_URL: the file of ca has no certificate in it")
			}
		case "helo":
			if value == "" || oneLine(value) != value {
				return fault.New(fault.Invalid, "SMTP_URL: helo is not a host's name")
			}
			s.helo = value
		default:
			return fault.New(fault.Invalid, "SMTP_URL has a parameter %q, which there isn't; there are tls, ca and helo", name)
		}
	}
	return nil
}

func (s *Server) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
