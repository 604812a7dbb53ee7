// Package accounts knows who is asking: it registers users, logs them in, and tells from an access token who a request
// is from and whether it is an admin's.
//
// A login opens a session. The session has a chain of refresh tokens, of which only the newest is good, and only once;
// each use buys a short-lived access token and the next refresh token:
//
//	Login ──▶ session ──▶ access token (a signed JWT, minutes)      ──▶ Authenticate
//	            │    └──▶ refresh token (random, stored as a hash) ──▶ Refresh ──▶ the next pair, session extended
//	            │                                                        │
//	            ◀── used a second time: somebody stole it, so revoked ◀──┘
//	            ◀── Logout, a new password: revoked
//
// There is no grace for a token that is used twice at nearly the same time: one call wins, the others revoke the session,
// the winner's new tokens included. A grace would be a window for a thief, and clients can do without: a browser's tabs
// share one session under a lock, and whoever lost an answer logs in again.
//
// An access token is good only while its session is, so a logout counts at once; [Service.Authenticate] asks PostgreSQL
// each time. As it asks anyway, it takes the role from there too, and neither a promotion nor a demotion waits for a
// token to expire. The role inside of the token is for clients to read, nothing here trusts it.
//
// An address is proven by a token that was mailed to it, and so is the right to a new password. Such a token is good once
// and for a while, for the address that it went to. Asking for a new password gets the same answer, after the same work,
// whether there is an account or not: that is found out when the mail is sent.
//
// Hashing a password takes 19 MiB and tens of milliseconds of a core by intention. So only a few are hashed at a time,
// a bounded number waits, and the rest is told to come back.
package accounts
