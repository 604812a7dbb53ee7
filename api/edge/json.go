package edge

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"reflect"
	"strings"

	"github.com/gofiber/fiber/v2"

	"rohrpost/internal/fault"
)

// MaxJSON bounds a JSON body: far more than any of our requests needs, and little enough to be held in memory.
const MaxJSON = 1 << 20

// JSON reads the body of a request as one JSON object into v, a pointer to a struct. It is strict, so that a mistake of
// the client is told instead of ignored: another media type is code unsupported_media_type, a body over [MaxJSON] is
// too_large, and invalid is whatever is no object, has a field that v doesn't have, has one twice or with another type,
// or goes on after its end.
func JSON(c *fiber.Ctx, v any) error {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEApplicationJSON {
		return fault.New(fault.Media, "The body has to be application/json.")
	}
	raw, err := io.ReadAll(io.LimitReader(BodyOf(c), MaxJSON+1))
	switch {
	case fault.CodeOf(err) == SlowRequest:
		return err
	case err != nil:
		return fault.Wrap(err, fault.Invalid, "The body of the request is not complete.")
	case len(raw) > MaxJSON:
		return fault.New(fault.TooLarge, "A JSON body has at most %d bytes.", MaxJSON)
	}
	return decode(raw, v)
}

func decode(raw []byte, v any) error {
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '{' {
		return fault.New(fault.Invalid, "The body has to be a JSON object.")
	}
	if name, err := repeated(json.NewDecoder(bytes.NewReader(raw))); err != nil {
		return fault.Wrap(err, fault.Invalid, "The body is not valid JSON.")
	} else if name != "" {
		return fault.New(fault.Invalid, "The field %q is there twice.", name)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return explain(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "The body goes on after its JSON object.")
	}
	return nil
}

// repeated returns the first name that an object of the next value has twice. encoding/json takes the last one, and
// takes names in any case; whoever checks a request in front of us may see another.
func repeated(d *json.Decoder) (string, error) {
	token, err := d.Token()
	if err != nil {
		return "", fmt.Errorf("read a token: %w", err)
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return "", nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			key, err := d.Token()
			if err != nil {
				return "", fmt.Errorf("read a name: %w", err)
			}
			name := fmt.Sprint(key)
			if lower := strings.ToLower(name); seen[lower] {
				return name, nil
			} else {
				seen[lower] = true
			}
		}
		if name, err := repeated(d); name != "" || err != nil {
			return name, err
		}
	}
	_, err = d.Token()
	return "", err
}

// explain says what encoding/json has found, without its words about Go.
func explain(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fault.Wrap(err, fault.Invalid, "The field %q has to be %s, not %s.",
			wrong.Field, kind(wrong.Type), article(wrong.Value))
	}
	if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
		return fault.Wrap(err, fault.Invalid, "There is no field %s here.", name)
	}
	return fault.Wrap(err, fault.Invalid, "The body is not valid JSON.")
}

func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "a number"
}

func article(value string) string {
	switch value, _, _ = strings.Cut(value, " "); value {
	case "bool":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	}
	return "a " + value
}
