package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// The protocol between `rohrpost bench` and a peer, a program that puts another engine on trial: one JSON value a line.
// The peer gets [Servers] first and answers with a [Reply] that has its name. Then it gets a [Plan] for each run and
// answers with the run's values. It ends when its input does.

// Reply is an answer of a peer.
type Reply struct {
	Name   string `json:"name,omitempty"`
	Values Values `json:"values,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Serve is a peer's main loop. open connects to the servers and returns the engine, which Serve closes.
func Serve(ctx context.Context, in io.Reader, out io.Writer,
	open func(ctx context.Context, servers Servers) (s Subject, closes func(), err error)) error {
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	var servers Servers
	if err := requests.Decode(&servers); err != nil {
		return fmt.Errorf("read the servers: %w", err)
	}
	s, closes, err := open(ctx, servers)
	if err != nil {
		return errors.Join(err, answers.Encode(Reply{Error: err.Error()}))
	}
	defer closes()
	if err := answers.Encode(Reply{Name: s.Name()}); err != nil {
		return err
	}
	for {
		var plan Plan
		switch err := requests.Decode(&plan); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read a plan: %w", err)
		}
		reply := Reply{}
		if reply.Values, err = Run(ctx, s, servers, plan); err != nil {
			reply = Reply{Error: err.Error()}
		}
		if err := answers.Encode(reply); err != nil {
			return err
		}
	}
}
