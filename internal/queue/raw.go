package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"

	"rohrpost/internal/fault"
)

// RawKind is a [Kind] for callers that have its arguments as JSON, such as a schedule. Make it with [Raw].
type RawKind struct {
	Name    string
	check   func(raw json.RawMessage) (json.RawMessage, error)
	enqueue func(ctx context.Context, tx pgx.Tx, raw json.RawMessage, opts []Option) (Record, error)
}

// Raw opens a kind to arguments in JSON. They are read strictly, and arguments with a method Check() error are asked for
// what JSON can't tell.
func Raw[A any](kind Kind[A]) RawKind {
	return RawKind{
		Name: kind.Name,
		check: func(raw json.RawMessage) (json.RawMessage, error) {
			args, err := readArgs[A](kind.Name, raw)
			if err != nil {
				return nil, err
			}
			return json.Marshal(args)
		},
		enqueue: func(ctx context.Context, tx pgx.Tx, raw json.RawMessage, opts []Option) (Record, error) {
			args, err := readArgs[A](kind.Name, raw)
			if err != nil {
				return Record{}, err
			}
			return Enqueue(ctx, tx, kind, args, opts...)
		},
	}
}

// Check reads arguments and returns them as they are to be stored. No arguments are those with zero values. The code of
// its errors is invalid.
func (k RawKind) Check(raw json.RawMessage) (json.RawMessage, error) { return k.check(raw) }

// EnqueueRaw is [Enqueue] for arguments in JSON. Arguments that the kind does not take are invalid, and nothing was done
// to tx then.
func EnqueueRaw(ctx context.Context, tx pgx.Tx, kind RawKind, raw json.RawMessage, opts ...Option) (Record, error) {
	return kind.enqueue(ctx, tx, raw, opts)
}

func readArgs[A any](kind string, raw json.RawMessage) (A, error) {
	var args A
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&args); err != nil {
		return args, fault.Wrap(err, fault.Invalid, "%s does not take these arguments: %s.", kind, whyNot(err))
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return args, fault.New(fault.Invalid, "%s takes one JSON object of arguments.", kind)
	}
	if checked, ok := any(args).(interface{ Check() error }); ok {
		if err := checked.Check(); err != nil {
			return args, fmt.Errorf("arguments of %s: %w", kind, err)
		}
	}
	return args, nil
}

// whyNot tells what is wrong with arguments, without the names of Go.
func whyNot(err error) string {
	var typ *json.UnmarshalTypeError
	switch {
	case errors.As(err, &typ) && typ.Field == "":
		return "they have to be a JSON object"
	case errors.As(err, &typ):
		return fmt.Sprintf("%s can't be a %s", typ.Field, typ.Value)
	case strings.HasPrefix(err.Error(), "json: unknown field"):
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	return "they are no JSON"
}
