package files_test

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	_ "image/jpeg"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"rohrpost/db"
	"rohrpost/internal/clamav"
	"rohrpost/internal/clamav/clamtest"
	"rohrpost/internal/devstack"
	"rohrpost/internal/devstack/stacktest"
	"rohrpost/internal/fault"
	"rohrpost/internal/files"
	"rohrpost/internal/queue"
	"rohrpost/internal/stream"
	"rohrpost/internal/thumbnail/imagetest"
)

func TestFromUploadToThumbnails(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	content := imagetest.Turned(t, imagetest.Halves(1200, 600), 6)
	file := h.await(h.upload("photo.jpg", content).ID)

	require.Equal(t, files.Clean, file.Status)
	require.Equal(t, clamav.Clean, *file.Verdict)
	require.Equal(t, files.ThumbnailsReady, file.ThumbnailStatus)
	require.NotNil(t, file.ScannedAt)
	opened, err := h.Open(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, content, h.download(opened, 0, -1))
	require.Equal(t, content[100:200], h.download(opened, 100, 100))
	require.Len(t, file.Thumbnails, 3)
	for i, want := range []image.Point{{64, 128}, {256, 512}, {512, 1024}} { // upright by its orientation
		record := file.Thumbnails[i]
		thumb, err := h.OpenThumbnail(t.Context(), h.owner, file.ID, record.Name)
		require.NoError(t, err)
		img, format, err := image.Decode(bytes.NewReader(h.download(thumb, 0, -1)))
		require.NoError(t, err)
		require.Equal(t, "image/"+format, thumb.MediaType)
		require.Equal(t, want, img.Bounds().Size())
		require.EqualValues(t, want.X, record.Width)
		require.Equal(t, record.Size, thumb.Size)
	}
	_, err = h.OpenThumbnail(t.Context(), h.owner, file.ID, "huge")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))

	scan := h.untilJob(file.JobID, func(j db.Job) bool { return j.State == queue.Succeeded })
	var result files.ScanResult
	require.NoError(t, json.Unmarshal(scan.Result, &result))
	require.Equal(t, files.Clean, result.Status)
	thumbs := h.untilJob(*result.ThumbnailJobID, func(j db.Job) bool { return j.State == queue.Succeeded })
	require.Contains(t, string(thumbs.Result), `"name": "large"`)
	require.Contains(t, h.told(stream.Job(file.JobID)), `"step":"scanning"`)
	require.ElementsMatch(t, []string{"uploads", "small", "medium", "large"}, h.stored())

	require.NoError(t, h.Delete(t.Context(), h.owner, file.ID))
	require.Empty(t, h.stored())
}

// told is what a stream has been told so far.
func (h *house) told(key stream.Key) string {
	h.t.Helper()
	entries, err := h.rdb.XRange(h.ctx(), key.String(), "-", "+").Result()
	require.NoError(h.t, err)
	text, err := json.Marshal(entries)
	require.NoError(h.t, err)
	return string(bytes.ReplaceAll(text, []byte(`\"`), []byte(`"`)))
}

func TestAnInfectedFileIsQuarantinedAndAdminsAreTold(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	admin, other := h.user("admin"), h.user("user")
	for name, content := range map[string][]byte{
		"eicar.txt": devstack.EICAR(), "zip.zip": clamtest.Zip(t, "a.zip", clamtest.Zip(t, "b.txt", devstack.EICAR())),
		"cat.gif": append([]byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;"), devstack.EICAR()...),
	} {
		file := h.await(h.upload(name, content).ID)
		require.Equal(t, files.Quarantined, file.Status)
		require.Equal(t, clamav.Infected, *file.Verdict)
		require.Equal(t, "Eicar-Test-Signature.UNOFFICIAL", *file.Signature)
		require.Equal(t, files.ThumbnailsNone, file.ThumbnailStatus)
		for _, who := range []uuid.UUID{h.owner, admin, other} {
			_, err := h.Open(t.Context(), who, file.ID)
			require.Error(t, err)
		}
		h.eventually(func() bool {
			told := h.told(stream.User(admin))
			return bytes.Contains([]byte(told), []byte(`"notice":"file_quarantined","file_id":"`+file.ID.String()))
		}, "the admin was not told of %s", name)
	}
	require.NotContains(t, h.told(stream.User(other)), "notice")
	h.eventually(func() bool {
		return len(h.stored()) == 3 && h.stored()[0] == "quarantine" && h.stored()[2] == "quarantine"
	}, "the first place was not cleared")
}

func TestHardCases(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{})
	jpeg := imagetest.Encoded(t, "jpeg", imagetest.Halves(300, 300))
	for name, test := range map[string]struct {
		content    []byte
		status     string
		verdict    string
		thumbnails string
	}{
		"encrypted zip":      {clamtest.EncryptedZip(t), files.Refused, clamav.Encrypted, files.ThumbnailsNone},
		"over clamd's limit": {make([]byte, stacktest.MaxScanBytes+1), files.Refused, clamav.LimitsExceeded, files.ThumbnailsNone},
		"text":               {[]byte("hello"), files.Clean, clamav.Clean, files.ThumbnailsNone},
		"gif and script":     {[]byte("GIF89a=1;alert(1)//"), files.Clean, clamav.Clean, files.ThumbnailsFailed},
		"jpeg and zip": {
			append(append([]byte{}, jpeg...), clamtest.Zip(t, "a", []byte("harmless"))...),
			files.Clean, clamav.Clean, files.ThumbnailsReady,
		},
		"truncated":     {jpeg[:len(jpeg)/2], files.Clean, clamav.Clean, files.ThumbnailsFailed},
		"900 MP":        {imagetest.HugePNG(30_000, 30_000), files.Clean, clamav.Clean, files.ThumbnailsFailed},
		"10,000 frames": {imagetest.Animation(200, 100, 10_000), files.Clean, clamav.Clean, files.ThumbnailsFailed},
		"webp":          {imagetest.WebP(300, 200, imagetest.Red), files.Clean, clamav.Clean, files.ThumbnailsReady},
	} {
		t.Run(name, func(t *testing.T) {
			file := h.await(h.upload(name, test.content).ID)
			require.Equal(t, []string{test.status, test.verdict, test.thumbnails},
				[]string{file.Status, *file.Verdict, file.ThumbnailStatus})
			require.Equal(t, test.status != files.Clean, file.Reason != nil, "a reason is given")
			require.Equal(t, test.thumbnails == files.ThumbnailsFailed, file.ThumbnailReason != nil, "a reason is given")
			_, err := h.Open(t.Context(), h.owner, file.ID)
			require.Equal(t, test.status == files.Clean, err == nil, "only clean opens a file: %v", err)
		})
	}
}

