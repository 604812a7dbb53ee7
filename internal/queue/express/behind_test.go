package express_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"rohrpost/internal/queue/express"
)

func TestATaskGetsItsPlaceInLine(t *testing.T) {
	t.Parallel()
	for name, opened := range map[string]func(redis.UniversalClient) *express.Line{
		"together": express.Sending, "plain": express.Plain,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			line := opened(h.rdb)
			defer func() { require.NoError(t, line.Stop(t.Context())) }()
			client := asynq.NewClientFromRedisClient(line)
			send := func(id string, ahead int64) error {
				ctx := t.Context()
				if ahead >= 0 {
					ctx = express.Behind(ctx, ahead)
				}
				_, err := client.EnqueueContext(ctx, asynq.NewTask("kind", []byte(id)), asynq.Queue("a"), asynq.TaskID(id))
				return err
			}
			require.NoError(t, send("only", 3), "there are not that many")
			for n := range 4 {
				require.NoError(t, send(strconv.Itoa(n), -1))
			}
			require.NoError(t, send("first", 0))
			require.NoError(t, send("third", 2))
			require.NoError(t, send("last", 7))
			require.NoError(t, send("after", 100))
			require.ErrorIs(t, send("third", 0), asynq.ErrTaskIDConflict)

			ids, err := h.rdb.LRange(t.Context(), "asynq:{a}:pending", 0, -1).Result()
			require.NoError(t, err)
			slices.Reverse(ids)
			require.Equal(t, []string{"first", "only", "third", "0", "1", "2", "3", "last", "after"}, ids)
			require.Equal(t, 9, h.info("a").Pending)
			info, err := asynq.NewInspectorFromRedisClient(h.rdb).GetTaskInfo("a", "third")
			require.NoError(t, err)
			require.Equal(t, asynq.TaskStatePending, info.State)
			require.Equal(t, "third", string(info.Payload))
			var got seen
			h.worker(map[string]int{"a": 1}, 1, func(payload string) error { got.note(payload); return nil })
			h.eventually(func() bool { return got.len() == 9 && h.info("a").Size == 0 }, "all should be given out")
		})
	}
}
