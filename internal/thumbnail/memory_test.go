package thumbnail

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"rohrpost/internal/thumbnail/imagetest"
)

func TestLargeImagesWaitForOneAnotherAndSmallOnesDoNot(t *testing.T) {
	large, small := imagetest.Encoded(t, "jpeg", imagetest.Halves(900, 900)), imagetest.Encoded(t, "jpeg", imagetest.Halves(90, 90))
	synctest.Test(t, func(t *testing.T) {
		m := New(Config{Parallel: 1, MaxPixels: 1_000_000})
		m.share = 10_000
		// Given an image that is most of what may be in memory, halfway through
		goOn, made := make(chan struct{}), make(chan struct{}, 2)
		make3 := func(r io.ReadSeeker) {
			_, err := m.Make(t.Context(), r)
			require.NoError(t, err)
			made <- struct{}{}
		}
		go make3(&stuck{ReadSeeker: bytes.NewReader(large), at: int64(len(large)) / 2, until: goOn})
		synctest.Wait()

		// Then a small one is made, and another large one waits
		make3(bytes.NewReader(small))
		<-made
		go make3(bytes.NewReader(large))
		synctest.Wait()
		require.Empty(t, made)

		// until the first has ended
		close(goOn)
		<-made
		<-made
	})
}

// stuck reads up to a place, and from there on when it may.
type stuck struct {
	io.ReadSeeker
	at    int64
	until chan struct{}
}

func (s *stuck) Read(p []byte) (int, error) {
	at, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	if at >= s.at {
		<-s.until
	}
	return s.ReadSeeker.Read(p)
}
