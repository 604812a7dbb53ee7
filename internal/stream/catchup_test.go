package stream

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// These own what happens while a read is under way, which no real Redis lets a test time.

func idle(cfg Config) *Subscription {
	h := NewHub(nil, cfg, nil, nil)
	return &Subscription{hub: h, key: newJob(), wake: make(chan struct{}, 1), behind: true}
}

func live(seq uint64) message {
	at := position{1, seq}
	return message{Event{ID: at.String(), Type: TypeToken, Data: json.RawMessage(strconv.FormatUint(seq, 10))}, at}
}

// read is a page with entries 1 to last.
func read(last uint64) page {
	p := page{at: position{1, last}}
	for seq := uint64(1); seq <= last; seq++ {
		p.events = append(p.events, live(seq).event)
	}
	return p
}

func TestWhatArrivesDuringAReadIsNeitherLostNorDoubled(t *testing.T) {
	t.Parallel()
	s := idle(Config{})
	require.NoError(t, s.replay(func(position) (page, error) {
		for seq := uint64(2); seq <= 4; seq++ {
			s.deliver(live(seq)) // 2 and 3 are found by the read as well, 4 isn't
		}
		return read(3), nil
	}))
	require.False(t, s.behind)
	wantNumbers(t, s, 1, 4)
}

func TestAReadIsRepeatedWhenSomethingMayHaveBeenMissedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, miss := range map[string]func(*Subscription){
		"a reconnect": (*Subscription).fallBehind,
		"more than the stash holds": func(s *Subscription) {
			for seq := uint64(3); seq <= 6; seq++ {
				s.deliver(live(seq))
			}
		},
		"a hole": func(s *Subscription) { s.deliver(live(5)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idle(Config{Buffer: 2})
			require.NoError(t, s.replay(func(position) (page, error) {
				miss(s)
				return read(2), nil
			}))
			wantNumbers(t, s, 1, 2)
			_, behind, err := s.pop()
			require.NoError(t, err)
			require.True(t, behind)
		})
	}
}
