package mail_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/mail"
)

func TestSTARTTLSAndLogin(t *testing.T) {
	t.Parallel()
	ca, flags := certified(t)
	logins := filepath.Join(t.TempDir(), "logins")
	require.NoError(t, os.WriteFile(logins, []byte("rohr:p@ssword\n"), 0o600))
	server := stacktest.Mailpit(t, append(flags, "--smtp-require-starttls", "--smtp-auth-file", logins)...)
	hand := func(url string) error { return desk(t, url).Hand(t.Context(), anna) }

	require.NoError(t, hand("smtp://rohr:p%40ssword@"+server.Address()+"?tls=required&ca="+ca))
	require.Len(t, received(t, server), 1)

	err := hand("smtp://rohr:wrong@" + server.Address() + "?tls=required&ca=" + ca)
	require.Equal(t, mail.CodeRefused, fault.CodeOf(err), "%v", err)
	require.NotContains(t, err.Error(), "wrong")
	err = hand("smtp://rohr:p%40ssword@" + server.Address() + "?tls=required")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "a certificate that nobody vouches for: %v", err)
	err = hand("smtp://rohr:p%40ssword@" + server.Address() + "?tls=none")
	require.Error(t, err, "a login in clear")
	require.NoError(t, server.Fail(t.Context(), devstack.MailFaults{Authentication: 454}))
	err = hand("smtp://rohr:p%40ssword@" + server.Address() + "?tls=required&ca=" + ca)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.Len(t, received(t, server), 1)
}

func TestTLSFromTheFirstByte(t *testing.T) {
	t.Parallel()
	ca, flags := certified(t)
	logins := filepath.Join(t.TempDir(), "logins")
	require.NoError(t, os.WriteFile(logins, []byte("rohr:pass\n"), 0o600))
	server := stacktest.Mailpit(t, append(flags, "--smtp-auth-file", logins, "--smtp-require-tls")...)
	require.NoError(t, desk(t, "smtps://rohr:pass@"+server.Address()+"?ca="+ca).Hand(t.Context(), anna))
	require.Len(t, received(t, server), 1)
	err := desk(t, "smtps://rohr:pass@"+server.Address()).Hand(t.Context(), anna)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "a certificate that nobody vouches for: %v", err)
}

func TestNothingIsSentInClearWhereTLSIsRequired(t *testing.T) {
	t.Parallel()
	server := stacktest.Mailpit(t)
	err := desk(t, server.URL()+"?tls=required").Hand(t.Context(), anna)
	require.Equal(t, fault.Unavailable, fault.CodeOf(err), "%v", err)
	require.NoError(t, desk(t, server.URL()+"?tls=none&helo=rohr.example.org").Hand(t.Context(), anna))
	require.NoError(t, desk(t, server.URL()).Hand(t.Context(), anna), "on loopback STARTTLS is used where it is offered")
	require.Len(t, received(t, server), 2)
}

func TestConfigurationThatCanNotWorkIsNamed(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]mail.Config{
		"SMTP_URL":    {URL: "smtp://", From: from},
		"SMTP_URL ":   {URL: "http://secret@mail.example.org", From: from},
		"SMTP_URL  ":  {URL: "smtp://u:secret@mail.example.org:99999", From: from},
		"port":        {URL: "smtp://u:secret@mail.example.org:0", From: from},
		"SMTP_URL:":   {URL: "smtp://u:se%zzcret@mail.example.org", From: from},
		"starttls":    {URL: "smtp://u:secret@mail.example.org?starttls=1", From: from},
		"tls":         {URL: "smtp://u:secret@mail.example.org?tls=maybe", From: from},
		"smtp://":     {URL: "smtps://u:secret@mail.example.org?tls=none", From: from},
		"ca":          {URL: "smtps://u:secret@mail.example.org?ca=/nowhere", From: from},
		"helo":        {URL: "smtps://u:secret@mail.example.org?helo=a%0d%0ab", From: from},
		"MAIL_FROM":   {URL: "smtp://mail.example.org"},
		"MAIL_FROM ":  {URL: "smtp://mail.example.org", From: "Rohrpost"},
		"MAIL_FROM i": {URL: "smtp://mail.example.org", From: "a@example.org\r\nBcc: b@example.org"},
		"PUBLIC_URL":  {PublicURL: "chat.example.org"},
		"PUBLIC_URL ": {PublicURL: "javascript://x"},
	} {
		_, err := mail.New(nil, cfg, slog.New(slog.DiscardHandler))
		require.Equal(t, fault.Invalid, fault.CodeOf(err), "%+v", cfg)
		require.Contains(t, err.Error(), strings.TrimRight(name, " :i"))
		require.NotContains(t, err.Error(), "secret")
	}
	_, err := mail.New(nil, mail.Config{}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
}

// certified makes a certificate for 127.0.0.1 that is its own authority, and says how Mailpit uses it.
func certified(t testing.TB) (ca string, flags []string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	ca, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return ca, []string{"--smtp-tls-cert", ca, "--smtp-tls-key", keyFile}
}
