package plans

import (
	"time"

	"github.com/google/uuid"

	"rohrpost/db"
)

func people(d *dataset) []check {
	heavy := d.user(1)
	return []check{
		on("", func(x db.DBTX) {
			q.InsertUser(bg, x, db.InsertUserParams{ID: uuid.New(), Email: "new@example.org", Role: "user"})
		}),
		on("taken", func(x db.DBTX) {
			q.InsertUser(bg, x, db.InsertUserParams{ID: uuid.New(), Email: "USER7@example.org", Role: "user"})
		}),
		on("", func(x db.DBTX) { q.UserByID(bg, x, heavy) }),
		on("", func(x db.DBTX) { q.LockUser(bg, x, heavy) }),
		on("", func(x db.DBTX) { q.UserByEmail(bg, x, "User7@example.org") }),
		on("", func(x db.DBTX) { q.AdminIDs(bg, x) }),
		on("", func(x db.DBTX) { q.Admins(bg, x) }),
		on("", func(x db.DBTX) { q.LockAdmins(bg, x) }),
		on("", func(x db.DBTX) { q.UsersBefore(bg, x, db.UsersBeforeParams{Before: uuid.Max, PageSize: 21}) }).
			reading(3000, "counts the sessions of each"),
		on("old page", func(x db.DBTX) { q.UsersBefore(bg, x, db.UsersBeforeParams{Before: d.user(15), PageSize: 21}) }).
			reading(200_000, "counts the sessions of each, also of those that have very many"),
		on("admins", func(x db.DBTX) {
			q.UsersBefore(bg, x, db.UsersBeforeParams{Before: uuid.Max, Role: new("admin"), PageSize: 21})
		}).reading(40_000, "counts the sessions of each, also of those that have very many"),
		on("", func(x db.DBTX) { q.SetUserPassword(bg, x, db.SetUserPasswordParams{ID: heavy}) }),
		on("", func(x db.DBTX) {
			q.RenewPasswordHash(bg, x, db.RenewPasswordHashParams{ID: heavy, Checked: "hash 1", Renewed: "hash 2"})
		}),
		on("", func(x db.DBTX) { q.SetUserRole(bg, x, db.SetUserRoleParams{Role: "admin", ID: heavy}) }),
		on("", func(x db.DBTX) { q.SetUserVerified(bg, x, heavy) }),
		on("", func(x db.DBTX) {
			q.ReserveIdempotencyKey(bg, x, db.ReserveIdempotencyKeyParams{UserID: heavy, Route: "POST /api/files", Key: "new", BodyHash: hash(1)})
		}),
		on("", func(x db.DBTX) {
			q.TakeIdempotencyKey(bg, x, db.TakeIdempotencyKeyParams{
				UserID: heavy, Route: "POST /api/files", Key: "another", BodyHash: hash(1), Response: []byte(`{}`)})
		}),
		on("", func(x db.DBTX) {
			q.StoreIdempotentAnswer(bg, x, db.StoreIdempotentAnswerParams{
				Response: []byte(`{}`), UserID: heavy, Route: "POST /api/files", Key: "key 100"})
		}),
		on("", func(x db.DBTX) {
			q.IdempotentAnswer(bg, x, db.IdempotentAnswerParams{UserID: heavy, Route: "POST /api/files", Key: "key 100000"})
		}),
	}
}

// Of the sessions of fill/people.sql.
const (
	liveSession = 190_001
	usedToken   = 300_000
	freshToken  = 300_002
)

func sessions(d *dataset) []check {
	live := d.id(liveSession, sessionRows)
	const few = "a user with very many logins"
	return []check{
		on("", func(x db.DBTX) {
			q.OpenSession(bg, x, db.OpenSessionParams{ID: uuid.New(), ExpiresAt: time.Now(), UserID: d.user(1), Checked: "hash 1"})
		}),
		on("", func(x db.DBTX) { q.LiveSessions(bg, x, []uuid.UUID{live}) }),
		on("", func(x db.DBTX) { q.ExtendSession(bg, x, db.ExtendSessionParams{ExpiresAt: time.Now(), ID: live}) }),
		on("", func(x db.DBTX) { q.RevokeSession(bg, x, live) }),
		on("light user", func(x db.DBTX) { q.RevokeSessionsOfUser(bg, x, d.user(7777)) }),
		on("light user", func(x db.DBTX) { q.RevokeLiveSessionsOfUser(bg, x, d.user(7777)) }).reading(50, few),
		on("", func(x db.DBTX) {
			q.InsertRefreshToken(bg, x, db.InsertRefreshTokenParams{TokenHash: hash(1 << 40), SessionID: live})
		}),
		on("", func(x db.DBTX) { q.UseRefreshToken(bg, x, hash(freshToken)) }),
		on("", func(x db.DBTX) { q.RevokeSessionOfUsedToken(bg, x, hash(usedToken)) }),
		on("unknown", func(x db.DBTX) { q.RevokeSessionOfUsedToken(bg, x, hash(1<<41)) }),
	}
}

