package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"rohrpost/api/edge"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/tracing"
)

// contentPolicy keeps whatever an uploader made from running as a page of ours.
const contentPolicy = "sandbox; default-src 'none'; frame-ancestors 'none'"

// GetFileContent sends a clean file.
func (s *Server) GetFileContent(c *fiber.Ctx, id ID, params GetFileContentParams) error {
	content, err := s.files.Open(c.UserContext(), edge.Who(c).UserID, id)
	if err != nil {
		return fmt.Errorf("open file: %w", err)
	}
	return s.send(c, ofFile(content), "attachment", conditions{params.Range, params.IfRange, params.IfNoneMatch})
}

// GetThumbnail sends a thumbnail, which we made ourselves and a page may show.
func (s *Server) GetThumbnail(c *fiber.Ctx, id ID, name string, params GetThumbnailParams) error {
	content, err := s.files.OpenThumbnail(c.UserContext(), edge.Who(c).UserID, id, strings.Clone(name))
	if err != nil {
		return fmt.Errorf("open thumbnail: %w", err)
	}
	return s.send(c, ofFile(content), "inline", conditions{params.Range, params.IfRange, params.IfNoneMatch})
}

// conditions are the headers that decide how much is sent.
type conditions struct{ byteRange, ifRange, ifNoneMatch *string }

// download is what can be sent, whole or in part.
type download struct {
	name      string
	mediaType string
	size      int64  // bytes
	sha256    []byte // may be nil
	open      func(ctx context.Context, offset, length int64) (io.ReadCloser, error)
}

func ofFile(c *files.Content) download {
	return download{c.Name, c.MediaType, c.Size, c.SHA256, c.NewRangeReader}
}

func (s *Server) send(c *fiber.Ctx, content download, disposition string, cond conditions) error {
	c.Set(fiber.HeaderContentSecurityPolicy, contentPolicy)
	// Kept by the user's own browser, and asked about each time: it may be deleted, or be somebody else's turn to log in.
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	etag := ""
	if len(content.sha256) > 0 {
		etag = `"` + hex.EncodeToString(content.sha256) + `"`
		c.Set(fiber.HeaderETag, etag)
	}
	if etag != "" && cond.ifNoneMatch != nil && edge.MatchesETag(*cond.ifNoneMatch, etag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	from, size, partial, err := cond.window(content.size, etag)
	if err != nil {
		c.Set(fiber.HeaderContentRange, "bytes */"+strconv.FormatInt(content.size, 10))
		return err
	}
	c.Set(fiber.HeaderContentType, content.mediaType)
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType(disposition, map[string]string{"filename": content.name}))
	if partial {
		c.Status(fiber.StatusPartialContent)
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", from, from+size-1, content.size))
	}
	if c.Method() == fiber.MethodHead || size == 0 {
		c.Context().SetBodyStream(bytes.NewReader(nil), int(size))
		return nil
	}
	// The body is read after this handler has returned, by the connection.
	ctx, cancel := context.WithCancel(tracing.Under(s.base, c.UserContext()))
	reader, err := content.open(ctx, from, size)
	if err != nil {
		cancel()
		return fmt.Errorf("read the content: %w", err)
	}
	c.Context().SetBodyStream(&body{reader, cancel}, int(size))
	return nil
}

// window returns what part of size bytes is asked for. Several ranges at once, or one of something changed, get all.
func (cond conditions) window(size int64, etag string) (from, length int64, partial bool, err error) {
	if cond.byteRange == nil || !strings.HasPrefix(*cond.byteRange, "bytes=") || strings.Contains(*cond.byteRange, ",") ||
		cond.ifRange != nil && (etag == "" || *cond.ifRange != etag) {
		return 0, size, false, nil
	}
	first, last, err := fasthttp.ParseByteRange([]byte(*cond.byteRange), int(size))
	if err != nil || first >= int(size) || last < first {
		return 0, 0, false, fault.Wrap(err, codeRange, "There are %d bytes; the range lies outside.", size)
	}
	return int64(first), int64(last-first) + 1, true, nil
}

// body closes with its reader the context that the reader lives in.
type body struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *body) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
