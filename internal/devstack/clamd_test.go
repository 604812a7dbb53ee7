package devstack_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
)

func TestClamdFindsTheTestFiles(t *testing.T) {
	t.Parallel()
	c := stacktest.Clamd(t)
	for name, test := range map[string]struct {
		content []byte
		answer  string
	}{
		"EICAR":       {devstack.EICAR(), "stream: Eicar-Test-Signature.UNOFFICIAL FOUND"},
		"our own":     {append([]byte("in front "), devstack.TestVirus()...), "stream: Rohrpost.Test.UNOFFICIAL FOUND"},
		"nothing bad": {[]byte("hello"), "stream: OK"},
		"just small":  {bytes.Repeat([]byte("a"), stacktest.MaxScanBytes), "stream: OK"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := scan(t, c.Address(), test.content); got != test.answer {
				t.Errorf("got %q, want %q", got, test.answer)
			}
		})
	}
}

func TestClamdLearnsAndRestarts(t *testing.T) {
	t.Parallel()
	c, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	must(t, err)
	if source, complete := c.Signatures(); complete || source == "" {
		t.Errorf("signatures %q, complete %t", source, complete)
	}
	content, address := []byte("something that was harmless yesterday"), c.Address()
	if got := scan(t, address, content); got != "stream: OK" {
		t.Errorf("before: %q", got)
	}
	must(t, c.AddSignature(t.Context(), "Rohrpost.New", content))
	must(t, c.Restart(t.Context()))
	if got := scan(t, address, content); got != "stream: Rohrpost.New.UNOFFICIAL FOUND" {
		t.Errorf("after: %q", got)
	}
	must(t, c.DropSignature(t.Context(), "Rohrpost.New"))
	if got := scan(t, address, content); got != "stream: OK" {
		t.Errorf("after it was dropped: %q", got)
	}
	if got := scan(t, address, devstack.EICAR()); got != "stream: Eicar-Test-Signature.UNOFFICIAL FOUND" {
		t.Errorf("EICAR: %q", got)
	}
}

func TestClamdRefusesAByteTooMuch(t *testing.T) {
	t.Parallel()
	// The announced size decides; with the bytes behind it the answer could be lost in the reset of the connection.
	answer := exchange(t, stacktest.Clamd(t).Address(), binary.BigEndian.AppendUint32(nil, stacktest.MaxScanBytes+1))
	if answer != "INSTREAM size limit exceeded. ERROR" {
		t.Errorf("got %q", answer)
	}
}
