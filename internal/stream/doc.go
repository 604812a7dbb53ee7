// Package stream carries live events from workers to browsers: job states, progress and tokens, resumable after a
// reload, on a second device or after a restart of any process.
//
// A stream is a capped Redis Stream (the log) plus a pub/sub channel of the same name that carries every entry as it is
// written, so live fan-out costs no read. Redis is speed here, never truth: losing a log loses no result, and readers
// are told so by an event of type [TypeReload] ("read the record in PostgreSQL, then go on").
//
//	worker                        Redis                          api process
//	Log.Append ──── script ────▶  log + PUBLISH ── pub/sub ───▶  Hub ──▶ Subscription.Next ──▶ SSE
//	TokenWriter ──────┘            ▲                              │
//	                               └──────── XRANGE (replay) ─────┘
//
// # Ids
//
// An entry's id is "<incarnation>-<seq>": the milliseconds at which the log was begun, and a number counting up from 1
// without holes; from 2 where the log replaces one that was lost, so that who reads it from its first entry learns that
// the beginning is missing. A log holds one incarnation only. So two ids alone tell whether something lies between them,
// and an id that is neither in the log nor directly before its first entry cannot be continued from: the log was wiped,
// trimmed past it, or begun anew. That is why every replay reads from the id inclusively.
//
// # Fencing
//
// A writer names the epoch of the job it runs. The highest epoch seen for a stream wins; a lower one is refused with
// [ErrFenced]. A user's stream carries many jobs, so it holds one fence per job. An ended log takes no more entries
// ([ErrEnded]) until a higher epoch (the job was rerun) begins it anew; neither does a user's stream of that job.
//
// # Exactly once
//
// Each append carries a key. When the outcome of an attempt is unknown (a timeout, a cut connection), the next attempt
// looks for that key in the log first, so that retrying never doubles a token. go-redis's own blind retry is off for it.
//
// # Readers
//
// A [Hub] has one pub/sub connection for all readers of its process and no goroutine per reader. A [Subscription] is
// either live (entries are queued as they arrive) or behind (its next call to Next reads the log from the last id). Any
// doubt, a hole between two ids, a confirmation of SUBSCRIBE after a reconnect, the periodic check finding another last
// id, only sets it behind; so there is one way to catch up, and it yields neither gap nor repeat.
package stream