func mails(d *dataset) []check {
	id, job := d.id(150_000, mailRows), d.id(299_950, mailRows)
	list := func(arg db.MailsBeforeParams) func(x db.DBTX) {
		arg.Most = 21
		return func(x db.DBTX) { q.MailsBefore(bg, x, arg) }
	}
	return []check{
		on("", func(x db.DBTX) {
			q.InsertMail(bg, x, db.InsertMailParams{ID: uuid.New(), JobID: uuid.New(), Data: []byte(`{}`), UserID: new(d.user(1))})
		}),
		on("", func(x db.DBTX) { q.MailByID(bg, x, id) }),
		on("newest", list(db.MailsBeforeParams{Before: uuid.Max})),
		on("old page", list(db.MailsBeforeParams{Before: d.id(5000, mailRows)})),
		on("queued", list(db.MailsBeforeParams{Before: uuid.Max, State: new("queued")})),
		on("failed", list(db.MailsBeforeParams{Before: uuid.Max, State: new("failed")})),
		on("failed, old page", list(db.MailsBeforeParams{Before: d.id(50_000, mailRows), State: new("failed")})),
		on("none skipped", list(db.MailsBeforeParams{Before: uuid.Max, State: new("skipped")})),
		on("", func(x db.DBTX) { q.LockMailsAbout(bg, x, db.LockMailsAboutParams{Recipient: "r", Template: "t"}) }),
		on("", func(x db.DBTX) {
			q.CountMails(bg, x, db.CountMailsParams{Recipient: "user7@example.org", Template: "notice", Seconds: 86400})
		}),
		on("sent", func(x db.DBTX) { q.EndMail(bg, x, db.EndMailParams{State: "sent", ID: d.id(299_950, mailRows)}) }),
		on("", func(x db.DBTX) { q.FollowMailJob(bg, x, db.FollowMailJobParams{State: "failed", JobID: job}) }),
		on("", func(x db.DBTX) {
			q.InsertMailToken(bg, x, db.InsertMailTokenParams{TokenHash: hash(1 << 40), Purpose: "verify_address", UserID: d.user(1)})
		}),
		on("", func(x db.DBTX) {
			q.LiveMailToken(bg, x, db.LiveMailTokenParams{TokenHash: hash(99_000), Purpose: "verify_address"})
		}),
		on("", func(x db.DBTX) {
			q.UseMailToken(bg, x, db.UseMailTokenParams{TokenHash: hash(99_000), Purpose: "verify_address"})
		}),
		on("", func(x db.DBTX) {
			q.VoidMailTokens(bg, x, db.VoidMailTokensParams{UserID: d.user(7777), Purpose: "verify_address"})
		}),
		on("", func(x db.DBTX) { q.SuppressAddress(bg, x, db.SuppressAddressParams{Address: "new@example.org"}) }),
		on("", func(x db.DBTX) { q.SuppressedAddress(bg, x, "gone7@example.org") }),
		on("", func(x db.DBTX) {
			q.SuppressedAddresses(bg, x, db.SuppressedAddressesParams{After: "gone5", Most: 101})
		}),
		on("", func(x db.DBTX) { q.ReleaseAddress(bg, x, "gone7@example.org") }),
	}
}

func audits(d *dataset) []check {
	actor := d.user(4001)
	list := func(arg db.AuditEntriesBeforeParams) func(x db.DBTX) {
		arg.PageSize = 21
		return func(x db.DBTX) { q.AuditEntriesBefore(bg, x, arg) }
	}
	return []check{
		on("", func(x db.DBTX) {
			q.InsertAuditEntry(bg, x, db.InsertAuditEntryParams{ID: uuid.New(), Actor: &actor, Action: "a", Detail: []byte(`{}`)})
		}),
		on("", list(db.AuditEntriesBeforeParams{Before: uuid.Max})),
		on("rare action", list(db.AuditEntriesBeforeParams{Before: uuid.Max, Action: new("backup.delete")})),
		on("no such action", list(db.AuditEntriesBeforeParams{Before: uuid.Max, Action: new("no.such")})),
		on("of an actor", list(db.AuditEntriesBeforeParams{Before: uuid.Max, Actor: &actor})),
		on("of nobody", list(db.AuditEntriesBeforeParams{Before: uuid.Max, Actor: new(d.user(2))})),
		on("on a target", list(db.AuditEntriesBeforeParams{Before: uuid.Max, Target: new("target 77")})),
		on("of an actor, rare action", list(db.AuditEntriesBeforeParams{
			Before: uuid.Max, Actor: &actor, Action: new("backup.delete")})),
	}
}
