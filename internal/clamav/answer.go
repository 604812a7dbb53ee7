package clamav

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"rohrpost/internal/fault"
)

const (
	sizeLimit   = "INSTREAM size limit exceeded"
	limitsAlert = "Heuristics.Limits.Exceeded"
	cryptAlert  = "Heuristics.Encrypted"
	// The daemon answers an announcement from its accepting thread, at once; it doesn't answer one that is fine.
	announceTimeout = 2 * time.Second
)

// read makes a verdict of the daemon's answer. An alert outweighs what else was said.
func read(lines []string) (Verdict, error) {
	var clean bool
	for _, line := range lines {
		line = strings.TrimRight(line, "\x00\r\n ")
		if strings.HasPrefix(line, sizeLimit) {
			return Verdict{Name: LimitsExceeded, Signature: sizeLimit}, nil
		}
		text, isAnswer := strings.CutPrefix(line, "stream: ")
		if signature, found := strings.CutSuffix(text, " FOUND"); isAnswer && found {
			return Verdict{Name: alert(signature), Signature: signature}, nil
		}
		clean = isAnswer && text == "OK"
	}
	if clean && len(lines) == 1 {
		return Verdict{Name: Clean}, nil
	}
	return Verdict{}, fault.Wrap(&answerError{lines}, fault.Unavailable, "The virus scanner could not scan the file.")
}

func alert(signature string) string {
	switch {
	case strings.HasPrefix(signature, limitsAlert):
		return LimitsExceeded
	case strings.HasPrefix(signature, cryptAlert):
		return Encrypted
	}
	return Infected
}

// answerError is an answer that is no verdict.
type answerError struct{ lines []string }

func (e *answerError) Error() string { return "clamd answered " + strings.Join(e.lines, " | ") }

// overLimit asks the daemon whether size is over its StreamMaxLength, without sending any of it.
func (s *Scanner) overLimit(ctx context.Context, size int64) bool {
	if size > math.MaxUint32 {
		return true // it can't even be announced
	}
	ctx, end := context.WithTimeout(ctx, announceTimeout)
	defer end()
	answer, err := s.ask(ctx, string(binary.BigEndian.AppendUint32([]byte("zINSTREAM\x00"), uint32(size))))
	return err == nil && strings.HasPrefix(answer, sizeLimit)
}
