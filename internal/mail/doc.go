// Package mail sends what Rohrpost has to say by mail: to users that they prove their address or choose a new password,
// to admins that something needs them.
//
// A mail is written down and its job enqueued in the transaction that makes it necessary, so there is a mail if and only
// if that commits. The job carries the mail's id. Only when it is sent are its text and its link made:
//
//	Send (caller's tx) ──▶ queued ──▶ sent         the server took it; commits together with the job
//	                         │  ▲ ──▶ suppressed   the address is on the suppression list
//	                         │  └── rerun          skipped: it has become pointless, or there is no such account
//	                         └──────▶ failed       refused (5xx), or given up after hours of trying
//
// The token of a link is made at that moment, too, and stored as a hash: it is nowhere at rest but in the mail. A retry
// has a new token under the same Message-ID, and both are good; using one voids the other.
//
// What the server says decides. A 5xx fails at once, and where it is about the recipient, the address is suppressed: a
// sender that goes on writing to addresses that don't exist is soon refused everywhere. A 4xx, a lost connection and a
// timeout are tried again.
//
// A mail is sent twice only where a worker dies, or loses PostgreSQL for minutes, between the server's answer and the
// commit that follows right after it, or where the connection breaks while the server answers. SMTP has no way to ask. The
// Message-ID derives from the job's id and is the same each time, so that servers and readers can tell.
package mail
