package stream

import "github.com/google/uuid"

// Key names a stream. It is comparable; make it with [Job] or [User].
type Key struct {
	kind keyKind
	id   uuid.UUID
}

type keyKind byte

const (
	jobKey  keyKind = 1
	userKey keyKind = 2
)

// Job is the stream of one job: its states, progress, tokens and outcome, closed by a final event.
func Job(id uuid.UUID) Key { return Key{jobKey, id} }

// User is the stream of everything that concerns one user. It never ends.
func User(id uuid.UUID) Key { return Key{userKey, id} }

// String is the Redis key of the log and the name of its channel. The braces are a hash tag: everything that belongs to
// the stream lies in one slot of a Redis Cluster, so that one script may touch it.
func (k Key) String() string {
	switch k.kind {
	case jobKey:
		return "rohrpost:stream:{job:" + k.id.String() + "}"
	case userKey:
		return "rohrpost:stream:{user:" + k.id.String() + "}"
	}
	return "rohrpost:stream:{none}"
}

// fence is the Redis key that holds the highest epoch seen of the job that writes. A user's stream needs one per job:
// the epochs of different jobs have nothing to do with each other.
func (k Key) fence(job uuid.UUID) string {
	if k.kind == jobKey {
		return k.String() + ":fence"
	}
	return k.String() + ":fence:" + job.String()
}
