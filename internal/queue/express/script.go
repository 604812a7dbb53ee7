package express

import (
	"strings"

	"github.com/redis/go-redis/v9"
)

// what is the work of one of Asynq's scripts, as far as we know it.
type what int

const (
	other what = iota
	taking
	handingOver
	done
	queueing // puts tasks in line that are not new, so that workers have to be woken
)

// script is a call of EVAL or EVALSHA on the keys of one queue.
type script struct {
	what  what
	queue string
	keys  []string
	args  []any // after the keys
}

const prefix = "asynq:{"

// The keys of Asynq's scripts, by their names after "asynq:{<queue>}:"; a name that ends with a colon goes on with
// something that differs from call to call. A test pins them against the library.
var shapes = []struct {
	what what
	keys []string
	args int
}{
	{taking, []string{"pending", "paused", "active", "lease"}, 2},
	{handingOver, []string{"t:", "pending"}, 3},
	{done, []string{"active", "lease", "t:", "processed:", "processed"}, 3},
	{queueing, []string{"active", "lease", "pending", "t:"}, 1}, // put back
	{queueing, []string{"retry", "pending"}, 4},                 // forwarded
	{queueing, []string{"scheduled", "pending"}, 4},
}

// isAsynq tells whether cmd is a script on a queue of Asynq.
func isAsynq(cmd redis.Cmder) bool {
	_, ok := firstKey(cmd)
	return ok
}

func firstKey(cmd redis.Cmder) (string, bool) {
	args := cmd.Args()
	if len(args) < 4 || !strings.HasPrefix(cmd.Name(), "eval") {
		return "", false
	}
	key, ok := args[3].(string)
	return key, ok && strings.HasPrefix(key, prefix)
}

// parse reads a call. Whatever is not exactly as expected is other.
func parse(cmd redis.Cmder) script {
	first, ok := firstKey(cmd)
	if !ok {
		return script{}
	}
	queue, _, ok := strings.Cut(first[len(prefix):], "}:")
	args := cmd.Args()
	n, isInt := args[2].(int)
	if !ok || !isInt || n < 1 || len(args) < 3+n {
		return script{}
	}
	s := script{queue: queue, args: args[3+n:]}
	names := make([]string, n)
	for i, arg := range args[3 : 3+n] {
		key, ok := arg.(string)
		name, mine := strings.CutPrefix(key, prefix+queue+"}:")
		if !ok || !mine {
			return script{}
		}
		s.keys, names[i] = append(s.keys, key), name
	}
	for _, shape := range shapes {
		if len(s.args) == shape.args && fits(names, shape.keys) {
			s.what = shape.what
		}
	}
	return s
}

func fits(names, shape []string) bool {
	if len(names) != len(shape) {
		return false
	}
	for i, name := range names {
		if open := strings.HasSuffix(shape[i], ":"); open && !strings.HasPrefix(name, shape[i]) || !open && name != shape[i] {
			return false
		}
	}
	return true
}
