package stream

import (
	"context"
	_ "embed" // for the script
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
)

//go:embed append.lua
var appendSource string

var appendScript = redis.NewScript(appendSource)

// onceCmd is a command that go-redis must not repeat by itself after a network error: it may have been executed. We
// repeat it ourselves, marked as a retry, and the script looks whether it was.
type onceCmd struct{ *redis.Cmd }

// NoRetry is asked by go-redis before it repeats a pipeline.
func (onceCmd) NoRetry() bool { return true }

// part is what one append writes to one stream: one call of the script.
type part struct {
	key   Key
	keys  []string
	args  []any // epoch, max length, log ttl, fence ttl, append key, retry, known id, over, entries…
	ends  bool
	tried bool // the outcome of an earlier attempt is unknown
	done  bool
	err   error // ErrFenced or ErrEnded, once done
}

// Where the arguments that are not the same for all attempts and batches lie in part.args.
const (
	argKey   = 4
	argRetry = 5
	argKnown = 6
)

// named has the part written under the name of its batch, as a retry of whoever may have written it.
func (p *part) named(key string) {
	if key != "" {
		p.args[argKey], p.tried = "once."+key, true
	}
}

// run executes the parts that aren't done in one round trip (a second one if Redis doesn't know the script yet) and
// returns the first error in order, refusals before others.
func (l *Log) run(ctx context.Context, parts []*part) error {
	cmds := l.exec(ctx, parts, appendScript.Hash(), "evalsha")
	var unknown []*part
	for i, p := range parts {
		if cmds[i] != nil && isNoScript(cmds[i].Err()) {
			p.tried = p.args[argRetry] == "1" // not executed now; whether it was before stays unknown
			unknown = append(unknown, p)
		}
	}
	if len(unknown) > 0 {
		again := l.exec(ctx, unknown, appendSource, "eval")
		for i, p := range unknown {
			for j := range parts {
				if parts[j] == p {
					cmds[j] = again[i]
				}
			}
		}
	}
	var first error
	for i, p := range parts {
		err := p.err
		if cmds[i] != nil {
			err = l.settle(p, cmds[i])
		}
		// A refusal outweighs trouble with another stream: trying again is pointless for the writer as a whole.
		if err != nil && (first == nil || refused(err) && !refused(first)) {
			first = fmt.Errorf("append to %s: %w", p.key, err)
		}
	}
	return first
}

// exec sends the parts that aren't done; the results are in the order of parts, nil for the done ones.
func (l *Log) exec(ctx context.Context, parts []*part, script, verb string) []*redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	cmds := make([]*redis.Cmd, len(parts))
	pipe := l.rdb.Pipeline()
	for i, p := range parts {
		if p.done {
			continue
		}
		p.args[argRetry] = flag(p.tried)
		p.args[argKnown] = l.known(p.key)
		args := append([]any{verb, script, len(p.keys), p.keys[0], p.keys[1]}, p.args...)
		cmd := redis.NewCmd(ctx, args...)
		cmd.SetFirstKeyPos(3)
		cmds[i] = cmd
		_ = pipe.Process(ctx, onceCmd{cmd}) // only queues; each command keeps its own error
		p.tried = true
	}
	_, _ = pipe.Exec(ctx) // the commands' own errors are read by the caller
	return cmds
}

// settle reads the script's answer for one part.
func (l *Log) settle(p *part, cmd *redis.Cmd) error {
	answer, err := cmd.StringSlice()
	if err != nil {
		return err
	}
	if len(answer) != 2 {
		return fmt.Errorf("unexpected answer %q", answer)
	}
	p.done = true
	switch answer[0] {
	case "fenced":
		p.err = ErrFenced
	case "ended":
		p.err = ErrEnded
	default:
		l.remember(p, answer[1])
	}
	return p.err
}

// refused tells whether the stream itself said no, so that trying again is pointless.
func refused(err error) bool { return errors.Is(err, ErrFenced) || errors.Is(err, ErrEnded) }

func isNoScript(err error) bool { return err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") }

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
