package openai

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"sync"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"rohrpost/internal/fault"
)

// purpose is what the files are for, by the service's name for it.
const purpose = "fine-tune"

const (
	uploadStart = time.Minute // for what an upload takes besides its bytes
	uploadSpeed = 128 << 10   // bytes a second that any line has on which a dataset is sent
)

// Damaged is the code of a file that is not what its record says.
var Damaged = fault.Register("content_damaged", fault.Class{Status: 500, Title: "Stored content damaged"})

// Content is a file to be uploaded.
type Content struct {
	Name   string
	Size   int64
	SHA256 []byte
	Reader io.Reader
}

// Upload sends a file for tuning as it is read, and returns the service's id of it. A content of another size or hash
// than promised is not sent to its end, so that the service has nothing of it; the code is [Damaged]. The time allowed
// grows with the size.
func (c *Client) Upload(ctx context.Context, content Content) (string, error) {
	head, tail, media, err := form(content.Name)
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", content.Name, err)
	}
	checked := &checkedReader{from: content.Reader, left: content.Size, sum: sha256.New(), want: content.SHA256}
	body := io.NopCloser(io.MultiReader(bytes.NewReader(head), checked, bytes.NewReader(tail)))
	length := int64(len(head)) + content.Size + int64(len(tail))
	within := uploadStart + time.Duration(content.Size/uploadSpeed)*time.Second
	var file sdk.FileObject
	err = c.exchange(ctx, within, func(ctx context.Context, o option.RequestOption) error {
		return c.api.Post(ctx, "files", nil, &file, o, option.WithRequestBody(media, body),
			option.WithMiddleware(func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
				req.ContentLength = length // or it would be sent in chunks, which some services refuse
				return next(req)
			}))
	})
	if wrong := checked.end(); wrong != nil { // whatever became of the request then
		err = wrong
	}
	if err != nil {
		return "", fmt.Errorf("upload %s: %w", content.Name, err)
	}
	if err := identified(file.ID); err != nil {
		return "", fmt.Errorf("upload %s: %w", content.Name, err)
	}
	return file.ID, nil
}

// form is what surrounds the content in a multipart body.
func form(name string) (head, tail []byte, media string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.WriteField("purpose", purpose); err != nil {
		return nil, nil, "", err
	}
	if _, err := w.CreateFormFile("file", name); err != nil {
		return nil, nil, "", err
	}
	split := b.Len()
	if err := w.Close(); err != nil {
		return nil, nil, "", err
	}
	return b.Bytes()[:split:split], b.Bytes()[split:], w.FormDataContentType(), nil
}

// checkedReader ends with an error unless it has read exactly what was promised. The transport may go on reading after
// the request has returned, hence the end.
type checkedReader struct {
	mu   sync.Mutex // guards all
	from io.Reader
	left int64
	sum  hash.Hash
	want []byte
	err  error
	over bool
}

func (r *checkedReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.over:
		return 0, io.ErrClosedPipe
	case r.err != nil:
		return 0, r.err
	}
	n, err := r.from.Read(p)
	r.sum.Write(p[:n])
	r.left -= int64(n)
	switch {
	case r.left < 0, err == io.EOF && (r.left != 0 || !r.same()):
		r.err = fault.New(Damaged, "The stored content of the dataset is not what its record says.")
		return 0, r.err
	case err != nil && err != io.EOF:
		r.err = fmt.Errorf("read the content: %w", err)
		return 0, r.err
	}
	return n, err
}

func (r *checkedReader) same() bool {
	return subtle.ConstantTimeCompare(r.sum.Sum(nil), r.want) == 1
}

// end sees to it that nothing is read any more, and returns what was wrong with the content.
func (r *checkedReader) end() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	return r.err
}
