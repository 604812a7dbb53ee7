package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"rohrpost/internal/bench/trial"
)

// peer is another engine in a program of its own, see [trial.Serve].
type peer struct {
	command string
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *json.Decoder
}

// startPeer runs command, a program with arguments.
func startPeer(ctx context.Context, command string, s trial.Servers) (*peer, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return nil, errors.New("the command of a peer is empty")
	}
	p := &peer{command: command, cmd: exec.CommandContext(ctx, words[0], words[1:]...)} //nolint:gosec // as asked for
	p.cmd.Stderr = os.Stderr
	p.cmd.WaitDelay = peerGrace
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, p.wrap(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, p.wrap(err)
	}
	p.answers = json.NewDecoder(out)
	if err := p.cmd.Start(); err != nil {
		return nil, p.wrap(err)
	}
	hello, err := p.ask(s)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.name = hello.Name
	return p, nil
}

const peerGrace = 10 * time.Second // a peer that goes on longer after its input ended is killed

func (p *peer) run(_ context.Context, plan trial.Plan) (trial.Values, error) {
	reply, err := p.ask(plan)
	return reply.Values, err
}

// ask waits for the answer. A peer that hangs ends with the context of [startPeer].
func (p *peer) ask(request any) (reply trial.Reply, err error) {
	if err := json.NewEncoder(p.in).Encode(request); err != nil {
		return reply, p.wrap(fmt.Errorf("it ended before it was asked: %w", err))
	}
	if err := p.answers.Decode(&reply); err != nil {
		return reply, p.wrap(fmt.Errorf("it gave no answer: %w", err))
	}
	if reply.Error != "" {
		return reply, p.wrap(errors.New(reply.Error))
	}
	return reply, nil
}

func (p *peer) close() error {
	killed := time.AfterFunc(peerGrace, func() { p.cmd.Process.Kill() }) //nolint:errcheck // it has ended
	defer killed.Stop()
	return p.wrap(errors.Join(p.in.Close(), p.cmd.Wait()))
}

func (p *peer) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("peer %s: %w", p.command, err)
}
