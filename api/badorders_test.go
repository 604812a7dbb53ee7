package api_test

import (
	"strings"

	"github.com/google/uuid"
)

// badOrders are those of an admin.
func badOrders(root *user) []bad {
	schedules := func(body string) request { return send("/api/admin/schedules", body).by(root) }
	spec := func(name, cron, zone, kind, more string) request {
		return schedules(`{"name":"` + name + `","cron":"` + cron + `","zone":"` + zone + `","kind":"` + kind + `"` + more + `}`)
	}
	sweep, rescan := "cleanup:sweep", "/api/admin/quarantine/rescan"
	file := "/api/admin/quarantine/" + uuid.Must(uuid.NewV7()).String()
	suppress := func(body string) request { return send("/api/admin/mail-suppressions", body).by(root) }
	long := strings.Repeat("x", 301)
	return []bad{
		{"schedule without a name", schedules(`{}`), 400, "invalid", "name"},
		{"without a cron", schedules(`{"name":"a"}`), 400, "invalid", "cron"},
		{"without a zone", schedules(`{"name":"a","cron":"@daily"}`), 400, "invalid", "zone"},
		{"without a kind", schedules(`{"name":"a","cron":"@daily","zone":"UTC"}`), 400, "invalid", "kind"},
		{"bad name", spec("Big Ben", "@daily", "UTC", sweep, ""), 400, "invalid", "lower-case"},
		{"bad hour", spec("a", "0 25 * * *", "UTC", sweep, ""), 400, "invalid", `field 2, the hour, is "25"`},
		{"too few fields", spec("a", "0 2 *", "UTC", sweep, ""), 400, "invalid", "it has 3 fields"},
		{"bad zone", spec("a", "@daily", "Mars/Base", sweep, ""), 400, "invalid", "no time zone"},
		{"bad kind", spec("a", "@daily", "UTC", "file:scan", ""), 400, "invalid", "can't be scheduled"},
		{"kind with NUL", spec("a", "@daily", "UTC", `a\u0000`, ""), 400, "invalid", "can't be scheduled"},
		{"bad args", spec("a", "@daily", "UTC", sweep, `,"args":{"speed":1}`), 400, "invalid", "speed"},
		{"bad args of a rescan", spec("a", "@daily", "UTC", "file:rescan", `,"args":{"only":["x"]}`), 400, "invalid", "x"},
		{"args that are none", spec("a", "@daily", "UTC", sweep, `,"args":[]`), 400, "invalid", "object"},
		{"bad catch-up", spec("a", "@daily", "UTC", sweep, `,"catch_up":"perhaps"`), 400, "invalid", "catch-up"},
		{"unknown field", spec("a", "@daily", "UTC", sweep, `,"paused":true`), 400, "invalid", "paused"},
		{"unknown schedule", get("/api/admin/schedules/none").by(root), 404, "not_found", ""},
		{"its runs", get("/api/admin/schedules/none/runs").by(root), 404, "not_found", ""},
		{"name with NUL", get("/api/admin/schedules/a%00b").by(root), 404, "not_found", ""},
		{"run that", get("/api/admin/schedules/a%00b/run").via("POST").by(root), 404, "not_found", ""},
		{"change nothing", send("/api/admin/schedules/none", `{}`).via("PATCH").by(root), 404, "not_found", ""},
		{"change its kind", send("/api/admin/schedules/none", `{"kind":"x"}`).via("PATCH").by(root), 400, "invalid", "kind"},
		{"delete nothing", get("/api/admin/schedules/none").via("DELETE").by(root), 404, "not_found", ""},

		{"unknown file", get(file).by(root), 404, "not_found", ""},
		{"malformed file", get("/api/admin/quarantine/17").by(root), 400, "invalid", "file_id"},
		{"release nothing", send(file+"/release", `{"reason":"x"}`).by(root), 404, "not_found", ""},
		{"release without a reason", send(file+"/release", `{}`).by(root), 400, "invalid", "reason"},
		{"release with a long reason", send(file+"/release", `{"reason":"`+long+long+`"}`).by(root), 400, "invalid", "reason"},
		{"delete no file", get(file).via("DELETE").by(root), 404, "not_found", ""},
		{"delete with NUL", get(file + "?reason=%00").via("DELETE").by(root), 400, "invalid", "reason"},
		{"rescan no file", get(file + "/rescan").via("POST").by(root), 404, "not_found", ""},
		{"rescan without dry_run", send(rescan, `{}`).by(root), 400, "invalid", "dry_run"},
		{"rescan of what there is not", send(rescan, `{"dry_run":true,"only":["users"]}`).by(root), 400, "invalid", "users"},

		{"no address", suppress(`{"reason":"x"}`), 400, "invalid", "address"},
		{"two addresses", suppress(`{"address":"a@b.example, c@d.example","reason":"x"}`), 400, "invalid", "address"},
		{"no reason", suppress(`{"address":"a@b.example"}`), 400, "invalid", "why"},
		{"release no address", get("/api/admin/mail-suppressions").via("DELETE").by(root), 400, "invalid", "address"},
		{"release a stranger", get("/api/admin/mail-suppressions?address=a@b.example").via("DELETE").by(root), 404,
			"not_found", ""},
		{"key with a space", suppress(`{"address":"a@b.example","reason":"x"}`).with("Idempotency-Key", "a b"), 400, "invalid",
			"Idempotency-Key"},
	}
}

// badLooks are lists that an admin asks for.
func badLooks(root *user) []bad {
	return []bad{
		{"quarantine of a status", get("/api/admin/quarantine?status=clean").by(root), 400, "invalid", "status"},
		{"quarantine of no user", get("/api/admin/quarantine?owner=ada").by(root), 400, "invalid", "owner"},
		{"quarantine with NUL", get("/api/admin/quarantine?signature=%00").by(root), 400, "invalid", "signature"},
		{"quarantine, bad cursor", get("/api/admin/quarantine?before=x").by(root), 400, "invalid", "before"},
		{"runs, bad cursor", get("/api/admin/schedules/a/runs?before=yesterday").by(root), 400, "invalid", "before"},
		{"runs, limit 0", get("/api/admin/schedules/a/runs?limit=0").by(root), 400, "invalid", "limit"},
		{"mails of a state", get("/api/admin/mails?state=lost").by(root), 400, "invalid", "state"},
		{"mails, limit 101", get("/api/admin/mails?limit=101").by(root), 400, "invalid", "limit"},
		{"unknown mail", get("/api/admin/mails/" + uuid.NewString()).by(root), 404, "not_found", ""},
		{"suppressions after NUL", get("/api/admin/mail-suppressions?after=%00").by(root), 400, "invalid", "after"},
		{"audit of nobody", get("/api/admin/audit?actor=ada").by(root), 400, "invalid", "actor"},
		{"audit of no action", get("/api/admin/audit?action=").by(root), 400, "invalid", "action"},
		{"audit of a long target", get("/api/admin/audit?target=" + strings.Repeat("x", 301)).by(root), 400, "invalid",
			"target"},
	}
}