func TestWithTheScannerDownAFileWaitsAndStaysClosed(t *testing.T) {
	t.Parallel()
	clamd, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	h := open(t, files.Config{Scanner: clamav.Config{Address: clamd.Address()}})
	require.NoError(t, clamd.Stop(t.Context()))
	file := h.upload("a.txt", []byte("hello"))
	job := h.untilJob(file.JobID, func(j db.Job) bool { return j.Attempt >= 2 && j.ErrorCode != nil })
	require.Equal(t, string(fault.Unavailable), *job.ErrorCode)
	waiting, err := h.Get(t.Context(), h.owner, file.ID)
	require.NoError(t, err)
	require.Equal(t, files.Processing, waiting.Status)
	_, err = h.Open(t.Context(), h.owner, file.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))
	require.NoError(t, clamd.Start(t.Context()))
	// However many attempts the start has used up.
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, file.JobID)
	if file := h.await(file.ID); file.Status == files.Failed {
		_, err = h.engine.Rerun(t.Context(), file.JobID, h.owner)
		require.NoError(t, err)
	}
	h.until(file.ID, func(f files.File) bool { return f.Status == files.Clean })
}

func TestAFrozenScannerFailsAFileWithTimeoutAndARerunHeals(t *testing.T) {
	t.Parallel()
	clamd, err := stacktest.Own(t).StartClamd(t.Context(), devstack.ClamdOptions{OwnSignatures: true})
	require.NoError(t, err)
	h := open(t, files.Config{Scanner: clamav.Config{Address: clamd.Address(), Timeout: 500 * time.Millisecond}})
	require.NoError(t, syscall.Kill(clamd.Pid(), syscall.SIGSTOP))
	file := h.upload("a.txt", []byte("hello"))
	h.exec(`UPDATE jobs SET max_attempts = 2 WHERE id = $1`, file.JobID)
	failed := h.await(file.ID)
	require.Equal(t, files.Failed, failed.Status)
	require.Equal(t, "timeout", *failed.Verdict)
	require.Contains(t, *failed.Reason, "took longer than 500ms")
	_, err = h.Open(t.Context(), h.owner, file.ID)
	require.Equal(t, files.NotClean, fault.CodeOf(err))

	require.NoError(t, syscall.Kill(clamd.Pid(), syscall.SIGCONT))
	h.exec(`UPDATE jobs SET max_attempts = 1000 WHERE id = $1`, file.JobID)
	_, err = h.engine.Rerun(t.Context(), file.JobID, h.owner)
	require.NoError(t, err)
	healed := h.await(file.ID)
	require.Equal(t, files.Clean, healed.Status)
	require.Nil(t, healed.Reason)
}

func TestACancelledScanFailsTheFile(t *testing.T) {
	t.Parallel()
	scanning := make(chan struct{}, 1)
	h := open(t, files.Config{}, files.ScanWith(func(ctx context.Context) (clamav.Verdict, error) {
		scanning <- struct{}{}
		<-ctx.Done()
		return clamav.Verdict{}, context.Cause(ctx)
	}))
	file := h.upload("a.txt", []byte("hello"))
	<-scanning
	_, err := h.engine.Cancel(t.Context(), file.JobID, h.owner)
	require.NoError(t, err)
	failed := h.await(file.ID)
	require.Equal(t, files.Failed, failed.Status)
	require.Equal(t, "error", *failed.Verdict)
	require.Equal(t, "It was cancelled.", *failed.Reason)
	require.Equal(t, []string{"uploads"}, h.stored())
}

func TestAMissingScannerAddressKeepsFilesWaiting(t *testing.T) {
	t.Parallel()
	h := open(t, files.Config{Scanner: clamav.Config{Address: "http://not.clamd"}})
	file := h.upload("a.txt", []byte("hello"))
	job := h.untilJob(file.JobID, func(j db.Job) bool { return j.ErrorCode != nil })
	require.Equal(t, string(fault.Unavailable), *job.ErrorCode)
}
