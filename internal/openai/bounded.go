package openai

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

const (
	maxAnswer = 16 << 20 // a page of a hundred jobs has some 200 KiB
	maxStream = 64 << 20 // the longest answer of a model, in pieces of a token that weigh half a KiB each
)

var errTooMuch = errors.New("the service's answer is too large")

// bounded is a transport whose answers have at most a number of bytes, since the library reads them whole.
type bounded struct {
	next http.RoundTripper
	most int64
}

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > b.most {
		_ = res.Body.Close() // unread is what it has to be
		return nil, fmt.Errorf("%d bytes: %w", res.ContentLength, errTooMuch)
	}
	res.Body = &boundedBody{res.Body, b.most}
	return res, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
