package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"rohrpost/api"
)

// uploadWithin bounds the upload of a gigabyte on a busy machine.
const uploadWithin = 2 * time.Minute

// stream uploads generated content that is nowhere as a whole. sent is told how much has been read of it, and breaks the
// upload off with an error; it may be nil.
func (u user) stream(ctx context.Context, name string, size int64, sent func(int64) error) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, uploadWithin)
	defer cancel()
	const mark = "CONTENT"
	frame, media := form(name, []byte(mark))
	head, tail, _ := bytes.Cut(frame, []byte(mark))
	content := &noise{left: size, sent: sent}
	_, _ = rand.NewChaCha8([32]byte{}).Read(content.block[:]) // never fails
	body := io.MultiReader(bytes.NewReader(head), content, bytes.NewReader(tail))
	return u.do(ctx, http.MethodPost, "/api/files", body, "Content-Type", media)
}

// noise yields left bytes.
type noise struct {
	block      [64 << 10]byte
	left, done int64
	sent       func(int64) error
}

func (n *noise) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	size := copy(p[:min(int64(len(p)), n.left)], n.block[:])
	n.left -= int64(size)
	n.done += int64(size)
	if n.sent != nil {
		if err := n.sent(n.done); err != nil {
			return 0, err
		}
	}
	return size, nil
}

func TestAnUploadThatComesToNothingLeavesNothing(t *testing.T) {
	t.Parallel()
	const limit = 4 << 20
	p := open(t, settings{"FILES_MAX_BYTES": fmt.Sprint(limit)})
	site := p.api()
	u := join(t, site)
	require.Empty(t, p.stored())

	a, err := u.stream(t.Context(), "over.bin", limit+1, nil)
	require.NoError(t, err)
	a.problem(http.StatusRequestEntityTooLarge, "too_large")
	require.Empty(t, p.stored(), "one byte over the limit")

	// The client goes away in the middle: it must not come to the end of the body, or the upload is one.
	gone, begun := errors.New("the client is gone"), false
	_, err = u.stream(t.Context(), "aborted.bin", limit, func(sent int64) error {
		if begun = len(p.stored()) > 0; sent < limit && !begun {
			return nil
		}
		return gone
	})
	require.ErrorIs(t, err, gone)
	require.True(t, begun, "some of it was there")
	eventually(t, func() bool { return len(p.stored()) == 0 }, "an aborted upload should leave nothing")
	var page api.FilePage
	u.get("/api/files").want(http.StatusOK).into(&page)
	require.Empty(t, page.Items)

	a, err = u.stream(t.Context(), "just.bin", limit, nil)
	require.NoError(t, err)
	a.want(http.StatusAccepted)
	require.Len(t, p.stored(), 1, "the limit itself will do")
}
