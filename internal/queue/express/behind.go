package express

import "context"

type (
	behindKey struct{}
	noteKey   struct{}
)

// Behind has the task that a client enqueues with this context start after so many others of its line, instead of after
// all of them. Redis walks the line for it.
func Behind(ctx context.Context, tasks int64) context.Context {
	return context.WithValue(ctx, behindKey{}, tasks)
}

// place is how many tasks start before the one of this context.
func place(ctx context.Context) int64 {
	if tasks, ok := ctx.Value(behindKey{}).(int64); ok {
		return tasks
	}
	return atTheEnd
}

// Noting has fn called as soon as the task that a client enqueues with this context is among those that go next: one that
// is enqueued after that starts after it. It isn't called where tasks go by themselves.
func Noting(ctx context.Context, fn func()) context.Context {
	return context.WithValue(ctx, noteKey{}, fn)
}

func note(ctx context.Context) {
	if fn, ok := ctx.Value(noteKey{}).(func()); ok {
		fn()
	}
}
