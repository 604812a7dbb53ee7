package cli

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestServersThatDoNotAnswerAreShownBesideThoseThatDo(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	uses := newDependencies(reg)
	uses.add("postgresql", func(context.Context) error { return nil })
	uses.add("redis", func(context.Context) error { return errors.New("connection refused") })
	uses.add("clamd", func(ctx context.Context) error { // takes connections and says nothing
		<-ctx.Done()
		return ctx.Err()
	})
	goOn := make(chan struct{})
	defer close(goOn)
	uses.add("storage", func(context.Context) error { // a client that doesn't heed its context
		<-goOn
		return nil
	})
	require.NoError(t, testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP rohrpost_dependency_up 1 if a server that this process uses has answered it within 2 s at this scrape, 0 if not.
# TYPE rohrpost_dependency_up gauge
rohrpost_dependency_up{dependency="clamd"} 0
rohrpost_dependency_up{dependency="postgresql"} 1
rohrpost_dependency_up{dependency="redis"} 0
rohrpost_dependency_up{dependency="storage"} 0
`), "rohrpost_dependency_up"))
}
