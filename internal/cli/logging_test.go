package cli

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLogIsForPeopleOnATerminalAndForCollectorsElsewhere(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log, err := newLog(&out, true, "")
	require.NoError(t, err)
	log.Debug("hidden")
	log.Info("hello", "id", 1)
	complain(&out, true, errors.New("too bad"))
	require.Regexp(t, `^time=\S+ level=INFO msg=hello id=1\nrohrpost: too bad\n$`, out.String())

	out.Reset()
	log, err = newLog(&out, false, "DEBUG")
	require.NoError(t, err)
	log.Debug("hello", "id", 1)
	complain(&out, false, errors.New("too bad"))
	require.Regexp(t, `^\{.*"level":"DEBUG","msg":"hello","id":1\}\n\{.*"level":"ERROR".*"err":"too bad"\}\n$`, out.String())

	_, err = newLog(&out, true, "loud")
	require.EqualError(t, err, `LOG_LEVEL is "loud", it may be debug, info, warn or error`)
}
